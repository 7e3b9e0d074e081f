import Dataplane
import DataplaneTypes

/// A generator that says its seed, so that every run can be repeated (SplitMix64).
public struct SeededGenerator: RandomNumberGenerator {
  public let seed: UInt64
  private var state: UInt64

  public init(seed: UInt64) {
    self.seed = seed
    state = seed
  }

  public mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
    return z ^ z >> 31
  }
}

/// Packets as they may come: of connections and of none, from clients and from servers, whole, odd and broken.
public struct RandomPackets {
  private var random: SeededGenerator
  private let scenario: Scenario
  private let clients: Int
  private let ports: Int
  private let damaged: Int
  /// What was forwarded of late, for errors to quote.
  private var sent: [[UInt8]] = []
  /// Ends of packets that went to a server under FULLNAT, which alone know where replies go.
  private var leased: [TestEnds] = []
  private let fullNATServers: Set<TestEnd>

  /// - Parameters:
  ///   - clients: how many addresses, and with `ports` how many connections there may be at once.
  ///   - damaged: how many of a hundred have headers that no decent host sends.
  public init(seed: UInt64, scenario: Scenario, clients: Int = 12, ports: Int = 8, damaged: Int = 6) {
    self.damaged = damaged
    random = SeededGenerator(seed: seed)
    self.scenario = scenario
    fullNATServers = Set(
      scenario.services.flatMap(\.servers).filter { $0.method == 4 }.map { TestEnd($0.address, $0.port) })
    self.clients = clients
    self.ports = ports
  }

  private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

  /// Remembers a frame that the director has sent, for errors about it.
  public mutating func remember(_ frame: [UInt8]) {
    var network = 12
    while network + 4 < frame.count, frame[network] == 0x81 || frame[network] == 0x88 { network += 4 }
    if !fullNATServers.isEmpty, frame.count > network + 2,
      let ends = TestEnds(Array(frame[..<12] + frame[network...])), fullNATServers.contains(ends.destination)
    {
      if leased.count < 64 { leased.append(ends) } else { leased[Int.random(in: 0..<64, using: &random)] = ends }
    }
    let packet = Array(frame.dropFirst(network + 2))
    guard packet.count >= 40, packet[0] >> 4 == 4 || packet[0] >> 4 == 6 else { return }
    if sent.count < 32 { sent.append(packet) } else { sent[Int.random(in: 0..<32, using: &random)] = packet }
  }

  /// An ICMP error about a packet that was forwarded, for its sender; or something like it.
  private mutating func error(_ quoted: [UInt8]) -> [UInt8] {
    let six = quoted[0] >> 4 == 6
    let kinds: [UInt8] = six ? [1, 2, 3, 4, 2, 128] : [3, 3, 3, 11, 4, 5, 8]
    let mtu = [0, 68, 576, 1280, 1300, 1400, 65_535].randomElement(using: &random) ?? 0
    var message: [UInt8] = [kinds.randomElement(using: &random) ?? 3, UInt8.random(in: 0...4, using: &random), 0, 0]
    message += [0, 0, UInt8(mtu >> 8), UInt8(mtu & 255)]
    let length = chance(80) ? quoted.count : Int.random(in: 0...quoted.count, using: &random)
    message += quoted.prefix(min(length, six ? 1232 : 548))
    let router = TestAddress(six ? "fd00:77::9" : "10.99.0.9").bytes
    let target = Array(six ? quoted[8..<24] : quoted[12..<16])
    let pseudo = six ? router + target + [0, 58, UInt8(message.count >> 8), UInt8(message.count & 255)] : []
    let sum = internetChecksum(pseudo + message) &+ (chance(5) ? 1 : 0)
    (message[2], message[3]) = (UInt8(sum >> 8), UInt8(sum & 255))
    let ttl: UInt8 = chance(5) ? 1 : 60
    let frame: [UInt8] = [2, 0, 0, 0, 0, 0xd0, 2, 0, 0, 0, 0, 0xc0]
    if six {
      let size = [UInt8(message.count >> 8), UInt8(message.count & 255)]
      return frame + [0x86, 0xdd, 0x60, 0, 0, 0] + size + [58, ttl] + router + target + message
    }
    let size = message.count + 20
    var header: [UInt8] = [0x45, 0xc0, UInt8(size >> 8), UInt8(size & 255), 0, 9, 0, 0, ttl, 1, 0, 0]
    header += router + target
    let check = internetChecksum(header)
    (header[10], header[11]) = (UInt8(check >> 8), UInt8(check & 255))
    return frame + [8, 0] + header + message
  }

