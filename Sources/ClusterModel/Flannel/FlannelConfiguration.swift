import Netlink

/// What flannel calls `net-conf.json`: the pods' network of a cluster, and how packets travel between its nodes.
///
/// The format is flannel's (flannel-io/flannel, pkg/subnet/config.go); ``init(json:)`` reads it.
public struct FlannelConfiguration: Hashable, Sendable {
  /// One family's network, and what of it is given to nodes.
  public struct Network: Hashable, Sendable {
    public var prefix: IPPrefix
    /// The prefix length of a node's subnet: 24 if not said, 64 for IPv6.
    public var subnetLength: UInt8
    /// The first and the last subnet that nodes are given.
    public var subnets: ClosedRange<UInt32>?

    public init(_ prefix: IPPrefix, subnetLength: UInt8? = nil, subnets: ClosedRange<UInt32>? = nil) {
      self.prefix = prefix.network
      self.subnetLength = subnetLength ?? (prefix.address.family == .ipv4 ? 24 : 64)
      self.subnets = subnets
    }
  }

  public var ipv4: Network?
  public var ipv6: Network?
  public var backend: Backend

  public init(ipv4: Network?, ipv6: Network? = nil, backend: Backend) {
    self.ipv4 = ipv4
    self.ipv6 = ipv6
    self.backend = backend
  }
}

extension FlannelConfiguration {
  /// How pods' packets get from node to node.
  public enum Backend: Hashable, Sendable {
    case vxlan(VXLAN)
    /// Plain routes by the peers' own addresses; all nodes are on one link.
    case hostGateway

    /// flannel's own word for it, as in `net-conf.json` and in leases.
    public var name: String {
      switch self {
      case .vxlan: "vxlan"
      case .hostGateway: "host-gw"
      }
    }
  }

  /// What the vxlan backend can be told.
  public struct VXLAN: Hashable, Sendable {
    /// The network's number on the wire (RFC 7348): 1 to 16,777,215.
    public var vni: UInt32
    /// The UDP port of the tunnels.
    public var port: UInt16
    /// Of the tunnel's device, in bytes; nil: 50 less than the outer device's.
    public var mtu: UInt32?
    /// Whether peers on the same link are reached without the tunnel.
    public var directRouting: Bool

    public init(vni: UInt32 = 1, port: UInt16 = 8472, mtu: UInt32? = nil, directRouting: Bool = false) {
      self.vni = vni
      self.port = port
      self.mtu = mtu
      self.directRouting = directRouting
    }
  }
}
