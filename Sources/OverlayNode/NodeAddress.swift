import ClusterModel
import Netlink

/// What a host has of interfaces, addresses and routes.
struct HostNetwork: Sendable {
  var links: [Interface]
  var addresses: [InterfaceAddress]
  var routes: [RouteEntry]

  init(links: [Interface], addresses: [InterfaceAddress], routes: [RouteEntry]) {
    self.links = links
    self.addresses = addresses
    self.routes = routes
  }

  /// As the kernel of a namespace has it now.
  init(_ namespace: borrowing NetworkNamespace) throws(NetlinkError) {
    let socket = try namespace.perform { () throws(NetlinkError) in try NetlinkSocket() }
    self.init(links: try socket.interfaces(), addresses: try socket.addresses(), routes: try socket.routeEntries())
  }

  /// The interface that packets to anywhere leave by.
  var defaultInterface: Interface? {
    var best: (metric: UInt32, index: UInt32)?
    for route in routes.map(\.route) where route.destination == .everything(.ipv4) && route.kind == .unicast {
      guard let index = route.interfaceIndex else { continue }
      let metric = route.metric ?? 0
      if metric < best?.metric ?? .max { best = (metric, index) }
    }
    return links.first { $0.index == best?.index }
  }

  /// The interface's addresses that others may send to.
  func addresses(of interface: Interface, _ family: IPAddress.Family) -> [IPPrefix] {
    addresses.filter { $0.interfaceIndex == interface.index }.map(\.prefix).filter { prefix in
      prefix.address.family == family && !prefix.address.isLinkLocal
    }
  }

  func interface(with address: IPAddress) -> Interface? {
    guard let index = addresses.first(where: { $0.prefix.address == address })?.interfaceIndex else { return nil }
    return links.first { $0.index == index }
  }
}

/// By what interface a node reaches its peers, and what they send to.
struct NodeAddress: Hashable, Sendable {
  var interface: String
  /// In bytes.
  var mtu: UInt32
  var publicIP: IPAddress
  var publicIPv6: IPAddress?
  /// The networks on the interface.
  var onLink: [IPPrefix]

  init(_ settings: OverlayNodeSettings, _ host: HostNetwork) throws(OverlayNodeError) {
    let link: Interface
    var named: IPAddress?
    if let text = settings.interface {
      if let address = IPAddress(text) {
        guard let found = host.interface(with: address) else { throw .noSuchAddress(address) }
        (link, named) = (found, address)
      } else {
        guard let found = host.links.first(where: { $0.name == text }) else { throw .noInterface(text) }
        link = found
      }
    } else if let address = settings.publicIP, let found = host.interface(with: address) {
      link = found
    } else {
      guard let found = host.defaultInterface else { throw .noDefaultRoute }
      link = found
    }
    let ipv4 = host.addresses(of: link, .ipv4)
    let ipv6 = host.addresses(of: link, .ipv6)
    let named4 = named?.family == .ipv4 ? named : nil
    guard let publicIP = settings.publicIP ?? named4 ?? ipv4.first?.address else {
      throw .noAddress(interface: link.name, .ipv4)
    }
    interface = link.name
    mtu = link.mtu
    self.publicIP = publicIP
    publicIPv6 = settings.publicIPv6 ?? (named?.family == .ipv6 ? named : nil) ?? ipv6.first?.address
    onLink = (ipv4 + ipv6).map(\.network)
  }

  /// What keeps the node from having a part of such a network.
  func check(_ configuration: FlannelConfiguration) throws(OverlayNodeError) {
    guard let ipv4 = configuration.ipv4 else { throw .noIPv4 }
    if configuration.ipv6 != nil, publicIPv6 == nil { throw .noAddress(interface: interface, .ipv6) }
    for pods in [ipv4.prefix, configuration.ipv6?.prefix].compactMap({ $0 }) {
      for host in onLink where pods.contains(host.address) || host.contains(pods.address) {
        throw .overlap(pods: pods, host: host, interface: interface)
      }
    }
  }
}
