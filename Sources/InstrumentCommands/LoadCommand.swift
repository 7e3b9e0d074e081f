import ArgumentParser

public struct LoadCommand: InstrumentCommand {
  public static let configuration = CommandConfiguration(
    commandName: "load",
    abstract: "Make HTTP load and measure it, alone or as a worker of a Locust master.",
    discussion: """
      Users have a connection each and make one request after another, or, with --rate, requests start at planned \
      moments whoever has answered. Latencies and requests a second are those of successful requests; what failed is \
      told apart. With a rate, latencies are shown twice: from the sending, and corrected, from the planned moment, \
      which is what somebody waiting would have seen, whether an answer came or not.

      A file of tasks says what users do:

        host: http://127.0.0.1:8000
        users:
          Visitor:
            wait: [0.5, 2]
            tasks:
              - GET: /
                weight: 5
              - POST: /login
                body: deviceid=${user}
                headers: {Content-Type: application/x-www-form-urlencoded}

      Paths and bodies may hold ${user}, ${uuid}, ${counter} and ${timestamp}; ${$} is a dollar sign.

      With --master the users, their classes and the time are the master's to say; classes are found by their names \
      in the file, and without one every class does what the command says.

      EXAMPLES
        svs bench load http://10.0.0.5/ -u 50 -t 30s          50 users, as fast as they are answered
        svs bench load http://10.0.0.5/ -u 50 --rate 20000    20,000 requests a second
        svs bench load --tasks shop.yaml -u 500 -r 20         500 users, 20 more each second
        svs bench load --tasks sample http://10.0.0.5:8000    the sample web application's own tasks
        svs bench load --master locust.lan --tasks shop.yaml  a worker of that master

      EXIT STATUS
        0 if every request was answered, 1 if none succeeded or the load could not begin, 2 if some had no answer, 64 if \
      the command line is wrong, 130 if it was interrupted. What was measured until then is printed and written in each \
      case.
      """)

  @Argument(help: "Where requests go: http://HOST[:PORT][/PATH] or https://…")
  public var url: String?

  @Option(
    help: ArgumentHelp("What users do, as YAML; 'sample' for the sample web application.", valueName: "file"),
    completion: .file(extensions: ["yaml", "yml"]))
  public var tasks: String?

  @Option(name: .shortAndLong, parsing: .unconditional, help: "How many users.")
  public var users = 10

  @Option(
    name: [.customShort("r"), .long],
    parsing: .unconditional, help: ArgumentHelp("Users that begin in a second; all at once without.", valueName: "rate")
  )
  public var spawnRate: Double?

  @Option(
    name: [.customShort("t"), .customLong("time")], parsing: .unconditional, help: "How long: 30, 30s, 5m, 1h30m.")
  public var time = "10s"

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Start so many requests a second, whoever has answered.", valueName: "requests/s"))
  public var rate: Double?

  @Option(parsing: .unconditional, help: "Threads; one for each processor without.")
  public var threads: Int?

  @Option(parsing: .unconditional, help: ArgumentHelp("Seconds that a request may take.", valueName: "seconds"))
  public var timeout: Double = 30

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Seconds between a user's requests: S, or MIN-MAX.", valueName: "seconds"))
  public var wait: String?

  @Option(name: [.customShort("X"), .long], help: "The method of the URL's request.")
  public var method: String?

  @Option(name: [.customShort("H"), .long], help: "A header of all requests: 'Name: value'; may be repeated.")
  public var header: [String] = []

  @Option(name: [.customShort("d"), .long], help: "The body of the URL's request; makes it a POST.")
  public var data: String?

  @Flag(name: .customLong("http2"), help: "Speak HTTP/2: by ALPN over TLS, by prior knowledge without.")
  public var usesHTTP2 = false

  @Flag(name: .customLong("no-keep-alive"), help: "A new connection for each request.")
  public var closesConnections = false

  @Flag(name: [.customShort("k"), .customLong("insecure")], help: "Take any certificate.")
  public var isInsecure = false

