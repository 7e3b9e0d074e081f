import ArgumentParser
import Glibc
import KernelDirector
import Simulation

struct ExplainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "explain",
    abstract: "Tell what the next packet of a flow would meet at this director.",
    discussion: """
      A copy of the director decides on the packet; nothing is changed. Told is the connection that it belongs to, or \
      the service it is for, the servers as the scheduler sees them and its choice, and the way there; or why there is \
      none. A TCP packet that belongs to no connection is taken for a SYN, one of SCTP for an INIT. Exits with 0 if the packet would be \
      forwarded, 1 if not, 3 if there is no director.

      EXAMPLES
        svs explain 10.1.0.1:40000 192.0.2.10:80
        svs explain 10.1.0.1:5353 192.0.2.10:53 --udp
        svs explain [2001:db8::1]:40000 [2001:db8::10]:443 --json
      """)

  @Argument(help: ArgumentHelp("The client.", valueName: "client:port"))
  var client: String

  @Argument(help: ArgumentHelp("What it addresses.", valueName: "vip:port"))
  var vip: String

  @Flag(help: "A TCP packet, which is the default.")
  var tcp = false

  @Flag(help: "A UDP datagram.")
  var udp = false

  @Flag(help: "An SCTP packet.")
  var sctp = false

  @Option(help: ArgumentHelp("The firewall mark that the host's rules give it.", valueName: "mark"))
  var mark: UInt32 = 0

  @Flag(help: "Print JSON.")
  var json = false

  func run() throws {
    if [tcp, udp, sctp].count(where: { $0 }) > 1 {
      throw ValidationError("a packet is of one protocol: --tcp, --udp or --sctp")
    }
    guard let source = Endpoint(text: client), let target = Endpoint(text: vip) else {
      throw ValidationError("both ends are ADDRESS:PORT, as 192.0.2.10:80 and [2001:db8::10]:80 are")
    }
    guard source.address.family == target.address.family else {
      throw ValidationError("\(client) and \(vip) are of different address families")
    }
    let explanation = try reporting { () throws(DirectorError) in
      try Explanation.of(udp ? .udp : sctp ? .sctp : .tcp, from: source, to: target, mark: mark, at: Director())
    }
    guard let explanation else {
      if json { printJSON(.object([("director", .null)])) } else { print("No director in this network namespace.") }
      throw ExitCode(3)
    }
    if json {
      printJSON(explanation.record)
    } else {
      print(explanation.lines.joined(separator: "\n"))
    }
    if explanation.decision.outcome != .forwarded { throw ExitCode.failure }
  }
}

extension Explanation {
  var lines: [String] {
    var lines: [String] = []
    func tell(_ name: String, _ text: String) { lines.append("\(name.padded(11)) \(text)") }
    let d = decision
    tell(
      "packet",
      "\(d.source.text) -> \(d.destination.text) \(d.transport.name)" + (d.saying.isEmpty ? "" : " \(d.saying)"))
    if let connection {
      tell("connection", "\(connection.stateName), \(connection.expiresIn) s left, to \(connection.destination.text)")
    } else {
      tell("connection", "none")
    }
    if let service = d.service {
      var text = "\(service.words) \(d.settings?.scheduler ?? "")"
      if let seconds = d.settings?.persistence, seconds > 0 { text += ", persistent \(seconds) s" }
      if d.settings?.onePacket == true { text += ", one-packet" }
      tell("service", text)
      if case .template = d.reason { tell("persistence", "a template keeps its client's server") }
      for (number, line) in d.candidateLines.enumerated() { tell(number == 0 ? "servers" : "", line) }
    } else if connection == nil {
      tell("service", "none that it could open a connection to")
    }
    tell("outcome", outcomeText)
    if let way = d.way {
      let name = Self.interfaceName(way.interface)
      var text = "by \(name)"
      if let hop = way.nextHop { text += " to \(hop)" }
      text += way.isResolved ? "" : ", through the kernel (neighbour not resolved, or a device without redirection)"
      tell("way", text)
    }
    return lines
  }

  private var outcomeText: String {
    let d = decision
    let text =
      switch d.outcome {
      case .forwarded:
        "forwarded to \(d.server?.text ?? "?")" + (d.method.map { " by \($0.name)" } ?? "")
          + (d.local.map { " as \($0.text)" } ?? "")
      case .answered: "refused: an ICMP message goes back"
      case .dropped: "dropped"
      case .passed: "passed to the kernel"
      }
    return text + (d.events.isEmpty ? "" : " (\(d.events.joined(separator: ", ")))")
  }

  var record: JSONValue {
    .object([
      ("connection", connection.map(JSONValue.init) ?? .null),
      ("decision", JSONValue(decision)),
      (
        "way",
        decision.way.map {
          .object([
            ("interface", .string(Self.interfaceName($0.interface))),
            ("nextHop", $0.nextHop.map { .string($0.description) } ?? .null), ("resolved", .bool($0.isResolved)),
          ])
        } ?? .null
      ),
    ])
  }

  private static func interfaceName(_ index: UInt32) -> String {
    var buffer = [CChar](repeating: 0, count: Int(IF_NAMESIZE))
    guard if_indextoname(index, &buffer) != nil else { return "interface \(index)" }
    return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}
