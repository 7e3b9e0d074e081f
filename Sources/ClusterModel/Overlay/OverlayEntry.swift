import Netlink

/// A tunnel device as flannel makes it: `flannel.<VNI>`, or `flannel-v6.<VNI>` for IPv6.
public struct OverlayDevice: Hashable, Sendable {
  public var name: String
  public var tunnels: VXLANSettings
  /// The hardware address that peers are told to send to.
  public var mac: MACAddress
  public var mtu: UInt32
  /// The base of the node's subnet, alone: what starts on the node and goes to pods elsewhere bears it as its source.
  public var address: IPPrefix

  public init(name: String, tunnels: VXLANSettings, mac: MACAddress, mtu: UInt32, address: IPPrefix) {
    self.name = name
    self.tunnels = tunnels
    self.mac = mac
    self.mtu = mtu
    self.address = address
  }

  /// flannel's name for a network's device.
  public static func name(vni: UInt32, family: IPAddress.Family) -> String {
    family == .ipv4 ? "flannel.\(vni)" : "flannel-v6.\(vni)"
  }

  /// Whether flannel would call a device so.
  public static func isName(_ name: String) -> Bool { number(in: name) != nil }

  /// The name of the device that a lease speaks of: flannel's leases have the lower 16 bits of a number only.
  static func nameInLeases(_ name: String) -> String {
    guard let (start, number) = number(in: name) else { return name }
    return "\(start)\(number & leaseMask)"
  }

  /// What of a network's number is in flannel's leases.
  static let leaseMask: UInt32 = 0xFFFF

  private static func number(in name: String) -> (start: String, number: UInt32)? {
    for start in ["flannel.", "flannel-v6."] where name.hasPrefix(start) {
      if let number = UInt32(name.dropFirst(start.count)), "\(start)\(number)" == name { return (start, number) }
    }
    return nil
  }
}

/// Something the overlay puts into a node's kernel beside its devices.
public enum OverlayEntry: Hashable, Sendable {
  case address(IPPrefix, device: String)
  /// A permanent neighbour: the base of a peer's subnet, and the hardware address of its tunnel device.
  case neighbour(IPAddress, MACAddress, device: String)
  /// Where frames to a peer's tunnel device go: its node's own address.
  case forwarding(MACAddress, to: IPAddress, device: String)
  case route(OverlayRoute)

  public var device: String {
    switch self {
    case .address(_, let device), .neighbour(_, _, let device), .forwarding(_, _, let device): device
    case .route(let route): route.device
    }
  }

  /// What the kernel holds one of: an entry takes the place of another one with the same key.
  var key: Key {
    switch self {
    case .address(let prefix, let device): .address(prefix, device)
    case .neighbour(let address, _, let device): .neighbour(address, device)
    case .forwarding(let mac, _, let device): .forwarding(mac, device)
    case .route(let route): .route(route.destination)
    }
  }

  enum Key: Hashable {
    case address(IPPrefix, String)
    case neighbour(IPAddress, String)
    case forwarding(MACAddress, String)
    case route(IPPrefix)
  }
}

/// The way to a peer's pods.
public struct OverlayRoute: Hashable, Sendable {
  public var destination: IPPrefix
  public var gateway: IPAddress
  public var device: String
  /// The gateway is on the link even if no address says so: the other end of a tunnel.
  public var isOnLink: Bool

  public init(to destination: IPPrefix, via gateway: IPAddress, device: String, isOnLink: Bool) {
    self.destination = destination
    self.gateway = gateway
    self.device = device
    self.isOnLink = isOnLink
  }
}

extension OverlayEntry: CustomStringConvertible {
  /// In the words of ip(8) and bridge(8).
  public var description: String {
    switch self {
    case .address(let prefix, let device): "address \(prefix) of \(device)"
    case .neighbour(let address, let mac, let device): "neighbour \(address) lladdr \(mac) dev \(device)"
    case .forwarding(let mac, let remote, let device): "fdb \(mac) dst \(remote) dev \(device)"
    case .route(let route): "route \(route)"
    }
  }
}

extension OverlayRoute: CustomStringConvertible {
  public var description: String {
    "\(destination) via \(gateway) dev \(device)\(isOnLink ? " onlink" : "")"
  }
}
