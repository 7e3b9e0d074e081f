import CNetlink
import Glibc

/// A route as the kernel lists it, with what only the kernel and its maker say of it.
public struct RouteEntry: Hashable, Sendable {
  public var route: Route
  /// Who made it (RTPROT_*): 2 is the kernel, 3 what `ip route` calls nobody in particular, 4 an administrator.
  public var maker: UInt8
  /// RT_SCOPE_*: 0 is global, 253 the link, 254 this host.
  public var scope: UInt8
  /// How many next hops it has; ``route`` shows the first.
  public var hops: Int

  /// RTPROT_BOOT, which `ip route` gives and does not show.
  public static let unnamedMaker: UInt8 = 3

  public init(_ route: Route, maker: UInt8 = RouteEntry.unnamedMaker, scope: UInt8 = 0, hops: Int = 1) {
    self.route = route
    self.maker = maker
    self.scope = scope
    self.hops = hops
  }
}

extension NetlinkSocket {
  /// Every route of one table, with its maker and scope.
  public func routeEntries(table: UInt32 = 254) throws(NetlinkError) -> [RouteEntry] {
    try routeReplies(table: table).compactMap(RouteEntry.init).filter { $0.route.table == table }
  }
}

extension RouteEntry {
  init?(_ reply: Reply) {
    guard let route = Route(ofAnyKind: reply), let (body, attributes) = reply.split(rtmsg.self) else { return nil }
    self.init(route, maker: body.rtm_protocol, scope: body.rtm_scope)
    guard var rest = attributes[RTA_MULTIPATH.rawValue] else { return }
    hops = 0
    while let hop = rest.load(rtnexthop.self), hop.rtnh_len >= 8, Int(hop.rtnh_len) <= rest.count {
      hops += 1
      rest = rest.dropFirst((Int(hop.rtnh_len) + 3) & ~3)
    }
  }
}
