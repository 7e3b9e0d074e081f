import Netlink

/// What a node's kernel holds, as far as an overlay may care.
public struct NodeNetwork: Sendable {
  public struct Link: Hashable, Sendable {
    public var name: String
    public var index: UInt32
    public var kind: String
    public var mac: MACAddress?
    public var mtu: UInt32
    public var isUp: Bool
    public var tunnels: VXLANSettings?

    public init(
      name: String, index: UInt32, kind: String, mac: MACAddress?, mtu: UInt32, isUp: Bool, tunnels: VXLANSettings?
    ) {
      self.name = name
      self.index = index
      self.kind = kind
      self.mac = mac
      self.mtu = mtu
      self.isUp = isUp
      self.tunnels = tunnels
    }
  }

  /// A route of the main table whose metric is the family's default.
  public struct Route: Hashable, Sendable {
    public var destination: IPPrefix
    public var kind: RouteKind
    public var gateway: IPAddress?
    public var device: String?
    public var isOnLink: Bool
    /// It has one next hop, and nothing about it says how large packets may be.
    public var isPlain: Bool
    public var maker: UInt8

    public init(
      to destination: IPPrefix, kind: RouteKind = .unicast, via gateway: IPAddress?, device: String?,
      isOnLink: Bool = false, isPlain: Bool = true,
      maker: UInt8 = RouteEntry.unnamedMaker
    ) {
      self.destination = destination
      self.kind = kind
      self.gateway = gateway
      self.device = device
      self.isOnLink = isOnLink
      self.isPlain = isPlain
      self.maker = maker
    }

    /// Whether packets go as a route of the overlay's would have them go.
    func serves(_ route: OverlayRoute) -> Bool {
      kind == .unicast && destination == route.destination && gateway == route.gateway && device == route.device
        && isPlain && (isOnLink || !route.isOnLink)
    }
  }

  public private(set) var links: [String: Link] = [:]
  public var addresses: [InterfaceAddress]
  /// Addresses, permanent neighbours and the tunnels' forwarding entries, by the names of their devices.
  public private(set) var entries: Set<OverlayEntry> = []
  /// In the kernel's order: the first one of a destination is the one that packets take.
  public private(set) var routes: [IPPrefix: [Route]] = [:]

  public init(
    links: [Link], addresses: [InterfaceAddress], neighbours: [Neighbour], forwarding: [ForwardingEntry],
    routes: [RouteEntry]
  ) {
    self.addresses = addresses
    var names: [UInt32: String] = [:]
    for link in links {
      self.links[link.name] = link
      names[link.index] = link.name
    }
    for address in addresses {
      if let name = names[address.interfaceIndex] { entries.insert(.address(address.prefix, device: name)) }
    }
    for neighbour in neighbours where neighbour.state.contains(.permanent) {
      guard let name = names[neighbour.interfaceIndex], let mac = neighbour.mac else { continue }
      entries.insert(.neighbour(neighbour.address, mac, device: name))
    }
    // bridge(8) adds NUD_NOARP to what it makes.
    for entry in forwarding where entry.state.contains(.permanent) {
      guard let name = names[entry.interfaceIndex], let remote = entry.remote else { continue }
      entries.insert(.forwarding(entry.mac, to: remote, device: name))
    }
    for entry in routes where entry.route.table == 254 {
      let usual: UInt32 = entry.route.destination.address.family == .ipv4 ? 0 : 1024
      guard entry.route.metric ?? 0 == usual else { continue }
      let route = Route(
        to: entry.route.destination, kind: entry.route.kind, via: entry.route.gateway,
        device: entry.route.interfaceIndex.flatMap { names[$0] }, isOnLink: entry.route.isOnLink,
        isPlain: entry.hops == 1 && entry.route.mtu == nil, maker: entry.maker)
      self.routes[route.destination, default: []].append(route)
    }
  }

  /// Whether an entry is there and does what it should.
  func has(_ entry: OverlayEntry) -> Bool {
    guard case .route(let wanted) = entry else { return entries.contains(entry) }
    return routes[wanted.destination]?.first?.serves(wanted) ?? false
  }

  /// Whether a device has addresses, and not this one; those that the kernel gives every device do not count.
  func hasOtherAddress(than address: IPPrefix, on device: String) -> Bool {
    let own = addresses.filter { $0.interfaceIndex == links[device]?.index && !$0.prefix.address.isLinkLocal }
    return !own.isEmpty && !own.contains { $0.prefix == address }
  }

  /// The interface by which peers are reached; nothing where there is none of the name.
  public func outer(_ name: String) -> OuterInterface? {
    guard let link = links[name] else { return nil }
    let own = addresses.filter { $0.interfaceIndex == link.index }.map(\.prefix.address)
    let connected = routes.values.joined().filter { $0.kind == .unicast && $0.device == name && $0.gateway == nil }.map(
      \.destination)
    // A connected route of IPv6 has a metric of its own, so that it is taken from the address.
    let prefixes = addresses.filter { $0.interfaceIndex == link.index }.map(\.prefix.network)
    return OuterInterface(
      name: name, index: link.index, mtu: link.mtu, addresses: own,
      onLink: Array(Set(connected + prefixes)).filter { $0.length > 0 })
  }
}

extension NodeNetwork.Link {
  public init(_ interface: Interface) {
    self.init(
      name: interface.name, index: interface.index, kind: interface.kind ?? "plain", mac: interface.mac,
      mtu: interface.mtu, isUp: interface.flags.contains(.up), tunnels: interface.vxlan)
  }
}
