import CNetlink
import Glibc

/// An entry of a device's forwarding database: where frames to a hardware address go (bridge(8), `bridge fdb`).
public struct ForwardingEntry: Hashable, Sendable {
  public var mac: MACAddress
  public var interfaceIndex: UInt32
  /// The peer at the tunnel's other end; absent where the entry is a bridge's.
  public var remote: IPAddress?
  public var state: Neighbour.State
  /// NTF_* bits: 2 is the device's own table ("self"), 4 its bridge's.
  public var flags: UInt8

  public init(
    mac: MACAddress, interfaceIndex: UInt32, remote: IPAddress?, state: Neighbour.State = .permanent, flags: UInt8 = 2
  ) {
    self.mac = mac
    self.interfaceIndex = interfaceIndex
    self.remote = remote
    self.state = state
    self.flags = flags
  }
}

extension NetlinkSocket {
  /// Has a vxlan device send frames to a hardware address through the tunnel to a peer, for good.
  ///
  /// EEXIST where the address has an entry, unless it is to be replaced.
  public func addForwardingEntry(
    to mac: MACAddress, remote: IPAddress, interfaceIndex: UInt32, replacing: Bool = false
  ) throws(NetlinkError) {
    var body = ndmsg(bridgeEntryOf: interfaceIndex)
    body.ndm_state = Neighbour.State.permanent.rawValue
    let flags = NLM_F_CREATE | (replacing ? NLM_F_REPLACE : NLM_F_EXCL)
    var message = try Message(RTM_NEWNEIGH, flags: flags, body: body)
    message.put(NDA_DST, remote)
    message.put(NDA_LLADDR, bytes: mac.bytes)
    try request(message, "have interface \(interfaceIndex) send frames to \(mac) through the tunnel to \(remote)")
  }

  /// Removes an entry of a vxlan device's own; ENOENT where there is none.
  public func removeForwardingEntry(
    to mac: MACAddress, remote: IPAddress, interfaceIndex: UInt32
  ) throws(NetlinkError) {
    var message = try Message(RTM_DELNEIGH, body: ndmsg(bridgeEntryOf: interfaceIndex))
    message.put(NDA_DST, remote)
    message.put(NDA_LLADDR, bytes: mac.bytes)
    try request(message, "remove the tunnel to \(remote) for frames to \(mac) from interface \(interfaceIndex)")
  }

  /// The forwarding databases of all interfaces, or of one.
  public func forwardingEntries(interfaceIndex: UInt32? = nil) throws(NetlinkError) -> [ForwardingEntry] {
    var body = ndmsg()
    body.ndm_family = UInt8(AF_BRIDGE)
    // What the kernel gives is looked at all the same, since an old one does not heed it.
    if let interfaceIndex { body.ndm_ifindex = Int32(bitPattern: interfaceIndex) }
    let entries = try dump(try Message(RTM_GETNEIGH, body: body), "list the forwarding databases")
      .compactMap(ForwardingEntry.init)
    guard let interfaceIndex else { return entries }
    return entries.filter { $0.interfaceIndex == interfaceIndex }
  }
}

extension ndmsg {
  fileprivate init(bridgeEntryOf interfaceIndex: UInt32) {
    self.init()
    ndm_family = UInt8(AF_BRIDGE)
    ndm_ifindex = Int32(bitPattern: interfaceIndex)
    ndm_flags = UInt8(NTF_SELF)
  }
}

extension ForwardingEntry {
  init?(_ reply: Reply) {
    guard CInt(reply.type) == CInt(RTM_NEWNEIGH), let (body, attributes) = reply.split(ndmsg.self),
      CInt(body.ndm_family) == AF_BRIDGE, let mac = attributes[NDA_LLADDR].flatMap({ MACAddress(bytes: $0) })
    else { return nil }
    self.init(
      mac: mac, interfaceIndex: UInt32(bitPattern: body.ndm_ifindex), remote: attributes.address(NDA_DST),
      state: Neighbour.State(rawValue: body.ndm_state), flags: body.ndm_flags)
  }
}
