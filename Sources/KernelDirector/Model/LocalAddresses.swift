import Netlink

/// Addresses of the director from which FULLNAT asks its real servers, and the ports it uses of each.
public struct LocalAddresses: Hashable, Sendable {
  /// As many addresses as there are in the network; at most 65,536.
  public var network: IPPrefix
  public var ports: ClosedRange<UInt16>

  /// All ports that need no privilege.
  public static let defaultPorts: ClosedRange<UInt16> = 1024...65_535
  /// What an address of the director's own gives up: the kernel's own connections start above.
  public static let ownPorts: ClosedRange<UInt16> = 1024...32_767

  public init(_ network: IPPrefix, ports: ClosedRange<UInt16> = defaultPorts) {
    self.network = network
    self.ports = ports
  }

  /// How many bits of the address count through the addresses.
  var bits: Int { network.address.bitWidth - Int(network.length) }

  /// How many connections to one real server they hold.
  public var places: UInt64 { UInt64(ports.count) << UInt64(bits) }
}

/// A pool's addresses as they stand.
public struct LocalAddressSnapshot: Sendable {
  public var addresses: LocalAddresses
  /// The service that they are kept for; nil for those that have none of their own.
  public var service: ServiceIdentity?
  /// Whether the director took an address of its own since nobody named one.
  public var isImplicit: Bool
  /// Connections that hold a place, to all real servers together.
  public var used: UInt32
  /// Whether they are only kept until their connections have ended.
  public var isLeaving: Bool
  /// How often no place was left for a new connection.
  public var exhausted: UInt64
  /// The places that the real server with the most connections has taken.
  public var fullest: UInt32
}
