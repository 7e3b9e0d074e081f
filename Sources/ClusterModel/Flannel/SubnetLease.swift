import Netlink

/// A node's part of the pods' network, and how its peers reach it.
public struct SubnetLease: Hashable, Sendable {
  /// The node's subnet, such as 10.244.1.0/24.
  public var subnet: IPPrefix
  /// The node's IPv6 subnet, where the network has both families.
  public var ipv6Subnet: IPPrefix?
  /// The node's own address on the network below.
  public var publicIP: IPAddress
  public var publicIPv6: IPAddress?
  public var backend: Backend

  public init(
    subnet: IPPrefix, ipv6Subnet: IPPrefix? = nil, publicIP: IPAddress, publicIPv6: IPAddress? = nil, backend: Backend
  ) {
    self.subnet = subnet
    self.ipv6Subnet = ipv6Subnet
    self.publicIP = publicIP
    self.publicIPv6 = publicIPv6
    self.backend = backend
  }

  /// What a lease says of its node's backend.
  public enum Backend: Hashable, Sendable {
    /// flannel writes only the lower 16 bits of the number; a network's own is in its configuration.
    case vxlan(vni: UInt32, mac: MACAddress, ipv6MAC: MACAddress?)
    case hostGateway
    /// One that this program does not serve, by flannel's word for it.
    case other(String)
  }
}
