import Netlink

/// What flannel calls `net-conf.json`: the pods' network of a cluster, and how packets travel between its nodes.
///
/// The format is flannel's (flannel-io/flannel, pkg/subnet/config.go); ``init(json:)`` reads it.
public struct FlannelConfiguration: Hashable, Sendable {
  /// One family's network, and what of it is given to nodes.
  public struct Network: Hashable, Sendable {
    public var prefix: IPPrefix
    /// The prefix length of a node's subnet.
    public var subnetLength: UInt8
    /// The first subnet that nodes are given; nil: the second of the network, as with flannel.
    public var subnetMin: IPAddress?
    /// The last subnet that nodes are given; nil: the last of the network.
    public var subnetMax: IPAddress?

    /// - Parameter subnetLength: flannel's own choice if not said: 24, 64 for IPv6, or a quarter of a small network.
    public init(
      _ prefix: IPPrefix, subnetLength: UInt8? = nil, subnetMin: IPAddress? = nil, subnetMax: IPAddress? = nil
    ) {
      self.prefix = prefix.network
      self.subnetLength = subnetLength ?? Self.usualSubnetLength(of: prefix)
      self.subnetMin = subnetMin
      self.subnetMax = subnetMax
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
    /// What the network below carries, in bytes; nil: as much as its device. The tunnel's has ``overhead`` less.
    public var mtu: UInt32?
    /// Whether peers on the same link are reached without the tunnel.
    public var directRouting: Bool

    public init(vni: UInt32 = 1, port: UInt16 = 8472, mtu: UInt32? = nil, directRouting: Bool = false) {
      self.vni = vni
      self.port = port
      self.mtu = mtu
      self.directRouting = directRouting
    }

    /// An inner Ethernet header, VXLAN's, UDP's and IPv4's, in bytes: flannel takes this for IPv6 too.
    public static let overhead: UInt32 = 50
  }
}

extension FlannelConfiguration.Network {
  fileprivate static func usualSubnetLength(of prefix: IPPrefix) -> UInt8 {
    let usual: UInt8 = prefix.address.family == .ipv4 ? 24 : 64
    return prefix.length + 2 <= usual ? usual : min(prefix.length + 2, UInt8(prefix.address.bitWidth))
  }
}
