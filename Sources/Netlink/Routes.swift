import CNetlink
import Glibc

/// What becomes of a packet that a route matches (RTN_*, rtnetlink(7)).
public enum RouteKind: UInt8, Hashable, Sendable {
  case unspecified = 0
  /// Sent on, to a gateway or on the link.
  case unicast = 1
  /// This host itself.
  case local = 2
  case broadcast = 3
  case anycast = 4
  case multicast = 5
  case blackhole = 6
  case unreachable = 7
  case prohibit = 8
  case throwOn = 9
  case nat = 10
}

/// A route to be added or removed.
public struct Route: Hashable, Sendable {
  public var destination: IPPrefix
  /// May be of the other family (RTA_VIA).
  public var gateway: IPAddress?
  public var interfaceIndex: UInt32?
  /// The source address that local traffic prefers.
  public var source: IPAddress?
  /// 254 is the main table, 255 the local one.
  public var table: UInt32
  public var kind: RouteKind
  /// Smaller wins.
  public var metric: UInt32?
  public var mtu: UInt32?
  /// The time to live of what this host sends by it.
  public var hopLimit: UInt32?
  /// The gateway is on the link even if no address of ours says so (RTNH_F_ONLINK).
  public var isOnLink: Bool

  public init(
    to destination: IPPrefix, via gateway: IPAddress? = nil, interfaceIndex: UInt32? = nil, source: IPAddress? = nil,
    table: UInt32 = 254, kind: RouteKind = .unicast, metric: UInt32? = nil, mtu: UInt32? = nil, hopLimit: UInt32? = nil,
    isOnLink: Bool = false
  ) {
    self.destination = destination
    self.gateway = gateway
    self.interfaceIndex = interfaceIndex
    self.source = source
    self.table = table
    self.kind = kind
    self.metric = metric
    self.mtu = mtu
    self.hopLimit = hopLimit
    self.isOnLink = isOnLink
  }
}

/// The kernel's answer to "how would a packet to this address go".
public struct RouteAnswer: Hashable, Sendable {
  public var kind: RouteKind
  /// The outgoing interface; the loopback for ``RouteKind/local``.
  public var interfaceIndex: UInt32?
  /// The next hop; absent where the destination itself is on the link. May be of the other family (RTA_VIA).
  public var gateway: IPAddress?
  /// The source address that the kernel would choose.
  public var source: IPAddress?
  public var table: UInt32
  /// The route's own MTU in bytes, where it sets one.
  public var mtu: UInt32?
}

extension NetlinkError {
  /// Whether a look-up failed since there is no route, or one that prohibits or swallows.
  public var meansNoRoute: Bool { [ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL].contains(code) }
}

extension NetlinkSocket {
  /// Asks the kernel's own routing, rules included.
  ///
  /// - Parameters:
  ///   - source: the packet's source address.
  ///   - inputInterface: asks as for a packet received there, to be forwarded; the source is then needed too.
  ///   - mark: the packet's firewall mark.
  /// - Throws: ENETUNREACH or EHOSTUNREACH without a route, EACCES or EINVAL where a route prohibits or swallows it.
  public func route(
    to destination: IPAddress, from source: IPAddress? = nil, inputInterface: UInt32? = nil, mark: UInt32? = nil
  ) throws(NetlinkError) -> RouteAnswer {
    var body = rtmsg()
    body.rtm_family = destination.family.rawValue
    body.rtm_dst_len = UInt8(destination.bitWidth)
    body.rtm_src_len = source.map { UInt8($0.bitWidth) } ?? 0
    // IPv6 always says the table, and refuses the flag that asks for it.
    if destination.family == .ipv4 { body.rtm_flags = UInt32(RTM_F_LOOKUP_TABLE) }
    var message = try Message(RTM_GETROUTE, body: body)
    message.put(RTA_DST.rawValue, destination)
    if let source { message.put(RTA_SRC.rawValue, source) }
    if let inputInterface { message.put(RTA_IIF.rawValue, inputInterface) }
    if let mark { message.put(RTA_MARK.rawValue, mark) }
    let action = "find the route to \(destination)"
    guard let answer = try request(message, action).lazy.compactMap(RouteAnswer.init).first else {
      throw NetlinkError(code: ENETUNREACH, action: action)
    }
    return answer
  }

  /// Adds a route; EEXIST where there is one for the destination, unless it is to be replaced.
  ///
  /// No packet is lost while a route takes the place of another one of the same destination and metric.
  ///
  /// - Parameters:
  ///   - maker: RTPROT_*, which says whose the route is; 4, an administrator's, where it is not said.
  ///   - scope: RT_SCOPE_*; found from the route where it is not said.
  public func addRoute(
    _ route: Route, replacing: Bool = false, maker: UInt8? = nil, scope: UInt8? = nil
  ) throws(NetlinkError) {
    let flags = NLM_F_CREATE | (replacing ? NLM_F_REPLACE : NLM_F_EXCL)
    var header = route.header(adding: true)
    if let maker { header.rtm_protocol = maker }
    if let scope { header.rtm_scope = scope }
    var message = try Message(RTM_NEWROUTE, flags: flags, body: header)
    route.describe(in: &message)
    try request(message, "add the route to \(route.destination)")
  }

  /// Removes the route that has all the given parts; ESRCH where there is none.
  public func removeRoute(_ route: Route) throws(NetlinkError) {
    var message = try Message(RTM_DELROUTE, body: route.header(adding: false))
    route.describe(in: &message)
    try request(message, "remove the route to \(route.destination)")
  }

