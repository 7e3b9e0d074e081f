import ClusterModel
import Glibc
import Netlink

/// The ports of the calling thread's network namespace at which programs wait.
struct PodListeners {
  private(set) var ports: [ServicePort.TransportProtocol: Set<UInt16>] = [:]
  private let knowsUDP: Bool

  init() throws(NetlinkError) {
    let netlink = try NetlinkSocket(.sockets)
    ports[.tcp] = try netlink.waitingPorts(protocolNumber: UInt8(IPPROTO_TCP))
    // A kernel without udp_diag tells of TCP alone.
    knowsUDP = (try? ports[.udp] = netlink.waitingPorts(protocolNumber: UInt8(IPPROTO_UDP))) != nil
  }

  /// What cannot be told of is taken to wait.
  func contains(_ transport: ServicePort.TransportProtocol, _ port: UInt16) -> Bool {
    transport == .udp && !knowsUDP || ports[transport]?.contains(port) == true
  }
}