  @Flag(name: .customShort("4"), help: "IPv4 only.")
  public var onlyIPv4 = false

  @Flag(name: .customShort("6"), help: "IPv6 only.")
  public var onlyIPv6 = false

  @Option(help: ArgumentHelp("Be a worker of the Locust master there.", valueName: "host"))
  public var master: String?

  @Option(
    name: .customLong("master-port"), parsing: .unconditional,
    help: ArgumentHelp("The master's --master-bind-port (5557).", valueName: "port"), transform: WholeNumber.port)
  public var givenMasterPort: UInt16?
  public var masterPort: UInt16 { givenMasterPort ?? 5557 }

  @Option(help: ArgumentHelp("Also write the result as JSON to this file, - for standard output.", valueName: "file"))
  public var json: String?

  @Option(help: ArgumentHelp("Also write the tasks' figures as CSV.", valueName: "file"))
  public var csv: String?

  @Flag(name: .shortAndLong, help: "Show no progress.")
  public var quiet = false

  public init() {}

  public func validate() throws {
    guard url != nil || tasks != nil || master != nil else {
      throw ValidationError("Say where to send requests: a URL, or --tasks with a file that names a host.")
    }
    guard users > 0, users <= 1_000_000 else { throw ValidationError("--users takes from 1 to 1000000.") }
    for (option, value) in [("--spawn-rate", spawnRate), ("--rate", rate)] {
      guard let value, !(value > 0 && value <= 1e8) else { continue }
      throw ValidationError("\(option) must be greater than 0, and up to 100,000,000.")
    }
    guard (threads ?? 1) > 0, (threads ?? 1) <= 1024 else { throw ValidationError("--threads takes from 1 to 1024.") }
    guard timeout > 0, timeout <= 3600 else {
      throw ValidationError("--timeout takes seconds, more than 0 and up to 3600.")
    }
    guard seconds != nil else {
      throw ValidationError("--time '\(time)' is no time, which must be more than 0; write 30s, 5m or 1h30m.")
    }
    guard !(onlyIPv4 && onlyIPv6) else { throw ValidationError("-4 and -6 exclude each other.") }
    guard wait == nil || waits != nil else {
      throw ValidationError("--wait takes seconds, from 0 to 86,400, as in 1 or 0.5-2.")
    }
    guard masterPort > 0 else { throw ValidationError("--master-port takes 1 to 65535.") }
    try ResultPlaces.check(json: json, csv: csv)
    guard tasks == nil || (method == nil && data == nil && wait == nil) else {
      throw ValidationError("--method, --data and --wait belong into the file of tasks.")
    }
    guard master != nil || givenMasterPort == nil else {
      throw ValidationError("--master-port is for a worker: say --master HOST too.")
    }
    guard master == nil || rate == nil else {
      throw ValidationError("--rate is not for a worker: Locust's masters speak of users.")
    }
    guard master == nil || (json == nil && csv == nil) else {
      throw ValidationError("A worker's results are with its master: --json and --csv are not for it.")
    }
  }

  /// How long, in seconds.
  public var seconds: Double? {
    if let number = Double(time), number > 0, number <= 1e9 { return number }
    var sum = 0.0
    var digits = ""
    for character in time {
      if character.isNumber || character == "." {
        digits.append(character)
        continue
      }
      let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
      guard let number = Double(digits), let unit = units[character] else { return nil }
      sum += number * unit
      digits = ""
    }
    return digits.isEmpty && sum > 0 && sum <= 1e9 ? sum : nil
  }

  /// Seconds between requests, at least and at most.
  public var waits: ClosedRange<Double>? {
    guard let wait else { return nil }
    let parts = wait.split(separator: "-", omittingEmptySubsequences: false).map { Double($0) }
    guard let low = parts[0], parts.count <= 2, let high = parts.count == 2 ? parts[1] : low else { return nil }
    return low >= 0 && low <= high && high <= 86_400 ? low...high : nil
  }
}
