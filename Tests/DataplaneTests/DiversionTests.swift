import Dataplane
import DataplaneSimulation
import DataplaneTesting
import DataplaneTypes
import Testing

/// What is for an address of the services' network, and no service's, at svs1.
struct DiversionTests {
  private let state = MemoryPlatform.State(capacity: 64)

  init() throws {
    Scenario.everything.install(in: state)
    for index in UInt32(1)...9 {
      _ = state.devices.replace(
        index, svs_device(flags: UInt32(SVS_DEVICE_REDIRECT), lower: index, vlan: 0, reserved: 0))
    }
    let config = try #require(state.configuration.find(0))
    config.pointee.lookup_ifindex = 9
    config.pointee.diverted_network = UInt32(0x0a09_0000).bigEndian
    config.pointee.diverted_mask = UInt32(0xffff_0000).bigEndian
    state.routes.append(MemoryRoute(family: 2, prefix: svs_addr(), length: 0, ifindex: 2))
  }

  private func answer(
    to destination: String, port: UInt16 = 9, ingress: UInt32 = 9, mac: [UInt8] = [6, 0, 0, 0, 0, 0]
  ) -> (verdict: Verdict, frame: [UInt8]) {
    var packet = TestPacket()
    packet.destination = TestAddress(destination)
    packet.destinationPort = port
    var bytes = packet.bytes
    bytes.replaceSubrange(6..<12, with: mac)
    let (verdict, frame) = state.process(bytes, ingress: ingress)
    return (verdict, frame)
  }

  private var unserved: UInt64 { state.events.find(Event.noService.rawValue)?.pointee.packets ?? 0 }

  @Test func itIsRefusedInThatAddressesName() {
    for mac in [[6, 0, 0, 0, 0, 0], [6, 1, 0, 0, 0, 0]] as [[UInt8]] {
      let (verdict, frame) = answer(to: "10.9.200.7", mac: mac)
      #expect(verdict == .redirect)
      // ICMP, from the address that was asked: destination unreachable, port unreachable.
      #expect(frame[23] == 1 && Array(frame[26..<30]) == [10, 9, 200, 7] && frame[34] == 3 && frame[35] == 3)
    }
    #expect(unserved == 2)
  }

  @Test func everythingElseIsTheKernels() {
    #expect(answer(to: "10.10.0.1").verdict == .pass, "of another network")
    #expect(answer(to: "10.9.200.7", ingress: 1).verdict == .pass, "at another interface")
    #expect(answer(to: "10.9.200.7", mac: [2, 0, 0, 0, 0, 0]).verdict == .pass, "not sent by the kernel")
    #expect(unserved == 0)
    state.configuration.find(0)?.pointee.diverted_mask = 0
    #expect(answer(to: "10.9.200.7").verdict == .pass, "where nothing is diverted")
  }
}
