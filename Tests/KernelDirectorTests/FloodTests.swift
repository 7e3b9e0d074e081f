import Dataplane
import DataplaneTesting
import DataplaneTypes
import Netlink
import Testing

@testable import KernelDirector

/// Sequences that are meant to do harm, at the speed of BPF_PROG_TEST_RUN: connections that stand go on, and nothing
/// grows beyond what it was given.
@Suite(.serialized) struct FloodTests {
  /// Half of what there are in the flood's network, so that their addresses are none of its.
  private static let clients = 40

  private func packet(_ client: Int, _ flags: TCPFlags, to vip: String = "10.9.9.1") -> [UInt8] {
    var packet = TestPacket()
    packet.source = TestAddress("10.1.0.\(client + 1)")
    packet.destination = TestAddress(vip)
    packet.flags = flags
    return packet.bytes
  }

  /// The packet with another source; its sums are not set right, which is none of the director's business.
  private func forge(_ frame: inout [UInt8], source number: UInt32) {
    for (offset, shift) in zip(26..<30, [24, 16, 8, 0] as [UInt32]) {
      frame[offset] = UInt8(truncatingIfNeeded: (0x0b00_0000 &+ number) >> shift)
    }
  }

  private func establish(_ world: TestWorld) throws {
    for client in 0..<Self.clients {
      for flags in [TCPFlags.syn, .ack] { #expect(try world.run(packet(client, flags)).0 == .redirect) }
    }
  }

  /// Every connection that stood is still established, has its server, and carries packets.
  private func expectUnharmed(_ world: TestWorld, _ before: [Endpoint: Endpoint]) throws {
    #expect(try standing(world) == before)
    for client in 0..<Self.clients { #expect(try world.run(packet(client, .ack)).0 == .redirect, "client \(client)") }
  }

  /// Clients of established connections, and their servers.
  private func standing(_ world: TestWorld) throws -> [Endpoint: Endpoint] {
    var servers: [Endpoint: Endpoint] = [:]
    for connection in try world.director.connections() where connection.state == .connection(.established) {
      servers[connection.client] = connection.destination
    }
    return servers
  }

  private func live(_ world: TestWorld) throws -> UInt32 {
    try #require(world.director.tables).runtime[0].pointee.live
  }

  private func count(_ event: Event, _ world: TestWorld) throws -> UInt64 {
    try #require(world.director.tables).events.perCPUWords(event.rawValue, words: 1)[0]
  }

  @Test func aFloodOfSYNsFillsTheTableAndNoMore() throws {
    try withTestNamespace { world in
      try establish(world)
      let before = try standing(world)
      #expect(before.count == Self.clients)
      let capacity = try world.director.connectionCapacity()
      var frame = packet(0, .syn)
      var dropped = 0
      for number in 0..<UInt32(200_000) {
        forge(&frame, source: number)
        if try world.run(frame).0 == .drop { dropped += 1 }
      }
      #expect(dropped > 0)
      #expect(try count(.tableFull, world) == UInt64(dropped))
      #expect(try live(world) <= capacity)
      #expect(try world.director.connections().count <= Int(capacity))
      try expectUnharmed(world, before)
      // Each is counted once at its server, however many came.
      let servers = try world.director.services().flatMap(\.servers)
      let counted = servers.reduce(0) { $0 + Int($1.activeConnections) + Int($1.inactiveConnections) }
      #expect(counted == Int(try live(world)))
    }
  }

  @Test func aFloodOfClientsFillsATableOfTemplatesAndNoMore() throws {
    try withTestNamespace { world in
      try establish(world)
      let before = try standing(world)
      let vip = try #require(IPAddress("10.9.9.20"))
      let service = ServiceIdentity.address(.tcp, Endpoint(vip, port: 80))
      try world.director.addService(service, ServiceSettings(scheduler: "rr", persistence: 360))
      let server = Endpoint(try #require(IPAddress("10.0.0.11")), port: 80)
      try world.director.addServer(server, ServerSettings(method: .nat), to: service)
      let capacity = try world.director.connectionCapacity()
      var frame = packet(0, .syn, to: "10.9.9.20")
      for number in 0..<UInt32(capacity) {
        forge(&frame, source: number)
        _ = try world.run(frame)
      }
      #expect(try live(world) <= capacity)
      #expect(try count(.tableFull, world) > 0)
      try expectUnharmed(world, before)
      // A connection and a template took a slot each, and a template without a connection was not left holding any.
      let snapshot = try world.director.service(service)
      let persistent = try #require(snapshot.servers.first).persistentConnections
      let templates = try world.director.connections().count {
        if case .template = $0.state { true } else { false }
      }
      #expect(Int(persistent) == templates)
    }
  }

  /// What belongs to no connection changes none, in whatever order its flags come.
  @Test func packetsOfFlowsThatDoNotExistChangeNothing() throws {
    try withTestNamespace { world in
      try establish(world)
      let before = try standing(world)
      let rows = try live(world)
      let flags = [TCPFlags.rst, .fin, [.rst, .ack], [.fin, .ack], .ack, [], [.fin, .rst], [.syn, .rst]]
      for number in 0..<UInt32(20_000) {
        var frame = packet(0, flags[Int(number) % flags.count])
        forge(&frame, source: number)
        #expect(try world.run(frame).0 == .pass)
      }
      #expect(try live(world) == rows)
      try expectUnharmed(world, before)
    }
  }

  /// ICMP errors that quote flows which nobody has are the kernel's, and change nothing.
  @Test func errorsAboutFlowsThatDoNotExistChangeNothing() throws {
    try withTestNamespace { world in
      try establish(world)
      let before = try standing(world)
      let rows = try live(world)
      var random = SeededGenerator(seed: 7)
      for number in 0..<UInt32(20_000) {
        let frame = error(about: number, by: &random)
        let verdict = try world.run(frame).0
        #expect(verdict == .pass || verdict == .drop, "\(verdict)")
      }
      #expect(try live(world) == rows)
      #expect(try count(.errorForwarded, world) == 0)
      try expectUnharmed(world, before)
    }
  }

  /// A router's message about a packet that a VIP never sent, or that no client sent to it.
  private func error(about number: UInt32, by random: inout SeededGenerator) -> [UInt8] {
    var quoted = packet(0, .ack)
    forge(&quoted, source: number)
    var quote = Array(quoted[14..<42])
    if Bool.random(using: &random) {
      // As the VIP's own: its addresses and ports change places.
      for (one, other) in zip(Array(12..<16) + [20, 21], Array(16..<20) + [22, 23]) { quote.swapAt(one, other) }
    }
    let kinds: [(UInt8, UInt8)] = [(3, 0), (3, 1), (3, 3), (3, 4), (11, 0), (4, 0), (12, 0), (5, 1)]
    let (type, code) = kinds[Int(number) % kinds.count]
    var icmp: [UInt8] = [type, code, 0, 0, 0, 0, UInt8.random(in: 0...5, using: &random), 0] + quote
    let sum = internetChecksum(icmp)
    icmp[2] = UInt8(sum >> 8)
    icmp[3] = UInt8(sum & 255)
    let length = 20 + icmp.count
    var header: [UInt8] = [0x45, 0, 0, UInt8(length), 0, 1, 0, 0, 64, 1, 0, 0, 10, 1, 0, 254, 10, 9, 9, 1]
    let headerSum = internetChecksum(header)
    header[10] = UInt8(headerSum >> 8)
    header[11] = UInt8(headerSum & 255)
    return Array(quoted[..<12]) + [8, 0] + header + icmp
  }
}
