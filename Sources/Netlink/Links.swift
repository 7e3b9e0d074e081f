import CNetlink
import Glibc

/// A link to be made, with what only its kind knows.
public enum NewLink: Hashable, Sendable {
  /// Two Ethernet devices joined back to back; the peer may be born in another network namespace.
  case veth(peer: String, peerNamespace: CInt?)
  case bridge
  /// 802.1Q by default; 0x88a8 for a service tag.
  case vlan(parent: UInt32, id: UInt16, protocolType: UInt16 = 0x8100)
  /// Numbered as in linux/if_bonding.h: 1 is active-backup.
  case bond(mode: UInt8)
  /// Without a remote address the device learns, or is told by `bridge fdb`.
  case vxlan(id: UInt32, parent: UInt32?, local: IPAddress?, remote: IPAddress?, port: UInt16)
  /// The same with all that the device can be told.
  case tunnels(VXLANSettings)
  /// IPv4 in IPv4; without a remote it takes what comes from anywhere.
  case ipip(local: IPAddress?, remote: IPAddress?)
  /// IPv4 or IPv6 in IPv6 (ip6tnl).
  case ip6Tunnel(local: IPAddress?, remote: IPAddress?)
  /// The same from anywhere to any address of ours; one in a namespace. Called external by ip-link(8).
  case ip6TunnelFromAnywhere
  /// IPv6 in IPv4.
  case sit(local: IPAddress?, remote: IPAddress?)

  /// IFLA_INFO_KIND.
  public var kind: String {
    switch self {
    case .veth: "veth"
    case .bridge: "bridge"
    case .vlan: "vlan"
    case .bond: "bond"
    case .vxlan, .tunnels: "vxlan"
    case .ipip: "ipip"
    case .ip6Tunnel, .ip6TunnelFromAnywhere: "ip6tnl"
    case .sit: "sit"
    }
  }
}

extension NetlinkSocket {
  /// Makes a link, down.
  ///
  /// EOPNOTSUPP says that the kernel has no such kind, EEXIST that the name, or the tunnel, is taken.
  /// - Parameters:
  ///   - mtu: in bytes; the kind's own default where it is not said.
  ///   - queueLength: in packets; the kind's own default where it is not said.
  public func createLink(
    _ name: String, _ link: NewLink, mac: MACAddress? = nil, mtu: UInt32? = nil, queueLength: UInt32? = nil
  ) throws(NetlinkError) {
    try checkInterfaceName(name)
    if case .veth(let peer, _) = link { try checkInterfaceName(peer) }
    var message = try Message(RTM_NEWLINK, flags: NLM_F_CREATE | NLM_F_EXCL, body: ifinfomsg())
    message.put(IFLA_IFNAME, text: name)
    if let mac { message.put(IFLA_ADDRESS, bytes: mac.bytes) }
    if let mtu { message.put(IFLA_MTU, mtu) }
    if let queueLength { message.put(IFLA_TXQLEN, queueLength) }
    switch link {
    case .vlan(let parent, _, _): message.put(IFLA_LINK, parent)
    default: break
    }
    message.nest(IFLA_LINKINFO) { message in
      message.put(IFLA_INFO_KIND, text: link.kind)
      message.nest(IFLA_INFO_DATA) { link.describe(in: &$0) }
    }
    try request(message, "create the \(link.kind) link \(name)")
  }

  public func deleteLink(_ index: UInt32) throws(NetlinkError) {
    try request(try Message(RTM_DELLINK, body: ifinfomsg(index: index)), "delete interface \(index)")
  }

  public func setLink(_ index: UInt32, up: Bool) throws(NetlinkError) {
    var body = ifinfomsg(index: index)
    body.ifi_flags = up ? Interface.Flags.up.rawValue : 0
    body.ifi_change = Interface.Flags.up.rawValue
    try request(try Message(RTM_NEWLINK, body: body), "set interface \(index) \(up ? "up" : "down")")
  }

  /// Whether neighbours are asked for on a link; where they are not, frames leave without anybody's address.
  public func setLink(_ index: UInt32, asksForNeighbours: Bool) throws(NetlinkError) {
    var body = ifinfomsg(index: index)
    body.ifi_flags = asksForNeighbours ? 0 : Interface.Flags.noARP.rawValue
    body.ifi_change = Interface.Flags.noARP.rawValue
    try request(
      try Message(RTM_NEWLINK, body: body), "switch ARP \(asksForNeighbours ? "on" : "off") at interface \(index)")
  }