  /// What was sent, sent back: how else would one know the ports that FULLNAT has leased?
  private mutating func reply(to sent: [UInt8]) -> [UInt8]? {
    let six = sent[0] >> 4 == 6
    let (addresses, size) = six ? (8, 16) : (12, 4)
    let transport = addresses + 2 * size
    guard sent.count >= transport + 16, six || sent[0] == 0x45, [6, 17, 132].contains(sent[six ? 6 : 9]) else {
      return nil
    }
    var packet = sent
    // Sums stay what they are where their words change places.
    packet.replaceSubrange(
      addresses..<transport, with: sent[addresses + size..<transport] + sent[addresses..<addresses + size])
    packet.replaceSubrange(
      transport..<transport + 4, with: sent[transport + 2..<transport + 4] + sent[transport..<transport + 2])
    return [2, 0, 0, 0, 0, 0xd0, 2, 0, 0, 0, 0, 0xc0] + (six ? [0x86, 0xdd] : [8, 0]) + packet
  }

  /// Makes a frame look as if the kernel had routed it into svs0: with a mark, of others or of this host itself.
  public mutating func stamp(_ frame: [UInt8]) -> [UInt8] {
    var mark = scenario.services.randomElement(using: &random)?.mark ?? 0
    if chance(5) { mark = UInt32.random(in: 0...UInt32.max, using: &random) }
    var frame = frame
    frame[6] = chance(97) ? 6 : 2
    frame[7] = chance(25) ? 1 : 0
    for byte in 0..<4 { frame[8 + byte] = UInt8(truncatingIfNeeded: mark >> UInt32(8 * byte)) }
    return frame
  }

  /// A SIP message of one of a few calls; some have none.
  private mutating func message() -> [UInt8] {
    let name = ["Call-ID: ", "i:", "CALL-ID :\t ", "Call: "].randomElement(using: &random) ?? ""
    let pad = String(repeating: "x", count: Int.random(in: 0...120, using: &random))
    return Array(
      "INVITE sip:b SIP/2.0\r\nVia: \(pad)\r\n\(name)\(Int.random(in: 1...6, using: &random))@h\r\n\r\n".utf8)
  }

  /// The next frame, at least 14 bytes long, at most 2,000.
  public mutating func next() -> [UInt8] {
    if !sent.isEmpty, chance(8), let quoted = sent.randomElement(using: &random) {
      var bytes = error(quoted)
      if chance(damaged) { damage(&bytes) }
      return bytes.count < 14 ? bytes + [UInt8](repeating: 0, count: 14 - bytes.count) : bytes
    }
    if scenario.leases, chance(25), let sent = sent.randomElement(using: &random), let reply = reply(to: sent) {
      return reply
    }
    var packet = TestPacket()
    let service = scenario.services[Int.random(in: 0..<scenario.services.count, using: &random)]
    let v6 = service.vip.isIPv6
    let client = TestAddress((v6 ? "fd00:1::" : "10.1.0.") + String(Int.random(in: 1...clients, using: &random)))
    let clientPort = UInt16(40_000 + Int.random(in: 0..<ports, using: &random))
    packet.proto = service.proto
    packet.source = client
    packet.sourcePort = clientPort
    packet.destination = service.vip
    let anyPort: UInt16 = chance(50) ? 443 : 8080
    packet.destinationPort = service.port == 0 ? anyPort : service.port
    if chance(35), let server = service.servers.randomElement(using: &random), server.address.isIPv6 == v6 {
      if server.method != 4 {
        packet.source = server.address
        packet.sourcePort = server.port == 0 ? packet.destinationPort : server.port
        packet.destination = client
        packet.destinationPort = clientPort
      } else if let ends = leased.filter({ $0.proto == service.proto && $0.source.address.isIPv6 == v6 })
        .randomElement(using: &random)
      {
        packet.source = ends.destination.address
        packet.sourcePort = ends.destination.port
        packet.destination = ends.source.address
        packet.destinationPort = ends.source.port
      }
    }
    if chance(3) { packet.destinationPort = UInt16.random(in: 1...65_535, using: &random) }
    if chance(2) { packet.sourcePort = 20 }
    packet.flags = flags()
    dress(&packet, v6)
    if service.engine != "", chance(70) { packet.payload = message() }
    if service.proto == 132 {
      packet.chunk = [1, 1, 2, 10, 11, 0, 3, 7, 8, 14, 6, 9, 200].randomElement(using: &random) ?? 1
      // An ABORT may stand behind the first chunk.
      if chance(20) {
        packet.payload = [1, 2, 3, 4, chance(70) ? 6 : 0, 0, 0, 4]
        packet.chunkLength = chance(70) ? 8 : UInt16.random(in: 0...2000, using: &random)
      }
    }
    var bytes = packet.bytes
    if chance(damaged) { damage(&bytes) }
    return bytes.count < 14 ? bytes + [UInt8](repeating: 0, count: 14 - bytes.count) : bytes
  }

