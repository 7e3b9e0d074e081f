import Netlink

/// What a node is in the overlay: its subnets, its own addresses, and the hardware addresses of its tunnel devices.
public struct OverlayNode: Hashable, Sendable {
  public var name: String
  public var subnet: IPPrefix
  public var ipv6Subnet: IPPrefix?
  public var publicIP: IPAddress
  public var publicIPv6: IPAddress?
  public var mac: MACAddress
  public var ipv6MAC: MACAddress

  public init(
    name: String, subnet: IPPrefix, ipv6Subnet: IPPrefix? = nil, publicIP: IPAddress, publicIPv6: IPAddress? = nil,
    mac: MACAddress, ipv6MAC: MACAddress
  ) {
    self.name = name
    self.subnet = subnet.network
    self.ipv6Subnet = ipv6Subnet?.network
    self.publicIP = publicIP
    self.publicIPv6 = publicIPv6
    self.mac = mac
    self.ipv6MAC = ipv6MAC
  }

  /// What peers are to be told.
  public func lease(_ configuration: FlannelConfiguration) -> SubnetLease {
    let backend: SubnetLease.Backend =
      switch configuration.backend {
      case .vxlan(let vxlan): .vxlan(vni: vxlan.vni, mac: mac, ipv6MAC: ipv6Subnet == nil ? nil : ipv6MAC)
      case .hostGateway: .hostGateway
      }
    return SubnetLease(
      subnet: subnet, ipv6Subnet: ipv6Subnet, publicIP: publicIP, publicIPv6: publicIPv6, backend: backend)
  }
}

extension SubnetLease {
  /// One family's share of a lease.
  struct Part {
    var subnet: IPPrefix
    var publicIP: IPAddress
    var mac: MACAddress?

    var family: IPAddress.Family { subnet.address.family }
    /// The address of the node's tunnel device.
    var base: IPAddress { subnet.address }
  }

  /// The families that the lease has both a subnet and a node's address of.
  var parts: [Part] {
    var macs: (first: MACAddress?, second: MACAddress?) = (nil, nil)
    if case .vxlan(_, let mac, let ipv6MAC) = backend { macs = (mac, ipv6MAC) }
    let own = subnet.address.family == publicIP.family ? publicIP : publicIPv6
    var parts: [Part] = []
    if let own, own.family == subnet.address.family {
      parts.append(Part(subnet: subnet.network, publicIP: own, mac: macs.first))
    }
    if let ipv6Subnet, let publicIPv6, subnet.address.family == .ipv4 {
      parts.append(Part(subnet: ipv6Subnet.network, publicIP: publicIPv6, mac: macs.second))
    }
    return parts
  }
}

/// The interface by which a node reaches its peers.
public struct OuterInterface: Hashable, Sendable {
  public var name: String
  public var index: UInt32
  public var mtu: UInt32
  public var addresses: [IPAddress]
  /// What is reached on the link, without a gateway.
  public var onLink: [IPPrefix]

  public init(name: String, index: UInt32, mtu: UInt32, addresses: [IPAddress], onLink: [IPPrefix]) {
    self.name = name
    self.index = index
    self.mtu = mtu
    self.addresses = addresses
    self.onLink = onLink
  }

  public func isOnLink(_ address: IPAddress) -> Bool { onLink.contains { $0.contains(address) } }
}
