import Dataplane
import DataplaneSimulation
import DataplaneTesting
import DataplaneTypes
import Testing

/// Single packets through the path: what comes out, byte by byte where it matters.
struct PacketPathTests {
  /// A director with the scenario's rules; all routes lead out of interface 2.
  private func director() -> MemoryPlatform.State {
    let state = MemoryPlatform.State(capacity: 64)
    Scenario.everything.install(in: state)
    for index in UInt32(1)...2 {
      _ = state.devices.replace(
        index, svs_device(flags: UInt32(SVS_DEVICE_REDIRECT), lower: index, vlan: 0, reserved: 0))
    }
    for family in [UInt8(2), 10] {
      state.routes.append(
        MemoryRoute(
          family: family, prefix: svs_addr(), length: 0, ifindex: 2, destinationMAC: svs_mac(a: 1, b: 2, c: 3),
          sourceMAC: svs_mac(a: 4, b: 5, c: 6)))
    }
    return state
  }

  private func events(_ state: MemoryPlatform.State, _ event: Event) -> UInt64 {
    state.events.find(event.rawValue)?.pointee.packets ?? 0
  }

  /// Whether the IPv4 header's and the transport's checksums hold.
  private func checksumsHold(_ frame: [UInt8], at network: Int = 14) -> Bool {
    let header = Int(frame[network] & 15) * 4
    let length = Int(frame[network + 2]) << 8 | Int(frame[network + 3])
    let ip = Array(frame[network..<network + header])
    let body = Array(frame[network + header..<network + length])
    let pseudo = ip[12..<20] + [0, ip[9], UInt8(body.count >> 8), UInt8(body.count & 255)]
    return internetChecksum(ip) == 0 && internetChecksum(pseudo + body) == 0
  }

  @Test func natRewritesBothWaysAndSumsHold() {
    let state = director()
    var request = TestPacket()
    request.payload = [1, 2, 3]
    let (verdict, out) = state.process(request.bytes)
    #expect(verdict == .redirect)
    #expect(Array(out[30..<34]) == [10, 0, 0, 13])
    #expect(Array(out[36..<38]) == [0x1f, 0x90])
    #expect(out[22] == 63)
    #expect(checksumsHold(out))

    var reply = TestPacket()
    reply.source = TestAddress("10.0.0.13")
    reply.sourcePort = 8080
    reply.destination = request.source
    reply.destinationPort = request.sourcePort
    reply.flags = TCPFlags(rawValue: 0x12)
    let (back, restored) = state.process(reply.bytes)
    #expect(back == .redirect)
    #expect(Array(restored[26..<30]) == [10, 9, 9, 1])
    #expect(restored[34] == 0 && restored[35] == 80)
    #expect(checksumsHold(restored))
  }

  @Test func directRoutingLeavesThePacketButForItsTimeToLive() {
    let state = director()
    var request = TestPacket()
    request.destination = TestAddress("10.9.9.2")
    let (verdict, out) = state.process(request.bytes)
    #expect(verdict == .redirect)
    request.ttl -= 1
    #expect(Array(out[14...]) == Array(request.bytes[14...]))
    #expect(Array(out[0..<6]) == [1, 0, 2, 0, 3, 0])
  }

  @Test func tunnelPutsAHeaderInFront() {
    let state = director()
    var request = TestPacket()
    request.destination = TestAddress("10.9.9.3")
    request.tos = 0xb9
    let (verdict, out) = state.process(request.bytes)
    #expect(verdict == .redirect)
    #expect(out.count == request.bytes.count + 20)
    #expect(out[23] == 4 && out[15] == 0xb9 && out[22] == 63 && out[20] == 0x40)
    request.ttl -= 1
    #expect(Array(out[34...]) == Array(request.bytes[14...]))
  }

  @Test func partialChecksumsAreCompleted() {
    let state = director()
    var request = TestPacket()
    request.payload = [9, 8, 7]
    request.checksum = .partial
    let (verdict, out) = state.process(request.bytes)
    #expect(verdict == .redirect)
    #expect(checksumsHold(out))
    #expect(events(state, .partialChecksum) == 1)
  }

