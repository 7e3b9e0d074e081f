import KernelDirector

/// Reads scenarios: one event a line, in the field's words; `#` begins a comment.
///
///     open 10.1.0.1 10.9.9.1:80
///     repeat 100 every 10ms open 10.1.0.0/24 10.9.9.1:80
///     ipvsadm -e -t 10.9.9.1:80 -r 10.0.0.11:80 -m -w 0
///     wait 15m
///     close 10.1.0.1 10.9.9.1:80
public struct ScenarioReader: Sendable {
  /// How often a line may say that something is to be repeated.
  public static let mostRepeats = 100_000_000

  private let name: String
  private var number = 0

  private init(name: String) { self.name = name }

  public static func read(_ text: String, name: String) throws(SimulationError) -> Scenario {
    var reader = ScenarioReader(name: name)
    var lines: [Scenario.Line] = []
    for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
      reader.number += 1
      let code = line.prefix { $0 != "#" }
      let words = code.split { $0 == " " || $0 == "\t" }
      guard !words.isEmpty else { continue }
      lines.append(Scenario.Line(number: reader.number, event: try reader.event(words)))
    }
    return Scenario(name: name, lines: lines)
  }

  private func wrong(_ message: String) -> SimulationError { SimulationError(file: name, line: number, message) }

  private func event(_ words: [Substring]) throws(SimulationError) -> Scenario.Event {
    switch words[0] {
    case "wait":
      guard words.count == 2, let time = Self.duration(words[1]) else {
        throw wrong("wait takes a time: seconds, or with a unit as in 500ms, 2s, 15m, 1h")
      }
      return .wait(time)
    case "ipvsadm":
      guard words.count > 1 else { throw wrong("ipvsadm needs its words, as in: ipvsadm -Ln") }
      return .ipvsadm(words.dropFirst().map(String.init))
    case "local-address":
      return .localAddress(words.dropFirst().map(String.init))
    case "sysctl":
      let parts = words.dropFirst().joined(separator: " ").split(separator: "=", maxSplits: 1)
      guard parts.count == 2 else { throw wrong("sysctl takes NAME=VALUE, as net.ipv4.vs.expire_nodest_conn=1") }
      return .sysctl(String(parts[0]), String(parts[1]))
    case "repeat":
      return try repeated(words)
    default:
      return .traffic(try traffic(words, times: 1, interval: 0))
    }
  }

  private func repeated(_ words: [Substring]) throws(SimulationError) -> Scenario.Event {
    guard words.count > 2, let times = Int(words[1]), times > 0, times <= Self.mostRepeats else {
      throw wrong(
        "repeat takes a number from 1 to \(Self.mostRepeats), and what to repeat: repeat 10 open CLIENT VIP:PORT")
    }
    var rest = words[2...]
    var interval: UInt64 = 0
    if rest.first == "every" {
      guard rest.count > 2, let time = Self.duration(rest[rest.startIndex + 1]) else {
        throw wrong("every takes a time, as in: repeat 10 every 100ms open CLIENT VIP:PORT")
      }
      interval = time
      rest = rest.dropFirst(2)
    }
    return .traffic(try traffic(Array(rest), times: times, interval: interval))
  }

  private func traffic(
    _ words: [Substring], times: Int, interval: UInt64
  ) throws(SimulationError) -> Scenario.Traffic {
    guard let first = words.first, let verb = Scenario.Verb(rawValue: String(first)) else {
      let verbs = Scenario.Verb.allCases.map(\.rawValue).joined(separator: ", ")
      throw wrong("'\(words.first ?? "")' is none of \(verbs), wait, repeat, ipvsadm, local-address and sysctl")
    }
    guard words.count >= 3 else { throw wrong("\(verb.rawValue) takes a client and VIP:PORT") }
    let (clients, port) = try client(words[1])
    guard let vip = Endpoint(text: words[2]) else {
      throw wrong("'\(words[2])' is not VIP:PORT, as 192.0.2.10:80 and [2001:db8::10]:80 are")
    }
    guard vip.address.family == clients.address.family else {
      throw wrong("\(words[1]) and \(words[2]) are of different address families")
    }
    var traffic = Scenario.Traffic(
      verb: verb, transport: .tcp, clients: clients, clientPort: port, vip: vip, mark: 0, times: times,
      interval: interval)
    var rest = words[3...]
    while let word = rest.popFirst() {
      switch word {
      case "tcp": traffic.transport = .tcp
      case "udp": traffic.transport = .udp
      case "sctp": traffic.transport = .sctp
      case "mark":
        guard let text = rest.popFirst(), let mark = UInt32(text), mark > 0 else {
          throw wrong("mark takes a number above 0")
        }
        traffic.mark = mark
      default: throw wrong("'\(word)' is none of tcp, udp, sctp and mark N")
      }
    }
    if traffic.transport == .udp, verb != .open, verb != .data {
      throw wrong("UDP has no \(verb.rawValue): it takes open (a new port) and data")
    }
    return traffic
  }

  private func client(_ word: Substring) throws(SimulationError) -> (ClientRange, UInt16?) {
    if let range = ClientRange(text: word) { return (range, nil) }
    guard let endpoint = Endpoint(text: word) else {
      throw wrong("'\(word)' is not a client: an address, ADDRESS:PORT or a network as 10.1.0.0/24")
    }
    return (ClientRange(endpoint.address), endpoint.port)
  }

  /// Nanoseconds of `10`, `1.5s`, `500ms`, `15m`, `2h`; nil for anything else, and beyond a year.
  public static func duration(_ text: some StringProtocol) -> UInt64? {
    let units: [(String, Double)] = [("ms", 1e6), ("us", 1e3), ("s", 1e9), ("m", 60e9), ("h", 3600e9)]
    var number = String(text)
    var unit = 1e9
    if let (name, factor) = units.first(where: { number.hasSuffix($0.0) }) {
      number.removeLast(name.count)
      unit = factor
    }
    guard number.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == ".") }), let value = Double(number), value >= 0,
      value * unit <= 366 * 86_400e9
    else { return nil }
    return UInt64(value * unit)
  }
}
