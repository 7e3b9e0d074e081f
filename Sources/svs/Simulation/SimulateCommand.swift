import ArgumentParser
import KernelDirector
import Simulation

struct SimulateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate",
    abstract: "Try rules on made-up or captured traffic: which server each connection gets, and why.",
    discussion: """
      The rules, in the form that 'ipvsadm -Sn' and 'svs local-address save' print, and the packets go through the very code that runs in the \
      kernel, in this process's memory: no root is needed and nothing is touched. A line is printed for every packet \
      that a server was looked for, and at the end what each server got.

      A scenario has one event a line; '#' begins a comment:
        open CLIENT VIP:PORT        the whole TCP handshake; with 'udp', a datagram
        syn, data, close, reset     of the latest connection, unless CLIENT has a port
        repeat N [every TIME] …     N times, each by a network's next client
        wait TIME                   15, 500ms, 2m: what expires meanwhile ends
        ipvsadm WORDS               changes rules, or lists them: ipvsadm -Ln
        local-address add WORDS     FULLNAT's pools, as 'svs local-address' keeps them; or del
        sysctl NAME=VALUE           sets a knob, as 'svs sysctl -w' does
      A client is ADDRESS, ADDRESS:PORT or NETWORK/BITS; 'udp' or 'sctp', and 'mark N', may follow VIP:PORT.

      EXAMPLES
        ipvsadm -Sn | svs simulate - --connections 1000 --vip 192.0.2.10:80
        svs simulate rules.txt scenario.txt --explain
        svs simulate rules.txt --pcap traffic.pcap --json
      """)

  @Argument(
    help: ArgumentHelp("The rules: a file, or '-' for standard input.", valueName: "rules"), completion: .file())
  var rules: String

  @Argument(
    help: ArgumentHelp("What happens: a file, or '-' for standard input.", valueName: "scenario"), completion: .file())
  var scenario: String?

  @Option(help: ArgumentHelp("Play a capture, pcap or pcapng.", valueName: "file"), completion: .file())
  var pcap: String?

  @Option(help: ArgumentHelp("Open so many connections.", valueName: "n"))
  var connections: Int?

  @Option(help: ArgumentHelp("Where their clients are.", valueName: "network"))
  var clients: String?

  @Option(help: ArgumentHelp("Where they go; the first service by default.", valueName: "vip:port"))
  var vip: String?

  @Option(help: ArgumentHelp("The time between two of them.", valueName: "time"))
  var every: String?

  @Flag(help: "Make them UDP.")
  var udp = false

  @Flag(help: "Make them SCTP.")
  var sctp = false

  @Flag(help: "Show every server as it stood before each choice.")
  var explain = false

  @Flag(help: "Show every packet, not only those that a server was looked for.")
  var packets = false

  @Flag(help: "Show the table at the end only.")
  var summary = false

  @Flag(help: "Print JSON.")
  var json = false

  func validate() throws {
    if scenario == nil, pcap == nil, connections == nil {
      throw ValidationError("give a scenario, --pcap FILE or --connections N: something has to happen")
    }
    if rules == "-", scenario == "-" {
      throw ValidationError("standard input can be the rules or the scenario, not both")
    }
    if connections == nil, clients != nil || vip != nil || every != nil || udp || sctp {
      throw ValidationError("--clients, --vip, --every, --udp and --sctp say what --connections opens")
    }
    if udp, sctp { throw ValidationError("connections are of one protocol: --udp or --sctp") }
    if let connections, connections < 1 || connections > ScenarioReader.mostRepeats {
      throw ValidationError("--connections takes a number from 1 to \(ScenarioReader.mostRepeats)")
    }
  }

  func run() throws {
    let simulator = Simulator(try reporting { () throws(DirectorError) in try SimulatedDirector() })
    let report = SimulationReport(json: json, explain: explain, summary: summary)
    var player = Player(simulator) { report.take($0) }
    player.tellsAll = packets
    // Nothing is printed before all that is given can be read.
    let lines = try reporting { () throws(SimulationError) in try InputFile.text(rules) }
    let capture = try pcap.map { name in
      try reporting { () throws(SimulationError) in try InputFile.bytes(name) }
    }
    let script = try scenario.map { name in
      try reporting { () throws(SimulationError) in
        try ScenarioReader.read(InputFile.text(name), name: InputFile.name(name))
      }
    }
    try reporting { () throws(SimulationError) in try player.enter(rules: lines, name: InputFile.name(rules)) }
    let generated = try connections.map { try generate($0, simulator) }
    report.begin()
    do throws(SimulationError) {
      if let script { try player.play(script) }
      if let generated { try player.play(generated) }
      if let capture {
        let passedOver = try player.play(capture: capture, name: InputFile.name(pcap ?? ""))
        if passedOver > 0 { warn("\(passedOver) packets have link types that are not understood") }
      }
    } catch {
      report.abandon()
      complain(error.description)
      throw ExitCode.failure
    }
    report.end(try reporting { () throws(DirectorError) in try simulator.director.rules.services() })
  }

  /// The scenario that --connections and its companions mean.
  private func generate(_ count: Int, _ simulator: Simulator) throws -> Scenario {
    var transport = udp ? TransportProtocol.udp : sctp ? .sctp : .tcp
    let target: Endpoint
    if let vip {
      guard let endpoint = Endpoint(text: vip) else {
        throw ValidationError("--vip takes VIP:PORT, as 192.0.2.10:80 and [2001:db8::10]:80 are")
      }
      target = endpoint
    } else {
      let services = try reporting { () throws(DirectorError) in try simulator.director.rules.services() }
      let addresses = services.compactMap { service -> (TransportProtocol, Endpoint)? in
        guard case .address(let transport, let endpoint) = service.identity, !udp || transport == .udp,
          !sctp || transport == .sctp
        else {
          return nil
        }
        return (transport, endpoint)
      }
      guard let first = addresses.first else {
        throw ValidationError("the rules have no such service: say --vip VIP:PORT")
      }
      (transport, target) = first
    }
    let network = clients ?? (target.address.family == .ipv4 ? "10.0.0.0/8" : "fd00::/64")
    guard let range = ClientRange(text: network), range.address.family == target.address.family else {
      throw ValidationError("--clients takes an address or a network of the VIP's family, as 10.1.0.0/16 is")
    }
    guard let interval = ScenarioReader.duration(every ?? "0") else {
      throw ValidationError("--every takes a time, as 10ms, 2s and 1m are")
    }
    return Scenario.opening(count, transport, from: range, to: target, interval: interval, name: "--connections")
  }
}
