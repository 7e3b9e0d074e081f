import ArgumentParser

public struct LatencyCommand: InstrumentCommand {
  public static let configuration = CommandConfiguration(
    commandName: "latency",
    abstract: "Time HTTP requests as curl does: name lookup, connect, TLS, first byte, total.",
    discussion: """
      Probes follow each other, each on a connection of its own, so that every one is scheduled anew by a director. \
      The times have curl's names and meanings: seconds from the beginning of the probe to the end of the phase. Below \
      the table stand mean, median, percentiles and standard deviation, and what each phase took by itself.

      EXAMPLES
        svs bench latency http://192.0.2.10:8000/
        svs bench latency -n 1000 --interval 0.01 --json result.json http://192.0.2.10:8000/
        svs bench latency --resolve shop.example:443:192.0.2.10 https://shop.example/
        svs bench latency http://10.0.0.1:8000/ http://192.0.2.10:8000/     a real server, and the way by the VIP

      EXIT STATUS
        0 if all probes were answered, 1 if one failed or the measurement could not begin, 64 if the command line is \
      wrong, 130 if it was interrupted. What was measured until then is printed and written in each case.
      """)

  @Argument(help: ArgumentHelp("What to probe: http:// or https:// and a host.", valueName: "url"))
  public var urls: [String]

  @Option(name: [.customShort("n"), .customLong("count")], parsing: .unconditional, help: "Probes of each URL.")
  public var count = 10

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Seconds from the beginning of one probe to that of the next.", valueName: "seconds"))
  public var interval: Double = 0

  @Option(
    name: [.customShort("m"), .customLong("timeout")],
    parsing: .unconditional, help: ArgumentHelp("Seconds after which a probe has failed.", valueName: "seconds"))
  public var timeout: Double = 10

  @Option(
    help: ArgumentHelp(
      "Use this address for a host and port, instead of looking it up.", valueName: "host:port:address"))
  public var resolve: [String] = []

  @Option(
    name: [.customShort("H"), .long],
    help: ArgumentHelp("A header to send, or one to replace.", valueName: "name: value"))
  public var header: [String] = []

  @Flag(name: [.customLong("http1.1")], help: "HTTP/1.1, even where a server offers HTTP/2.")
  public var http1 = false

  @Flag(name: [.customLong("http2")], help: "HTTP/2; over plain TCP with prior knowledge.")
  public var http2 = false

  @Flag(name: [.customShort("4"), .customLong("ipv4")], help: "IPv4 only.")
  public var ipv4 = false

  @Flag(name: [.customShort("6"), .customLong("ipv6")], help: "IPv6 only.")
  public var ipv6 = false

  @Flag(help: "Leave connections open and use them again, where the server lets them be.")
  public var keepAlive = false

  @Flag(name: [.customShort("k"), .long], help: "Do not verify the server's certificate.")
  public var insecure = false

  @Option(help: ArgumentHelp("Certificates to trust instead of the system's (PEM).", valueName: "file"))
  public var cacert: String?

  @Flag(name: [.short, .long], help: "No table of probes, only what they come to.")
  public var quiet = false

  @Option(help: ArgumentHelp("Write the result as JSON to this file, - for standard output.", valueName: "file"))
  public var json: String?

  @Option(help: ArgumentHelp("Write the probes as CSV to this file, - for standard output.", valueName: "file"))
  public var csv: String?

  public init() {}

  public func validate() throws {
    guard !urls.isEmpty else {
      throw ValidationError("Which URL? For instance: svs bench latency http://192.0.2.10:8000/")
    }
    guard (1...10_000_000).contains(count) else { throw ValidationError("Probes are 1 to 10,000,000.") }
    guard (0...86_400).contains(interval) else { throw ValidationError("The interval is 0 to 86,400 seconds.") }
    guard timeout > 0, timeout <= 86_400 else {
      throw ValidationError("The timeout is more than 0 and up to 86,400 seconds.")
    }
    guard !(http1 && http2) else { throw ValidationError("Either --http1.1 or --http2.") }
    guard !(ipv4 && ipv6) else { throw ValidationError("Either -4 or -6.") }
    try ResultPlaces.check(json: json, csv: csv)
  }
}
