import CNetlink
import Glibc

/// What a vxlan device is told of its tunnels (RFC 7348; ip-link(8)).
public struct VXLANSettings: Hashable, Sendable {
  /// The network's number on the wire.
  public var id: UInt32
  /// The outer device; its frames leave by no other.
  public var parent: UInt32?
  /// The outer source, and the outer family with it.
  public var local: IPAddress?
  /// Where frames go whose receiver is not known: a peer or a multicast group.
  public var remote: IPAddress?
  /// The UDP port of the tunnels.
  public var port: UInt16
  /// Whether the device learns from frames behind which peer an address is.
  public var learns: Bool
  /// Of the outer header; 0 takes the inner header's or the route's.
  public var timeToLive: UInt8
  /// Whether tunnels are given with each packet, by a route or a program.
  public var isExternal: Bool

  public init(
    id: UInt32, parent: UInt32? = nil, local: IPAddress? = nil, remote: IPAddress? = nil, port: UInt16,
    learns: Bool = true, timeToLive: UInt8 = 0, isExternal: Bool = false
  ) {
    self.id = id
    self.parent = parent
    self.local = local
    self.remote = remote
    self.port = port
    self.learns = learns
    self.timeToLive = timeToLive
    self.isExternal = isExternal
  }
}

extension VXLANSettings {
  /// Reads IFLA_INFO_DATA.
  init?(_ data: Attributes) {
    guard let id = data.value(IFLA_VXLAN_ID, as: UInt32.self), let port = data.value(IFLA_VXLAN_PORT, as: UInt16.self)
    else { return nil }
    self.id = id
    self.port = UInt16(bigEndian: port)
    parent = data.value(IFLA_VXLAN_LINK, as: UInt32.self).flatMap { $0 == 0 ? nil : $0 }
    local = data.address(IFLA_VXLAN_LOCAL) ?? data.address(IFLA_VXLAN_LOCAL6)
    remote = data.address(IFLA_VXLAN_GROUP) ?? data.address(IFLA_VXLAN_GROUP6)
    learns = data.value(IFLA_VXLAN_LEARNING, as: UInt8.self) != 0
    timeToLive = data.value(IFLA_VXLAN_TTL) ?? 0
    isExternal = data.value(IFLA_VXLAN_COLLECT_METADATA, as: UInt8.self) ?? 0 != 0
  }

  /// Writes the attributes inside IFLA_INFO_DATA.
  func describe(in message: inout Message) {
    message.put(IFLA_VXLAN_ID, id)
    if let parent { message.put(IFLA_VXLAN_LINK, parent) }
    if let local { message.put(local.family == .ipv4 ? IFLA_VXLAN_LOCAL : IFLA_VXLAN_LOCAL6, local) }
    if let remote { message.put(remote.family == .ipv4 ? IFLA_VXLAN_GROUP : IFLA_VXLAN_GROUP6, remote) }
    message.put(IFLA_VXLAN_PORT, port.bigEndian)
    message.put(IFLA_VXLAN_LEARNING, UInt8(learns ? 1 : 0))
    message.put(IFLA_VXLAN_TTL, timeToLive)
    if isExternal { message.put(IFLA_VXLAN_COLLECT_METADATA, UInt8(1)) }
  }
}
