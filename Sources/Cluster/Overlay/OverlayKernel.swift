import ClusterModel
import Glibc
import HostSystem
import Netlink

/// A node's kernel: what it holds, and the steps that change it.
struct OverlayKernel: ~Copyable {
  private let namespace: NetworkNamespace
  private let socket: NetlinkSocket

  init(_ namespace: consuming NetworkNamespace) throws(NetlinkError) {
    socket = try namespace.perform { () throws(NetlinkError) in try NetlinkSocket() }
    self.namespace = namespace
  }

  init(_ namespace: consuming NetworkNamespace, node: String) throws(OverlayError) {
    do { self = try OverlayKernel(namespace) } catch { throw .network(error, node: node) }
  }

  func watch() throws(NetlinkError) -> ChangeWatch {
    try namespace.perform { () throws(NetlinkError) in try ChangeWatch() }
  }

  func read() throws(NetlinkError) -> NodeNetwork {
    let links = try socket.interfaces().map { NodeNetwork.Link($0) }
    var neighbours: [Neighbour] = []
    var forwarding: [ForwardingEntry] = []
    // A node has a device for each pod; only the tunnels' tables matter.
    for link in links where link.kind == "vxlan" && OverlayDevice.isName(link.name) {
      neighbours += try socket.neighbours(interfaceIndex: link.index)
      forwarding += try socket.forwardingEntries(interfaceIndex: link.index)
    }
    return NodeNetwork(
      links: links, addresses: try socket.addresses(), neighbours: neighbours, forwarding: forwarding,
      routes: try socket.routeEntries())
  }

  func perform(_ step: OverlayStep) throws(NetlinkError) {
    switch step {
    case .createDevice(let device):
      // No queue, as flannel's have none.
      try socket.createLink(
        device.name, .tunnels(device.tunnels), mac: device.mac, mtu: device.mtu, queueLength: 0)
      try refuseRouters(device.name)
    case .deleteDevice(let name, _):
      try unlessGone { () throws(NetlinkError) in try socket.deleteLink(try index(name)) }
    case .setMTU(let name, let mtu): try socket.setLink(try index(name), mtu: mtu)
    case .setMAC(let name, let mac): try socket.setLink(try index(name), mac: mac)
    case .setUp(let name): try socket.setLink(try index(name), up: true)
    case .put(let entry): try put(entry)
    case .remove(let entry): try unlessGone { () throws(NetlinkError) in try remove(entry) }
    }
  }

  /// No router's advertisements: a tunnel leads to pods and nowhere else.
  func refuseRouters(_ device: String) throws(NetlinkError) {
    try namespace.perform { () throws(NetlinkError) in
      do throws(SystemError) { try Sysctls.set("net/ipv6/conf/\(device)/accept_ra", "0", optional: true) } catch {
        throw NetlinkError(code: error.code, action: error.action)
      }
    }
  }

  private func put(_ entry: OverlayEntry) throws(NetlinkError) {
    let index = try index(entry.device)
    switch entry {
    case .address(let prefix, _):
      do { try socket.addAddress(prefix, interfaceIndex: index) } catch {
        guard error.code == EEXIST else { throw error }
      }
    case .neighbour(let address, let mac, _):
      try socket.addPermanentNeighbour(address, mac: mac, interfaceIndex: index)
    case .forwarding(let mac, let remote, _):
      try socket.addForwardingEntry(to: mac, remote: remote, interfaceIndex: index, replacing: true)
    case .route(let route):
      // flannel leaves the maker unnamed and the scope global.
      try socket.addRoute(
        Route(to: route.destination, via: route.gateway, interfaceIndex: index, isOnLink: route.isOnLink),
        replacing: true, maker: RouteEntry.unnamedMaker)
    }
  }

  private func remove(_ entry: OverlayEntry) throws(NetlinkError) {
    let index = try index(entry.device)
    switch entry {
    case .address(let prefix, _): try socket.removeAddress(prefix, interfaceIndex: index)
    case .neighbour(let address, _, _): try socket.removeNeighbour(address, interfaceIndex: index)
    case .forwarding(let mac, let remote, _):
      try socket.removeForwardingEntry(to: mac, remote: remote, interfaceIndex: index)
    case .route(let route):
      try socket.removeRoute(
        Route(to: route.destination, via: route.gateway, interfaceIndex: index, isOnLink: route.isOnLink))
    }
  }

  private func index(_ name: String) throws(NetlinkError) -> UInt32 { try socket.interface(named: name).index }

  /// What is to go may have gone by itself, or by somebody else.
  private func unlessGone(_ body: () throws(NetlinkError) -> Void) throws(NetlinkError) {
    do { try body() } catch {
      guard [ENODEV, ENOENT, ESRCH, EADDRNOTAVAIL].contains(error.code) else { throw error }
    }
  }
}
