import DataplaneSimulation
import DataplaneTesting
import DataplaneTypes
import Testing

@testable import Dataplane

/// What becomes of packets that are larger than the way, where they may not be cut.
struct TooBigTests {
  private let state = MemoryPlatform.State(capacity: 64)

  init() throws {
    Scenario.everything.install(in: state)
    for index in UInt32(1)...2 {
      _ = state.devices.replace(
        index, svs_device(flags: UInt32(SVS_DEVICE_REDIRECT), lower: index, vlan: 0, reserved: 0))
    }
    for family in [UInt8(2), 10] {
      state.routes.append(MemoryRoute(family: family, prefix: svs_addr(), length: 0, ifindex: 2))
    }
    try #require(state.configuration.find(0)).pointee.handover_ifindex = 2
  }

  private func events(_ event: Event) -> UInt64 { state.events.find(event.rawValue)?.pointee.packets ?? 0 }

  private func datagram(_ vip: String, _ size: Int, fragment: UInt16) -> TestPacket {
    var packet = TestPacket()
    packet.proto = 17
    packet.destination = TestAddress(vip)
    packet.destinationPort = 53
    packet.fragment = fragment
    packet.id = 9
    packet.payload = [UInt8](repeating: 7, count: size)
    return packet
  }

  /// IPv4 inside IPv6 cannot be fragmented on its way, whatever the packet says: its sender is told.
  @Test(arguments: [UInt16(0), 0x4000])
  func insideIPv6SendersAreTold(_ fragment: UInt16) {
    let (verdict, answer) = state.process(datagram("10.9.9.3", 1440, fragment: fragment).bytes)
    #expect(verdict == .redirect)
    #expect(Array(answer[34..<36]) == [3, 4])
    #expect(Int(answer[40]) << 8 | Int(answer[41]) == 1460)
    #expect(events(.tooBig) == 1 && events(.tooBigDropped) == 0)
    #expect(state.process(datagram("10.9.9.3", 1432, fragment: fragment).bytes).0 == .redirect)
    #expect(events(.tooBig) == 1)
  }

  /// Of a fragmented packet the first fragment's sender is told, once.
  @Test func ofFragmentsTheFirstIsAnswered() {
    let pieces = TestFragments.cut(datagram("10.9.9.3", 2800, fragment: 0).bytes, every: 1448)
    let (verdict, answer) = state.process(pieces[0])
    #expect(verdict == .redirect && Array(answer[34..<36]) == [3, 4])
    #expect(state.process(pieces[1]).0 != .redirect || pieces[1].count < 1460)
    #expect(events(.tooBig) == 1)
  }

  /// Where a datagram may be fragmented, it is the hand-over pair's end that cuts and counts it.
  @Test func whatMayBeCutIsCountedWhereItIsCut() throws {
    state.routes.append(
      MemoryRoute(family: 2, prefix: TestAddress("10.0.0.0").value, length: 24, ifindex: 2, mtu: 1000))
    let (verdict, frame) = state.process(datagram("10.9.9.1", 1200, fragment: 0).bytes)
    #expect(verdict == .redirect)
    // The note behind the Ethernet header: what fragments have to fit.
    let note = frame[14...].withUnsafeBytes { $0.loadUnaligned(as: svs_handover.self) }
    #expect(note.magic == UInt32(SVS_HANDOVER_MAGIC) && note.mtu == 1000)
    #expect(events(.fragmented) == 0 && events(.handedOver) == 0)
  }

  /// A tunnel's header may claim options that lead beyond where headers are read.
  @Test func quotesAreNotReadBeyondTheirBounds() {
    func inside(at quoted: Int, optionWords: UInt8) -> Int {
      var bytes = [UInt8](repeating: 0, count: 1200)
      bytes[quoted] = 0x45
      bytes[quoted + 9] = 17
      // GUE behind UDP; IPv4 inside.
      (bytes[quoted + 28], bytes[quoted + 29]) = (optionWords, 4)
      return bytes.withUnsafeMutableBytes { memory in
        guard let start = memory.baseAddress else { return -1 }
        let packet = Packet(start: start, end: start + memory.count)
        var family: UInt8 = 0
        var quote = Quote()
        let isRead = quote.read(packet, at: quoted, Family.ipv4)
        return isRead ? quote.inside(packet, &family) : -1
      }
    }
    #expect(inside(at: 42, optionWords: 0) == 74)
    #expect(inside(at: 42, optionWords: 31) == 198)
    #expect(inside(at: 300, optionWords: 31) == 0)
    #expect(inside(at: 400, optionWords: 31) == 0)
  }
}
