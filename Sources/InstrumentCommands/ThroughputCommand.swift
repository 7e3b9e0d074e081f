import ArgumentParser

public struct ThroughputCommand: InstrumentCommand {
  public static let configuration = CommandConfiguration(
    commandName: "throughput",
    abstract: "Measure throughput as iperf3 does, with iperf3's servers and clients too.",
    discussion: """
      Speaks the protocol of iperf3 3.12 in both roles, takes its options and prints its reports. Beyond it, a server \
      serves many clients at once, every stream has a thread of its own, and --latency shows what the load does to \
      round trips. Numbers take k, m, g and t behind them: powers of 1024 for octets, of 1000 for bits a second.

      EXAMPLES
        svs bench throughput -s                        a server, for any number of clients at once
        svs bench throughput -c 10.0.0.2 -P 4          four streams at once
        svs bench throughput -c 10.0.0.2 -R -J         the server sends; iperf3's JSON
        svs bench throughput -c 10.0.0.2 -u -b 500m    500 Mbit/s of UDP: loss and jitter
        svs bench throughput -c 10.0.0.2 --latency     round trips idle, and under the load
      """)

  // MARK: Either side

  @Flag(name: .shortAndLong, help: "Be a server.")
  public var server = false

  @Option(
    name: [.customShort("c", allowingJoined: true), .long],
    help: ArgumentHelp("Be a client of this server.", valueName: "host"))
  public var client: String?

  @Option(
    name: [.customShort("p", allowingJoined: true), .long], parsing: .unconditional, help: "The server's port.",
    transform: WholeNumber.port)
  public var port: UInt16 = 5201

  @Option(
    name: [.customShort("i", allowingJoined: true), .long],
    parsing: .unconditional,
    help: ArgumentHelp("Time between reports, 0.1 to 60; 0 for the end alone.", valueName: "seconds"))
  public var interval: Double = 1

  @Option(
    name: [.customShort("f", allowingJoined: true), .long],
    help: ArgumentHelp("Unit of rates: k, m, g, t for bits, K, M, G, T for octets.", valueName: "letter"))
  public var format: String?

  @Option(
    name: [.customShort("B", allowingJoined: true), .long],
    help: ArgumentHelp("The address of this host to use.", valueName: "address"))
  public var bind: String?

  @Flag(name: [.customShort("4"), .customLong("version4")], help: "IPv4 only.")
  public var ipv4 = false

  @Flag(name: [.customShort("6"), .customLong("version6")], help: "IPv6 only.")
  public var ipv6 = false

  @Flag(name: [.customShort("V"), .long], help: "Say more.")
  public var verbose = false

  @Flag(name: [.customShort("J"), .customLong("json-iperf3")], help: "Report as iperf3's JSON, when the test is over.")
  public var iperf3JSON = false

  @Option(
    help: ArgumentHelp(
      "Also write the result of a client as data to this file, - for standard output alone.", valueName: "file"))
  public var json: String?

  @Option(
    help: ArgumentHelp("Text as iperf3 of this version prints it: 3.12 or 3.1.", valueName: "version"),
    completion: .list(["3.12", "3.1"]))
  public var layout = "3.12"

  // MARK: A server

  @Flag(name: [.customShort("1"), .long], help: "End after one test.")
  public var oneOff = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Tests at once; further clients are told that the server is busy.", valueName: "number"))
  public var clients = 64

  // MARK: A client

  @Flag(name: [.customShort("u"), .long], help: "UDP, at 1 Mbit/s unless -b says otherwise.")
  public var udp = false

  @Option(
    name: [.customShort("t", allowingJoined: true), .long],
    parsing: .unconditional, help: ArgumentHelp("How long to send (10).", valueName: "seconds"))
  public var time: Int?

  @Option(
    name: [.customShort("n", allowingJoined: true), .long],
    parsing: .unconditional, help: ArgumentHelp("Octets to send, in place of -t.", valueName: "number"))
  public var bytes: String?

  @Option(
    name: [.customShort("k", allowingJoined: true), .long],
    parsing: .unconditional, help: ArgumentHelp("Blocks to send, in place of -t.", valueName: "number"))
  public var blockcount: String?

  @Option(
    name: [.customShort("l", allowingJoined: true), .long],
    parsing: .unconditional, help: ArgumentHelp("Length of a block; of a datagram for UDP.", valueName: "octets"))
  public var length: String?

  @Option(
    name: [.customShort("P", allowingJoined: true), .long], parsing: .unconditional,
    help: ArgumentHelp("Streams at once.", valueName: "number"))
  public var parallel = 1

  @Flag(name: [.customShort("R"), .long], help: "The server sends.")
  public var reverse = false

  @Flag(help: "Both send.")
  public var bidir = false

  @Option(
    name: [.customShort("O", allowingJoined: true), .long],
    parsing: .unconditional, help: ArgumentHelp("Time at the beginning that does not count.", valueName: "seconds"))
  public var omit = 0

  @Option(
    name: [.customShort("b", allowingJoined: true), .long, .customLong("bandwidth")],
    parsing: .unconditional,
    help: ArgumentHelp(
      "Rate of each stream; 0 for as fast as it goes. With /N, N blocks go without a pause.", valueName: "bits[/N]"))
  public var bitrate: String?