  private mutating func flags() -> TCPFlags {
    switch Int.random(in: 0..<20, using: &random) {
    case 0..<7: .syn
    case 7: TCPFlags(rawValue: 0x12)
    case 8..<14: .ack
    case 14..<17: TCPFlags(rawValue: 0x11)
    case 17: .rst
    case 18: TCPFlags(rawValue: 0)
    default: TCPFlags(rawValue: UInt8.random(in: 0...63, using: &random))
    }
  }

  /// What may vary on a healthy packet.
  private mutating func dress(_ packet: inout TestPacket, _ v6: Bool) {
    if chance(10) { packet.vlans = (0..<Int.random(in: 1...3, using: &random)).map { UInt16($0 + 5) } }
    packet.ttl = chance(8) ? UInt8.random(in: 0...2, using: &random) : UInt8.random(in: 3...255, using: &random)
    packet.tos = chance(30) ? UInt8.random(in: 0...255, using: &random) : 0
    packet.id = UInt16.random(in: 0...65_535, using: &random)
    if chance(20) { packet.fragment = 0 }
    if chance(8) {
      packet.fragment = [0x2000, 0x00b9, 0x20b9, 0x6000].randomElement(using: &random) ?? 0x2000
      // Few, so that fragments find each other.
      packet.id = UInt16.random(in: 1...4, using: &random)
    }
    let size = chance(4) ? Int.random(in: 1300...1700, using: &random) : Int.random(in: 0...80, using: &random)
    packet.payload = (0..<size).map { _ in UInt8.random(in: 0...255, using: &random) }
    if !v6, chance(8) {
      packet.options = [UInt8](repeating: 1, count: 4 * Int.random(in: 1...10, using: &random))
    }
    if v6, chance(12) {
      let kinds: [UInt8] = [0, 60, 43, 44, 50, 60, 0]
      packet.extensions = (0..<Int.random(in: 1...5, using: &random)).map { _ in
        (
          kinds.randomElement(using: &random) ?? 0,
          [UInt8](repeating: 0, count: 6 + 8 * Int.random(in: 0...12, using: &random))
        )
      }
    }
    if v6, chance(8) {
      let place: [UInt8] = [[0, 1], [5, 0xc8], [5, 0xc9], [0, 0]].randomElement(using: &random) ?? [0, 1]
      packet.extensions = [(44, place + [0, 0, 0, UInt8.random(in: 1...4, using: &random)])]
    }
    switch Int.random(in: 0..<20, using: &random) {
    case 0: packet.checksum = .partial
    case 1: packet.checksum = .wrong
    case 2 where packet.proto == 17: packet.checksum = .zero
    default: break
    }
    if chance(15) { packet.padding = Int.random(in: 1...20, using: &random) }
  }

  /// Truncates, or flips bytes of the headers.
  private mutating func damage(_ bytes: inout [UInt8]) {
    if chance(50) {
      bytes.removeLast(Int.random(in: 0...(bytes.count - 14), using: &random))
    } else {
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let at = Int.random(in: 12..<min(bytes.count, 78), using: &random)
        bytes[at] = UInt8.random(in: 0...255, using: &random)
      }
    }
  }
}
