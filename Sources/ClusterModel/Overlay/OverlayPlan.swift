import Netlink

/// What a node's kernel is to hold for the overlay, as flannel would have it for the same leases.
public struct OverlayPlan: Hashable, Sendable {
  public var devices: [OverlayDevice]
  /// In the order in which they are made: a route whose neighbour were not there yet would have the kernel ask for it.
  public var entries: [OverlayEntry]
  public var problems: [OverlayProblem]
  /// The tunnel devices that peers' leases say peers send to, by the numbers in leases: they stay even when nothing
  /// leaves by them any more.
  public var lingering: Set<String>

  /// Nothing: what is left when the overlay goes.
  public static let empty = OverlayPlan(devices: [], entries: [], problems: [], lingering: [])

  init(devices: [OverlayDevice], entries: [OverlayEntry], problems: [OverlayProblem], lingering: Set<String>) {
    self.devices = devices
    self.entries = entries
    self.problems = problems
    self.lingering = lingering
  }
}

extension OverlayPlan {
  /// - Parameter peers: the network's leases; the node's own may be among them.
  ///
  /// A peer is reached in the way that both ends can: while a network changes from one backend to the other, what a node
  /// sends is what its peer takes, and no packet is lost however long the change takes. So a node with vxlan routes
  /// plainly to peers whose leases say host-gw or another VNI, where they are on the link; one with host-gw routes
  /// plainly to all; and each keeps a tunnel device as long as a lease says that somebody may send through it.
  public init(
    configuration: FlannelConfiguration, node: OverlayNode, outer: OuterInterface, peers: [SubnetLease]
  ) {
    self = .empty
    let own = node.lease(configuration)
    if case .vxlan(let vxlan) = configuration.backend {
      let macs = [IPAddress.Family.ipv4: node.mac, .ipv6: node.ipv6MAC]
      for part in own.parts {
        let primary = part.family == node.subnet.address.family
        devices.append(
          OverlayDevice(part, mac: primary ? node.mac : macs[part.family] ?? node.ipv6MAC, vxlan: vxlan, outer: outer))
      }
    }
    entries = devices.map { .address($0.address, device: $0.name) }
    var taken = TakenSubnets(own.parts.map(\.subnet))
    for peer in peers where peer.subnet.network != own.subnet || peer.publicIP != own.publicIP {
      if case .vxlan(let vni, _, _) = peer.backend {
        let number = vni & OverlayDevice.leaseMask
        for part in peer.parts { lingering.insert(OverlayDevice.name(vni: number, family: part.family)) }
      }
      for part in peer.parts where own.parts.contains(where: { $0.family == part.family }) {
        add(part, of: peer, configuration, own, outer, &taken)
      }
    }
  }

  private mutating func add(
    _ part: SubnetLease.Part, of peer: SubnetLease, _ configuration: FlannelConfiguration, _ own: SubnetLease,
    _ outer: OuterInterface, _ taken: inout TakenSubnets
  ) {
    let (subnet, publicIP) = (part.subnet, part.publicIP)
    let network = part.family == .ipv4 ? configuration.ipv4 : configuration.ipv6
    guard let network, network.prefix.contains(subnet.address), subnet.length >= network.prefix.length else {
      return problems.append(.outside(subnet: subnet, peer: publicIP))
    }
    if outer.addresses.contains(publicIP) || own.parts.contains(where: { $0.publicIP == publicIP }) {
      return problems.append(.ownAddress(subnet: subnet, peer: publicIP))
    }
    if let other = taken.overlap(subnet) {
      return problems.append(.overlap(subnet: subnet, peer: publicIP, with: other))
    }
    if case .other(let backend) = peer.backend {
      return problems.append(.otherBackend(subnet: subnet, peer: publicIP, backend: backend))
    }
    taken.insert(subnet)
    let direct = OverlayEntry.route(
      OverlayRoute(to: subnet, via: publicIP, device: outer.name, isOnLink: false))
    guard case .vxlan(let vxlan) = configuration.backend, case .vxlan(let vni, _, _) = peer.backend else {
      guard outer.isOnLink(publicIP) else {
        return problems.append(.notOnLink(subnet: subnet, peer: publicIP, interface: outer.name))
      }
      return entries.append(direct)
    }
    let isOther = vni & OverlayDevice.leaseMask != vxlan.vni & OverlayDevice.leaseMask
    // Another number is one that has changed or is to change; what comes without a tunnel every node takes.
    if vxlan.directRouting || isOther, outer.isOnLink(publicIP) { return entries.append(direct) }
    guard !isOther else {
      return problems.append(.otherNetwork(subnet: subnet, peer: publicIP, vni: vni, own: vxlan.vni))
    }
    guard let mac = part.mac else {
      return problems.append(.noHardwareAddress(subnet: subnet, peer: publicIP))
    }
    let device = OverlayDevice.name(vni: vxlan.vni, family: part.family)
    entries += [
      .neighbour(part.base, mac, device: device), .forwarding(mac, to: publicIP, device: device),
      .route(OverlayRoute(to: subnet, via: part.base, device: device, isOnLink: true)),
    ]
  }
}

/// The subnets that have an owner, found without looking at each: nearly all of them are of one length.
private struct TakenSubnets {
  private var byLength: [UInt8: Set<IPPrefix>] = [:]

  init(_ subnets: [IPPrefix]) { for subnet in subnets { insert(subnet) } }

  mutating func insert(_ subnet: IPPrefix) { byLength[subnet.length, default: []].insert(subnet.network) }

  func overlap(_ subnet: IPPrefix) -> IPPrefix? {
    for (length, subnets) in byLength {
      if length <= subnet.length {
        let wider = IPPrefix(subnet.address, length: length).network
        if subnets.contains(wider) { return wider }
      } else if let narrower = subnets.first(where: { subnet.contains($0.address) }) {
        return narrower
      }
    }
    return nil
  }
}

extension OverlayDevice {
  fileprivate init(
    _ part: SubnetLease.Part, mac: MACAddress, vxlan: FlannelConfiguration.VXLAN, outer: OuterInterface
  ) {
    // Behind a translator of addresses the public address is not the interface's.
    let local = outer.addresses.contains(part.publicIP) ? part.publicIP : outer.address(part.family) ?? part.publicIP
    self.init(
      name: OverlayDevice.name(vni: vxlan.vni, family: part.family),
      tunnels: VXLANSettings(id: vxlan.vni, parent: outer.index, local: local, port: vxlan.port, learns: false),
      mac: mac, mtu: vxlan.deviceMTU(outer: outer.mtu, family: part.family), address: IPPrefix(part.base))
  }
}

extension OuterInterface {
  func address(_ family: IPAddress.Family) -> IPAddress? {
    addresses.first { $0.family == family && !$0.isLinkLocal }
  }
}

extension FlannelConfiguration.VXLAN {
  /// The tunnel device's MTU in bytes, for the outer device's.
  ///
  /// flannel asks for ``overhead`` less in both families; the kernel gives no more than fits behind the outer headers,
  /// which for IPv6 is 20 bytes less.
  public func deviceMTU(outer: UInt32, family: IPAddress.Family) -> UInt32 {
    let asked = max(mtu ?? outer, Self.overhead) - Self.overhead
    let headers = Self.overhead + (family == .ipv4 ? 0 : 20)
    // 68 bytes are the least that IPv4 knows (RFC 791), and the kernel's least for the device.
    return max(68, min(asked, max(outer, headers) - headers))
  }
}
