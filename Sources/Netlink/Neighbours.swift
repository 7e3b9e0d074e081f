import CNetlink
import Glibc

/// An entry of the neighbour table: who answers for an address on a link.
public struct Neighbour: Hashable, Sendable {
  /// NUD_* bits (linux/neighbour.h).
  public struct State: OptionSet, Hashable, Sendable {
    public let rawValue: UInt16
    public init(rawValue: UInt16) { self.rawValue = rawValue }

    public static let incomplete = State(rawValue: 0x01)
    public static let reachable = State(rawValue: 0x02)
    public static let stale = State(rawValue: 0x04)
    public static let delay = State(rawValue: 0x08)
    public static let probe = State(rawValue: 0x10)
    public static let failed = State(rawValue: 0x20)
    public static let noARP = State(rawValue: 0x40)
    public static let permanent = State(rawValue: 0x80)
    /// The states in which the kernel sends to the entry's hardware address.
    public static let valid: State = [.reachable, .stale, .delay, .probe, .noARP, .permanent]
  }

  public var address: IPAddress
  public var interfaceIndex: UInt32
  public var mac: MACAddress?
  public var state: State
  /// NTF_* bits.
  public var flags: UInt8
  /// Whether the kernel itself keeps the entry resolved (NTF_EXT_MANAGED, kernel 5.16).
  public var isManaged: Bool
}

extension NetlinkSocket {
  /// Has the kernel resolve a neighbour at once and keep it fresh, with nobody sending to it.
  ///
  /// An entry for the address is replaced. The kernel drops managed entries when the link loses carrier: whoever needs
  /// one adds it again. Needs kernel 5.16.
  public func addManagedNeighbour(_ address: IPAddress, interfaceIndex: UInt32) throws(NetlinkError) {
    var message = try Message(
      RTM_NEWNEIGH, flags: NLM_F_CREATE | NLM_F_REPLACE, body: ndmsg(address, interfaceIndex: interfaceIndex))
    message.put(NDA_DST, address)
    message.put(NDA_FLAGS_EXT, UInt32(NTF_EXT_MANAGED))
    try request(message, "have the neighbour \(address) resolved on interface \(interfaceIndex)")
  }

  /// Pins a neighbour's hardware address, replacing what was there.
  public func addPermanentNeighbour(
    _ address: IPAddress, mac: MACAddress, interfaceIndex: UInt32
  ) throws(NetlinkError) {
    var body = ndmsg(address, interfaceIndex: interfaceIndex)
    body.ndm_state = Neighbour.State.permanent.rawValue
    var message = try Message(RTM_NEWNEIGH, flags: NLM_F_CREATE | NLM_F_REPLACE, body: body)
    message.put(NDA_DST, address)
    message.put(NDA_LLADDR, bytes: mac.bytes)
    try request(message, "set the neighbour \(address) on interface \(interfaceIndex)")
  }

  /// Removes a neighbour; an entry that is not there is no error.
  public func removeNeighbour(_ address: IPAddress, interfaceIndex: UInt32) throws(NetlinkError) {
    var message = try Message(RTM_DELNEIGH, body: ndmsg(address, interfaceIndex: interfaceIndex))
    message.put(NDA_DST, address)
    do {
      try request(message, "remove the neighbour \(address) of interface \(interfaceIndex)")
    } catch {
      guard error.code == ENOENT else { throw error }
    }
  }

  /// The neighbours of both families that have an IP address.
  ///
  /// - Parameter interfaceIndex: of one interface only.
  public func neighbours(interfaceIndex: UInt32? = nil) throws(NetlinkError) -> [Neighbour] {
    var message = try Message(RTM_GETNEIGH, body: ndmsg())
    if let interfaceIndex { message.put(NDA_IFINDEX, interfaceIndex) }
    let found = try dump(message, "list the neighbours").compactMap(Neighbour.init)
    guard let interfaceIndex else { return found }
    return found.filter { $0.interfaceIndex == interfaceIndex }
  }
}

extension ndmsg {
  fileprivate init(_ address: IPAddress, interfaceIndex: UInt32) {
    self.init()
    ndm_family = address.family.rawValue
    ndm_ifindex = Int32(bitPattern: interfaceIndex)
  }
}

extension Neighbour {
  init?(_ reply: Reply) {
    guard CInt(reply.type) == CInt(RTM_NEWNEIGH), let (body, attributes) = reply.split(ndmsg.self),
      body.ndm_family == AF_INET || body.ndm_family == AF_INET6,
      let address = attributes.address(NDA_DST)
    else { return nil }
    let extended: UInt32 = attributes.value(NDA_FLAGS_EXT) ?? 0
    self.init(
      address: address, interfaceIndex: UInt32(bitPattern: body.ndm_ifindex),
      mac: attributes[NDA_LLADDR].flatMap { MACAddress(bytes: $0) }, state: State(rawValue: body.ndm_state),
      flags: body.ndm_flags, isManaged: extended & UInt32(NTF_EXT_MANAGED) != 0)
  }
}
