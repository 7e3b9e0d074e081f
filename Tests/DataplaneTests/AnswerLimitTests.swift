import Dataplane
import DataplaneSimulation
import DataplaneTesting
import DataplaneTypes
import Testing

/// How often one host hears of its errors.
struct AnswerLimitTests {
  private let state = MemoryPlatform.State(capacity: 64)
  /// One second, in ticks and in nanoseconds.
  private let interval: UInt32 = 60
  private var second: UInt64 { UInt64(interval) << UInt64(SVS_TICK_SHIFT) }

  init() throws {
    Scenario.everything.install(in: state)
    for index in UInt32(1)...9 {
      _ = state.devices.replace(
        index, svs_device(flags: UInt32(SVS_DEVICE_REDIRECT), lower: index, vlan: 0, reserved: 0))
    }
    let config = try #require(state.configuration.find(0))
    (config.pointee.answer_interval4, config.pointee.answer_interval6) = (interval, interval)
    config.pointee.lookup_ifindex = 9
    for family in [UInt8(2), 10] {
      state.routes.append(MemoryRoute(family: family, prefix: svs_addr(), length: 0, ifindex: 2, mtu: 1280))
    }
  }

  /// How many of so many packets to a service without servers are answered.
  private func answered(_ count: Int, from source: String, ingress: UInt32 = 1, mac: [UInt8]? = nil) -> Int {
    (0..<count).filter { number in
      var packet = TestPacket()
      packet.source = TestAddress(source)
      packet.sourcePort = UInt16(1000 + number)
      packet.destination = TestAddress(source.contains(":") ? "fd00:9::4" : "10.9.9.4")
      var bytes = packet.bytes
      if let mac { bytes.replaceSubrange(6..<12, with: mac) }
      return state.process(bytes, ingress: ingress).0 == .redirect
    }.count
  }

  private func events(_ event: Event) -> UInt64 { state.events.find(event.rawValue)?.pointee.packets ?? 0 }

  @Test(arguments: [("10.1.0.1", "10.1.0.2"), ("fd00:1::1", "fd00:1::2")])
  func sixAtOnceAndThenOneInASecond(_ hosts: (String, String)) {
    #expect(answered(20, from: hosts.0) == 6)
    #expect(events(.answerLimited) == 14 && events(.noServer) == 20)
    // Others have shares of their own.
    #expect(answered(2, from: hosts.1) == 2)
    state.clock += second
    #expect(answered(5, from: hosts.0) == 1)
    state.clock += 3 * second
    #expect(answered(9, from: hosts.0) == 3)
    state.clock += 3600 * second
    #expect(answered(20, from: hosts.0) == 6)
  }

  @Test func withoutAnIntervalThereIsNoLimit() throws {
    let config = try #require(state.configuration.find(0))
    config.pointee.answer_interval4 = 0
    #expect(answered(50, from: "10.1.0.1") == 50)
    #expect(answered(50, from: "fd00:1::1") == 6)
  }

  /// Without these, what is too big would be lost again and again.
  @Test func pathMTUDiscoveryIsExempt() {
    var packet = TestPacket()
    packet.destination = TestAddress("10.9.9.1")
    packet.payload = [UInt8](repeating: 0, count: 1400)
    for _ in 0..<30 {
      let (verdict, answer) = state.process(packet.bytes)
      #expect(verdict == .redirect && answer[23] == 1 && answer[34] == 3 && answer[35] == 4)
    }
    #expect(answered(6, from: "10.1.0.1") == 6, "and they count for nothing")
  }

  /// The host's own programs get every answer, as the kernel's do on the loopback; marked packets of others do not.
  @Test func thisHostIsExempt() {
    #expect(answered(30, from: "10.1.0.1", ingress: 9, mac: [6, 1, 0, 0, 0, 0]) == 30)
    #expect(answered(30, from: "10.1.0.2", ingress: 9, mac: [6, 0, 0, 0, 0, 0]) == 6)
  }
}
