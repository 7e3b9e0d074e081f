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

  /// Whether both have a place in common.
  public func overlaps(_ other: LocalAddresses) -> Bool {
    ports.overlaps(other.ports)
      && (network.contains(other.network.address) || other.network.contains(network.address))
  }

  /// Bits that count through the addresses of a range: an address and a port make 32 together, and no less is ever full.
  static let mostBits = 16

  /// Why FULLNAT cannot lease from them, as a sentence without its full stop; nil where it can.
  public var fault: String? {
    let address = network.address
    if network.network != network {
      return
        "\(network) names a host in a network; write \(network.network) for the network, or \(address) for the host"
    }
    if bits > Self.mostBits {
      return "\(network) has more than 65,536 addresses: a network is /\(address.bitWidth - Self.mostBits) or longer"
    }
    if ports.lowerBound == 0 { return "port 0 is none to ask from: ports begin at 1" }
    if let kind = address.unsuitability { return "\(network) cannot be asked from: \(kind)" }
    return nil
  }
}

extension IPAddress {
  /// Why nobody could answer to this address; nil where somebody could.
  fileprivate var unsuitability: String? {
    let bytes = bytes
    switch family {
    case .ipv4:
      if bytes[0] == 0 { return "0.0.0.0/8 is no host's" }
      if bytes[0] == 127 { return "it is a loopback address" }
      if bytes[0] >= 224 { return bytes[0] < 240 ? "it is a multicast address" : "240.0.0.0/4 is no host's" }
    case .ipv6:
      if bytes.allSatisfy({ $0 == 0 }) { return "it is the unspecified address" }
      if bytes[..<15].allSatisfy({ $0 == 0 }), bytes[15] == 1 { return "it is the loopback address" }
      if bytes[0] == 0xff { return "it is a multicast address" }
      if isLinkLocal { return "a link-local address means something on one link only" }
      if bytes[..<10].allSatisfy({ $0 == 0 }), bytes[10] == 0xff, bytes[11] == 0xff {
        return "it is an IPv4 address in IPv6's clothes"
      }
    }
    return nil
  }
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