  /// Every unicast, local, broadcast and prohibiting route of one table.
  public func routes(table: UInt32 = 254) throws(NetlinkError) -> [Route] {
    try routeReplies(table: table).compactMap { Route($0) }.filter { $0.table == table }
  }

  func routeReplies(table: UInt32) throws(NetlinkError) -> [Reply] {
    var message = try Message(RTM_GETROUTE, body: rtmsg())
    // The kernel gives no others then; what it gives is looked at all the same, since an old one does not heed it.
    message.put(RTA_TABLE.rawValue, table)
    return try dump(message, "list the routes")
  }
}

extension Route {
  fileprivate func header(adding: Bool) -> rtmsg {
    var body = rtmsg()
    body.rtm_family = destination.address.family.rawValue
    body.rtm_dst_len = destination.length
    body.rtm_table = table < 256 ? UInt8(table) : UInt8(RT_TABLE_COMPAT.rawValue)
    body.rtm_type = kind.rawValue
    if adding {
      body.rtm_protocol = UInt8(RTPROT_STATIC)
      body.rtm_scope = kind == .local ? UInt8(RT_SCOPE_HOST.rawValue) : scope
    } else {
      body.rtm_scope = UInt8(RT_SCOPE_NOWHERE.rawValue)
    }
    if isOnLink { body.rtm_flags = UInt32(RTNH_F_ONLINK) }
    return body
  }

  /// IPv4 distinguishes destinations on the link; IPv6 ignores the scope.
  private var scope: UInt8 {
    gateway == nil && kind == .unicast && destination.address.family == .ipv4
      ? UInt8(RT_SCOPE_LINK.rawValue) : UInt8(RT_SCOPE_UNIVERSE.rawValue)
  }

  fileprivate func describe(in message: inout Message) {
    if destination.length > 0 { message.put(RTA_DST.rawValue, destination.network.address) }
    if let gateway {
      if gateway.family == destination.address.family {
        message.put(RTA_GATEWAY.rawValue, gateway)
      } else {
        // struct rtvia: the family in 16 bits of host order, then the address.
        message.put(RTA_VIA.rawValue, bytes: [gateway.family.rawValue, 0] + gateway.bytes)
      }
    }
    if let interfaceIndex { message.put(RTA_OIF.rawValue, interfaceIndex) }
    if let source { message.put(RTA_PREFSRC.rawValue, source) }
    if let metric { message.put(RTA_PRIORITY.rawValue, metric) }
    if mtu != nil || hopLimit != nil {
      message.nest(RTA_METRICS.rawValue) { metrics in
        if let mtu { metrics.put(RTAX_MTU, mtu) }
        if let hopLimit { metrics.put(RTAX_HOPLIMIT, hopLimit) }
      }
    }
    message.put(RTA_TABLE.rawValue, table)
  }

  init?(_ reply: Reply) {
    self.init(ofAnyKind: reply)
    guard [.unicast, .local, .broadcast, .prohibit].contains(kind) else { return nil }
  }

  init?(ofAnyKind reply: Reply) {
    guard let answer = RouteAnswer(reply), let (body, attributes) = reply.split(rtmsg.self),
      let family = IPAddress.Family(rawValue: body.rtm_family)
    else { return nil }
    let destination = attributes.address(RTA_DST.rawValue) ?? IPPrefix.everything(family).address
    self.init(
      to: IPPrefix(destination, length: body.rtm_dst_len), via: answer.gateway, interfaceIndex: answer.interfaceIndex,
      source: answer.source, table: answer.table, kind: answer.kind, metric: attributes.value(RTA_PRIORITY.rawValue),
      mtu: answer.mtu, isOnLink: body.rtm_flags & UInt32(RTNH_F_ONLINK) != 0)
  }
}

extension RouteAnswer {
  init?(_ reply: Reply) {
    guard CInt(reply.type) == CInt(RTM_NEWROUTE), let (body, attributes) = reply.split(rtmsg.self) else { return nil }
    var gateway = attributes.address(RTA_GATEWAY.rawValue)
    var interface: UInt32? = attributes.value(RTA_OIF.rawValue)
    if gateway == nil, let via = attributes[RTA_VIA.rawValue] { gateway = IPAddress(bytes: via.dropFirst(2)) }
    if interface == nil, let hops = attributes[RTA_MULTIPATH.rawValue], let first = hops.load(rtnexthop.self) {
      // A lookup answers with the hop it chose; a dump lists all of them, of which the first stands for the route.
      interface = UInt32(bitPattern: first.rtnh_ifindex)
      let size = MemoryLayout<rtnexthop>.size
      let own = Attributes(hops.dropFirst(size).prefix(max(0, Int(first.rtnh_len) - size)))
      gateway = own.address(RTA_GATEWAY.rawValue) ?? own[RTA_VIA.rawValue].flatMap { IPAddress(bytes: $0.dropFirst(2)) }
    }
    self.init(
      kind: RouteKind(rawValue: body.rtm_type) ?? .unspecified, interfaceIndex: interface, gateway: gateway,
      source: attributes.address(RTA_PREFSRC.rawValue),
      table: attributes.value(RTA_TABLE.rawValue) ?? UInt32(body.rtm_table),
      mtu: attributes.nested(RTA_METRICS.rawValue).value(RTAX_MTU))
  }
}