  @Option(parsing: .unconditional, help: ArgumentHelp("Rate to which the kernel paces each stream.", valueName: "bits"))
  public var fqRate: String?

  @Option(
    name: [.customShort("w", allowingJoined: true), .long],
    parsing: .unconditional, help: ArgumentHelp("Size of the socket buffers.", valueName: "octets"))
  public var window: String?

  @Option(
    name: [.customShort("M", allowingJoined: true), .long],
    parsing: .unconditional, help: ArgumentHelp("TCP's largest segment.", valueName: "octets"))
  public var setMss: Int?

  @Flag(name: [.customShort("N"), .long], help: "TCP without Nagle's algorithm.")
  public var noDelay = false

  @Option(
    name: [.customShort("S", allowingJoined: true), .long],
    parsing: .unconditional,
    help: ArgumentHelp("Type of service, 0 to 255; 0x for hexadecimal, 0 in front for octal.", valueName: "number"))
  public var tos: String?

  @Option(
    name: [.customShort("C", allowingJoined: true), .long],
    help: ArgumentHelp("TCP's congestion control.", valueName: "name"),
    completion: .shellCommand("cat /proc/sys/net/ipv4/tcp_available_congestion_control"))
  public var congestion: String?

  @Flag(name: [.customShort("Z"), .long], help: "Send without copying (sendfile).")
  public var zerocopy = false

  @Flag(help: "Forbid IPv4 routers to fragment datagrams.")
  public var dontFragment = false

  @Flag(name: .customLong("udp-counters-64bit"), help: "Number datagrams in 64 bits.")
  public var wideCounters = false

  @Flag(help: "Send one pattern over and over in place of random octets.")
  public var repeatingPayload = false

  @Option(parsing: .unconditional, help: ArgumentHelp("Give up connecting after so long.", valueName: "milliseconds"))
  public var connectTimeout: Int?

  @Option(
    parsing: .unconditional, help: ArgumentHelp("Where data connections come from.", valueName: "port"),
    transform: WholeNumber.port)
  public var cport: UInt16?

  @Option(
    name: [.customShort("T", allowingJoined: true), .long],
    help: ArgumentHelp("Put this in front of every line.", valueName: "text"))
  public var title: String?

  @Option(help: ArgumentHelp("Words to keep in the JSON.", valueName: "text"))
  public var extraData: String?

  @Flag(help: "Print the server's report too.")
  public var getServerOutput = false

  @Flag(help: "Measure round trips before the test and during it. The server must be this one.")
  public var latency = false

  @Flag(help: ArgumentHelp("Accepted; every line is written at once.", visibility: .hidden))
  public var forceflush = false

  public init() {}

  public func validate() throws {
    guard server != (client != nil) else {
      throw ValidationError(server ? "-s and -c cannot be both." : "Say -s for a server or -c HOST for a client.")
    }
    guard interval == 0 || 0.1...60 ~= interval else { throw ValidationError("-i takes 0, or 0.1 to 60 seconds.") }
    guard !(ipv4 && ipv6) else { throw ValidationError("-4 and -6 cannot be both.") }
    guard ["3.12", "3.1"].contains(layout) else { throw ValidationError("--layout takes 3.12 or 3.1.") }
    guard 1...1024 ~= clients else { throw ValidationError("--clients takes 1 to 1024.") }
    try ResultPlaces.check(json: json)
    guard iperf3JSON == false || json != "-" else { throw ValidationError("-J and '--json -' cannot be both.") }
    if server { try validateServer() } else { try validateClient() }
  }

  private func validateServer() throws {
    let clientOnly: [(String, Bool)] = [
      ("-u", udp), ("-t", time != nil), ("-n", bytes != nil), ("-k", blockcount != nil), ("-l", length != nil),
      ("-P", parallel != 1), ("-R", reverse), ("--bidir", bidir), ("-O", omit != 0), ("-b", bitrate != nil),
      ("-w", window != nil), ("-M", setMss != nil), ("-N", noDelay), ("-S", tos != nil), ("-C", congestion != nil),
      ("-Z", zerocopy), ("--get-server-output", getServerOutput), ("--latency", latency), ("--json", json != nil),
    ]
    if let option = clientOnly.first(where: \.1) { throw ValidationError("\(option.0) is for clients.") }
  }

  private func validateClient() throws {
    guard !oneOff else { throw ValidationError("-1 is for servers.") }
    guard !(reverse && bidir) else { throw ValidationError("-R and --bidir cannot be both.") }
    guard [time != nil, bytes != nil, blockcount != nil].count(where: { $0 }) <= 1 else {
      throw ValidationError("Only one of -t, -n and -k says when the test is over.")
    }
    guard port > 0 else { throw ValidationError("-p takes 1 to 65535.") }
    guard 1...128 ~= parallel else { throw ValidationError("-P takes 1 to 128.") }
    guard 0...60 ~= omit else { throw ValidationError("-O takes 0 to 60 seconds.") }
    if let time, !(1...86_400 ~= time) { throw ValidationError("-t takes 1 to 86400 seconds.") }
    if let setMss, !(88...9_216 ~= setMss) { throw ValidationError("-M takes 88 to 9216 octets.") }
    if let connectTimeout, connectTimeout < 1 { throw ValidationError("--connect-timeout takes 1 or more.") }
  }
}
