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

  /// - Parameters:
  ///   - clients: how many addresses, and with `ports` how many connections there may be at once.
  public init(seed: UInt64, scenario: Scenario, clients: Int = 12, ports: Int = 8) {
    random = SeededGenerator(seed: seed)
    self.scenario = scenario
    self.clients = clients
    self.ports = ports
  }

  private mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

  /// The next frame, at least 14 bytes long, at most 2,000.
  public mutating func next() -> [UInt8] {
    var packet = TestPacket()
    let service = scenario.services[Int.random(in: 0..<scenario.services.count, using: &random)]
    let v6 = service.vip.isIPv6
    let client = TestAddress((v6 ? "fd00:1::" : "10.1.0.") + String(Int.random(in: 1...clients, using: &random)))
    let clientPort = UInt16(40_000 + Int.random(in: 0..<ports, using: &random))
    packet.proto = service.proto
    packet.source = client
    packet.sourcePort = clientPort
    packet.destination = service.vip
    packet.destinationPort = service.port
    if chance(35), let server = service.servers.randomElement(using: &random), server.address.isIPv6 == v6 {
      packet.source = server.address
      packet.sourcePort = server.port
      packet.destination = client
      packet.destinationPort = clientPort
    }
    if chance(3) { packet.destinationPort = UInt16.random(in: 1...65_535, using: &random) }
    if chance(2) { packet.sourcePort = 20 }
    packet.flags = flags()
    dress(&packet, v6)
    var bytes = packet.bytes
    if chance(6) { damage(&bytes) }
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
