import ClusterModel
import Glibc
import Netlink

/// The ports of the calling thread's network namespace at which programs wait.
struct PodListeners {
  private(set) var ports: [ServicePort.TransportProtocol: Set<UInt16>] = [:]

  init() throws(NetlinkError) {
    let netlink = try NetlinkSocket(.sockets)
    ports[.tcp] = try netlink.waitingPorts(protocolNumber: UInt8(IPPROTO_TCP))
    ports[.udp] = try netlink.waitingPorts(protocolNumber: UInt8(IPPROTO_UDP))
  }

  func contains(_ transport: ServicePort.TransportProtocol, _ port: UInt16) -> Bool {
    ports[transport]?.contains(port) == true
  }
}
