import CNetlink
import Glibc

/// A network interface as RTM_GETLINK shows it.
public struct Interface: Hashable, Sendable {
  /// IFF_* bits (netdevice(7)).
  public struct Flags: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Administratively up.
    public static let up = Flags(rawValue: 0x1)
    public static let broadcast = Flags(rawValue: 0x2)
    public static let loopback = Flags(rawValue: 0x8)
    public static let pointToPoint = Flags(rawValue: 0x10)
    /// Operationally up: frames can pass.
    public static let running = Flags(rawValue: 0x40)
    /// The device does no ARP.
    public static let noARP = Flags(rawValue: 0x80)
    /// The physical layer has carrier.
    public static let lowerUp = Flags(rawValue: 0x10000)
  }

  /// A VLAN device's tag.
  public struct VLAN: Hashable, Sendable {
    public var id: UInt16
    /// The EtherType in host order: 0x8100 (802.1Q) or 0x88a8 (802.1ad).
    public var protocolType: UInt16
  }

  /// An XDP program attached to the interface.
  public struct XDP: Hashable, Sendable {
    public enum Mode: UInt8, Hashable, Sendable {
      case native = 1, generic = 2, hardware = 3, multiple = 4
    }
    public var mode: Mode
    /// The program's id in the kernel; absent with ``Mode/multiple``.
    public var programID: UInt32?
  }

  /// The states of a bridge's port (BR_STATE_* of linux/if_bridge.h); only a forwarding port lets frames through.
  public enum BridgePortState: UInt8, Hashable, Sendable {
    case disabled, listening, learning, forwarding, blocking
  }

  public var index: UInt32
  public var name: String
  public var flags: Flags
  public var mtu: UInt32
  /// Absent where the device has no six-byte address, as a tunnel has none.
  public var mac: MACAddress?
  /// IFLA_INFO_KIND: "veth", "vlan", "bridge", "bond", "vxlan" and so on; absent on hardware and the loopback.
  public var kind: String?
  /// IFLA_LINK: the lower device of a vlan or vxlan, the peer of a veth.
  ///
  /// It is an index in the namespace that ``linkNamespaceID`` names, where that is present.
  public var link: UInt32?
  /// The peer's network namespace as numbered in this one (IFLA_LINK_NETNSID); absent if it is this one.
  public var linkNamespaceID: Int32?
  /// The bridge or bond that this interface belongs to.
  public var master: UInt32?
  /// What a bridge does with the frames of this port of it; absent on what is no port of a bridge.
  public var bridgePortState: BridgePortState?
  public var vlan: VLAN?
  /// A vxlan device's tunnels.
  public var vxlan: VXLANSettings?
  public var xdp: XDP?
  /// ARPHRD_*: 1 is Ethernet, 772 the loopback, 768 IPv4 in IPv4 (linux/if_arp.h).
  public var hardwareType: UInt16
}

extension NetlinkSocket {
  /// Every interface of the namespace, in the order of their indices.
  public func interfaces() throws(NetlinkError) -> [Interface] {
    var message = try Message(RTM_GETLINK, body: ifinfomsg())
    message.put(IFLA_EXT_MASK, UInt32(RTEXT_FILTER_SKIP_STATS))
    return try dump(message, "list the interfaces").compactMap(Interface.init).sorted { $0.index < $1.index }
  }

  /// One interface by name; ENODEV where there is none.
  public func interface(named name: String) throws(NetlinkError) -> Interface {
    try checkInterfaceName(name)
    var message = try Message(RTM_GETLINK, body: ifinfomsg())
    message.put(IFLA_IFNAME, text: name)
    message.put(IFLA_EXT_MASK, UInt32(RTEXT_FILTER_SKIP_STATS))
    guard let interface = try request(message, "find the interface \(name)").lazy.compactMap(Interface.init).first
    else {
      throw NetlinkError(code: ENODEV, action: "find the interface \(name)")
    }
    return interface
  }

  /// One interface by index; ENODEV where there is none.
  public func interface(at index: UInt32) throws(NetlinkError) -> Interface {
    var message = try Message(RTM_GETLINK, body: ifinfomsg(index: index))
    message.put(IFLA_EXT_MASK, UInt32(RTEXT_FILTER_SKIP_STATS))
    guard let found = try request(message, "find interface \(index)").lazy.compactMap(Interface.init).first else {
      throw NetlinkError(code: ENODEV, action: "find interface \(index)")
    }
    return found
  }
}

extension ifinfomsg {
  init(index: UInt32) {
    self.init()
    ifi_index = Int32(bitPattern: index)
  }
}

/// The kernel's own rule for names: dev_valid_name of net/core/dev.c.
func checkInterfaceName(_ name: String) throws(NetlinkError) {
  let valid =
    !name.isEmpty && name.utf8.count <= 15 && name != "." && name != ".."
    && name.utf8.allSatisfy { $0 > 0x20 && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: ":") && $0 != 0x7F }
  guard valid else {
    throw NetlinkError(
      code: EINVAL, action: "use \"\(name)\" as an interface name",
      detail: "1 to 15 bytes without spaces, slashes and colons")
  }
}

extension Interface {
  init?(_ reply: Reply) {
    guard CInt(reply.type) == CInt(RTM_NEWLINK), let (body, attributes) = reply.split(ifinfomsg.self),
      let name = attributes.text(IFLA_IFNAME)
    else { return nil }
    let info = attributes.nested(IFLA_LINKINFO)
    let kind = info.text(IFLA_INFO_KIND)
    self.init(
      index: UInt32(bitPattern: body.ifi_index), name: name, flags: Flags(rawValue: body.ifi_flags),
      mtu: attributes.value(IFLA_MTU) ?? 0,
      mac: attributes[IFLA_ADDRESS].flatMap { MACAddress(bytes: $0) },
      kind: kind, link: attributes.value(IFLA_LINK),
      linkNamespaceID: attributes.value(IFLA_LINK_NETNSID), master: attributes.value(IFLA_MASTER),
      bridgePortState: BridgePortState(info),
      vlan: kind == "vlan" ? VLAN(info.nested(IFLA_INFO_DATA)) : nil,
      vxlan: kind == "vxlan" ? VXLANSettings(info.nested(IFLA_INFO_DATA)) : nil,
      xdp: XDP(attributes.nested(IFLA_XDP)), hardwareType: body.ifi_type)
  }
}

extension Interface.BridgePortState {
  init?(_ info: Attributes) {
    guard info.text(IFLA_INFO_SLAVE_KIND) == "bridge" else { return nil }
    let state = info.nested(IFLA_INFO_SLAVE_DATA).value(IFLA_BRPORT_STATE, as: UInt8.self)
    guard let state = state.flatMap(Self.init(rawValue:)) else { return nil }
    self = state
  }
}

extension Interface.VLAN {
  init?(_ data: Attributes) {
    guard let id = data.value(IFLA_VLAN_ID, as: UInt16.self) else { return nil }
    self.id = id
    protocolType = UInt16(bigEndian: data.value(IFLA_VLAN_PROTOCOL) ?? UInt16(0x8100).bigEndian)
  }
}

extension Interface.XDP {
  init?(_ attributes: Attributes) {
    guard let mode = attributes.value(IFLA_XDP_ATTACHED, as: UInt8.self).flatMap(Mode.init) else { return nil }
    self.mode = mode
    programID = attributes.value(IFLA_XDP_PROG_ID)
  }
}