  @Test func noServerIsAnsweredInTheVIPsName() {
    let state = director()
    var request = TestPacket()
    request.destination = TestAddress("10.9.9.4")
    request.vlans = [7]
    let (verdict, out) = state.process(request.bytes)
    #expect(verdict == .redirect)
    // The tag stays; then IP from the VIP, ICMP 3/3, and the packet that was refused.
    #expect(Array(out[12..<18]) == [0x81, 0, 0, 7, 8, 0])
    #expect(Array(out[30..<34]) == [10, 9, 9, 4])
    #expect(out[38] == 3 && out[39] == 3)
    #expect(internetChecksum(Array(out[18..<38])) == 0)
    #expect(internetChecksum(Array(out[38...])) == 0)
    #expect(Array(out[46...]) == Array(request.bytes[18...]))
  }

  @Test func aFullTableRefusesNewConnectionsAndKeepsOldOnes() {
    let state = director()
    var packet = TestPacket()
    for port in UInt16(1)...64 {
      packet.sourcePort = 1000 + port
      #expect(state.process(packet.bytes).0 == .redirect)
    }
    packet.sourcePort = 5000
    #expect(state.process(packet.bytes).0 == .drop)
    #expect(events(state, .tableFull) == 1)
    packet.sourcePort = 1001
    packet.flags = .ack
    #expect(state.process(packet.bytes).0 == .redirect)
  }

  @Test func connectionsExpireAndCountersReturnToZero() {
    let state = director()
    var packet = TestPacket()
    for port in UInt16(1)...50 {
      packet.sourcePort = 1000 + port
      _ = state.process(packet.bytes)
    }
    #expect(state.connectionTexts.count == 50)
    // SYN_RECV lasts 60 seconds.
    state.clock += 61_000_000_000
    MemoryPlatform(state).sweep()
    #expect(state.connectionTexts.isEmpty)
    #expect(state.flows.count == 0)
    #expect(state.freeSlots.count == 50)
    for server in UInt32(0)..<3 {
      #expect(state.servers.find(server)?.pointee.active == 0)
    }
  }

  @Test func aReusedPortOpensAnewAfterTheEnd() {
    let state = director()
    var packet = TestPacket()
    _ = state.process(packet.bytes)
    packet.flags = TCPFlags(rawValue: 0x11)
    _ = state.process(packet.bytes)
    #expect(state.connectionTexts.count == 1)
    packet.flags = .syn
    let (verdict, out) = state.process(packet.bytes)
    #expect(verdict == .redirect)
    // The next server in turn: the old connection has ended.
    #expect(Array(out[30..<34]) == [10, 0, 0, 12])
    #expect(state.connectionTexts.count == 1)
  }

  @Test func whatIsTooBigIsAnsweredWithTheMTU() {
    let state = director()
    var packet = TestPacket()
    packet.destination = TestAddress("10.9.9.3")
    packet.payload = [UInt8](repeating: 0, count: 1450)
    let (verdict, out) = state.process(packet.bytes)
    #expect(verdict == .redirect)
    #expect(out[34] == 3 && out[35] == 4)
    #expect(Int(out[40]) << 8 | Int(out[41]) == 1480)
    #expect(out.count == 14 + 576)
  }

  @Test func brokenPacketsNeitherCrashNorLoop() {
    let seed = UInt64.random(in: 0...UInt64.max)
    print("fuzz of the packet path: seed \(seed)")
    var random = SeededGenerator(seed: seed)
    var healthy = RandomPackets(seed: seed, scenario: .everything)
    let state = director()
    for _ in 0..<60_000 {
      var frame = healthy.next()
      for _ in 0..<Int.random(in: 0...6, using: &random) {
        frame[Int.random(in: 0..<frame.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      if Bool.random(using: &random) { frame.removeLast(Int.random(in: 0...(frame.count - 14), using: &random)) }
      let (verdict, out) = state.process(frame)
      #expect(verdict != .aborted)
      #expect(out.count >= 14 && out.count <= frame.count + 80)
    }
  }
}