  public func setLink(_ index: UInt32, mtu: UInt32) throws(NetlinkError) {
    try change(index, "set the MTU of interface \(index) to \(mtu)") { $0.put(IFLA_MTU, mtu) }
  }

  public func setLink(_ index: UInt32, mac: MACAddress) throws(NetlinkError) {
    try change(index, "set the address of interface \(index) to \(mac)") {
      $0.put(IFLA_ADDRESS, bytes: mac.bytes)
    }
  }

  /// Puts a link into a bridge or bond; nothing takes it out.
  public func setLink(_ index: UInt32, master: UInt32?) throws(NetlinkError) {
    try change(index, master.map { "add interface \(index) to \($0)" } ?? "take interface \(index) out of its master") {
      $0.put(IFLA_MASTER, master ?? 0)
    }
  }

  /// The link must be down, as before kernel 6.2.
  public func renameLink(_ index: UInt32, to name: String) throws(NetlinkError) {
    try checkInterfaceName(name)
    try change(index, "rename interface \(index) to \(name)") { $0.put(IFLA_IFNAME, text: name) }
  }

  /// Moves a link to another network namespace, where it is down, without addresses, and may have a new index.
  public func moveLink(_ index: UInt32, to namespace: borrowing NetworkNamespace) throws(NetlinkError) {
    let descriptor = UInt32(bitPattern: namespace.descriptor)
    try change(index, "move interface \(index) to another network namespace") {
      $0.put(IFLA_NET_NS_FD, descriptor)
    }
  }

  private func change(
    _ index: UInt32, _ action: String, _ content: (inout Message) -> Void
  ) throws(NetlinkError) {
    var message = try Message(RTM_NEWLINK, body: ifinfomsg(index: index))
    content(&message)
    try request(message, action)
  }
}

extension NewLink {
  /// The attributes inside IFLA_INFO_DATA.
  fileprivate func describe(in message: inout Message) {
    switch self {
    case .bridge: break
    case .veth(let peer, let namespace):
      message.nest(VETH_INFO_PEER) { message in
        message.append(ifinfomsg())
        message.put(IFLA_IFNAME, text: peer)
        if let namespace { message.put(IFLA_NET_NS_FD, UInt32(bitPattern: namespace)) }
      }
    case .vlan(_, let id, let protocolType):
      message.put(IFLA_VLAN_ID, id)
      message.put(IFLA_VLAN_PROTOCOL, protocolType.bigEndian)
    case .bond(let mode):
      message.put(IFLA_BOND_MODE, mode)
      // The kernel watches nothing by default: carrier every 100 ms.
      message.put(IFLA_BOND_MIIMON, UInt32(100))
    case .vxlan(let id, let parent, let local, let remote, let port):
      message.put(IFLA_VXLAN_ID, id)
      if let parent { message.put(IFLA_VXLAN_LINK, parent) }
      if let local { message.put(local.family == .ipv4 ? IFLA_VXLAN_LOCAL : IFLA_VXLAN_LOCAL6, local) }
      if let remote { message.put(remote.family == .ipv4 ? IFLA_VXLAN_GROUP : IFLA_VXLAN_GROUP6, remote) }
      message.put(IFLA_VXLAN_PORT, port.bigEndian)
    case .tunnels(let settings): settings.describe(in: &message)
    case .ipip(let local, let remote), .sit(let local, let remote):
      if let local { message.put(IFLA_IPTUN_LOCAL, local) }
      if let remote { message.put(IFLA_IPTUN_REMOTE, remote) }
    case .ip6Tunnel(let local, let remote):
      if let local { message.put(IFLA_IPTUN_LOCAL, local) }
      if let remote { message.put(IFLA_IPTUN_REMOTE, remote) }
      // Protocol 0: whatever the outer header's next header says.
      message.put(IFLA_IPTUN_PROTO, UInt8(0))
    case .ip6TunnelFromAnywhere:
      message.put(IFLA_IPTUN_PROTO, UInt8(0))
      message.put(IFLA_IPTUN_COLLECT_METADATA, bytes: [])
    }
  }
}
