import Dataplane
import DataplaneSimulation
import DataplaneTesting
import DataplaneTypes
import Testing

/// Fragments through the path, one by one.
struct FragmentTests {
  private func director() -> MemoryPlatform.State {
    let state = MemoryPlatform.State(capacity: 64)
    Scenario.everything.install(in: state)
    for index in UInt32(1)...2 {
      _ = state.devices.replace(
        index, svs_device(flags: UInt32(SVS_DEVICE_REDIRECT), lower: index, vlan: 0, reserved: 0))
    }
    for family in [UInt8(2), 10] {
      state.routes.append(MemoryRoute(family: family, prefix: svs_addr(), length: 0, ifindex: 2))
    }
    return state
  }

  private func events(_ state: MemoryPlatform.State, _ event: Event) -> UInt64 {
    state.events.find(event.rawValue)?.pointee.packets ?? 0
  }

  private func datagram(_ vip: String, source: String, checksum: TestPacket.ChecksumState = .whole) -> TestPacket {
    var packet = TestPacket()
    packet.proto = 17
    packet.source = TestAddress(source)
    packet.destination = TestAddress(vip)
    packet.destinationPort = 53
    packet.fragment = 0
    packet.id = 77
    packet.payload = (0..<3000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    packet.checksum = checksum
    return packet
  }

  @Test(arguments: ["10.9.9.1", "fd00:9::1"])
  func natTranslatesAllAndTheSumOfTheWholeHolds(vip: String) throws {
    let state = director()
    let six = vip.contains(":")
    let pieces = TestFragments.cut(datagram(vip, source: six ? "fd00:1::5" : "10.1.0.5").bytes, every: 1200)
    #expect(pieces.count == 3)
    let out = pieces.map { state.process($0) }
    #expect(out.allSatisfy { $0.0 == .redirect })
    let whole = TestFragments.join(out.map(\.1))
    let at = six ? 22 : 26
    let size = six ? 16 : 4
    let address = Array(whole[at + size..<at + 2 * size])
    #expect(address == TestAddress(six ? "fd00:a::13" : "10.0.0.13").bytes || !six && address[0] == 10)
    #expect(TestFragments.sumsHold(whole))
    #expect(state.connectionTexts.count == 1)
    #expect(events(state, .fragment) == 0)
  }

  @Test func anAbsentChecksumStaysAbsent() {
    let state = director()
    let pieces = TestFragments.cut(datagram("10.9.9.1", source: "10.1.0.5", checksum: .zero).bytes, every: 1200)
    let (verdict, out) = state.process(pieces[0])
    #expect(verdict == .redirect)
    #expect(Array(out[40..<42]) == [0, 0])
  }

  @Test func whatComesBeforeItsFirstOrTooLateIsTheKernels() {
    let state = director()
    let pieces = TestFragments.cut(datagram("10.9.9.2", source: "10.1.0.5").bytes, every: 1200)
    #expect(state.process(pieces[1]).0 == .pass)
    #expect(events(state, .fragment) == 1)
    #expect(state.process(pieces[0]).0 == .redirect)
    #expect(state.process(pieces[2]).0 == .redirect)
    #expect(state.process(pieces[1]).0 == .redirect)
    state.clock += 31_000_000_000
    #expect(state.process(pieces[1]).0 == .pass)
    #expect(events(state, .fragment) == 2)
  }

  @Test func aConnectionThatEndedHasNoFragments() {
    let state = director()
    let pieces = TestFragments.cut(datagram("10.9.9.2", source: "10.1.0.5").bytes, every: 1200)
    #expect(state.process(pieces[0]).0 == .redirect)
    for slot in UInt32(0)..<4 { state.connections.find(slot)?.pointee.word = 0 }
    #expect(state.process(pieces[1]).0 == .drop)
    #expect(events(state, .fragmentDropped) == 1)
  }

  @Test func errorsAreAboutFirstOnesOnly() {
    let state = director()
    var packet = datagram("10.9.9.1", source: "10.1.0.5")
    packet.ttl = 1
    let pieces = TestFragments.cut(packet.bytes, every: 1200)
    let (verdict, answer) = state.process(pieces[0])
    #expect(verdict == .redirect && answer[23] == 1 && answer[34] == 11)
    #expect(state.process(pieces[1]).0 == .drop)
    #expect(events(state, .timeExceeded) == 1 && events(state, .fragmentDropped) == 1)
  }
}
