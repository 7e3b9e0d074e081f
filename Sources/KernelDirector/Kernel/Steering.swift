import Glibc
import HostSystem
import Netlink

/// The kernel's routing rules that bring to svs0 what XDP cannot decide on, or does not see.
///
/// Marks are set by the operator's own rules, which run after XDP; and what this host sends passes no XDP at all. Both
/// are routed into svs0 before the local table is asked, since a VIP may be an address of this host:
///
///     0: from all iif svs1 goto 1              what the director passes on goes the usual ways
///     0: from all iif svs0 goto 1              so the director asks whether a destination has any route,
///     32799: from all iif svs0 lookup 21336    and is told of a prohibition where it has none; nothing comes in by svs0
///     0: from all fwmark MARK/MASK lookup 21335  for services by mark (`MarkBlock`)
///     0: from all [iif lo] ipproto P dport N lookup 21334   VIPs, at services' ports: of what this host itself
///                                              sends, or of all where there are marks
///     0: from ADDRESS iif lo ipproto P sport N lookup 21337   replies of servers under NAT on this very host
///     0: from all lookup local                 the rule that was there, behind those above
///     1: from all lookup local                 where the first two go on
///     100: from all iif NIC blackhole          where the host itself does not forward (`MarkForwarding`)
///
/// All of it stands before the operator's own rules, and the local table still comes before them too.
struct Steering {
  private static let vips: UInt32 = 21_334
  private static let marks: UInt32 = 21_335
  /// Its one route prohibits. A rule that prohibits would do for IPv4; under IPv6 the packet path is not told of it.
  private static let nowhere: UInt32 = 21_336
  private static let locals: UInt32 = 21_337
  private static let local: UInt32 = 255

  /// What this host sends to a VIP: an Ethernet's frame less what a tunnel adds at most. The kernel looks the route up
  /// without ports when an ICMP error tells a smaller MTU, and would not find the one that the packets take.
  private static let mtu: UInt32 = 1_440

  private enum Priority {
    static let first: UInt32 = 0
    static let anchor: UInt32 = 1
    static let none: UInt32 = 32_799
  }

  /// RTPROT_KERNEL, as the rule has that these stand around.
  static let maker: UInt8 = 2

  let family: IPAddress.Family
  /// svs0.
  let interface: UInt32

  /// What is to be steered.
  struct Wish: Equatable {
    var marks: Set<UInt32> = []
    var hasVIPs = false
    /// Ports of services by address.
    var ports = SteeredPorts()
    var locals: Set<LocalServer> = []

    var isNothing: Bool { marks.isEmpty && !hasVIPs && locals.isEmpty }
  }

  /// A socket of this host that is a server under NAT.
  struct LocalServer: Hashable {
    var address: IPAddress
    var proto: UInt8
    /// 0 for all.
    var port: UInt16
  }

  /// Brings the rules in line with a wish; those that are right already are not touched.
  ///
  /// Every step leaves rules that route as before or as wished: a rule is there before what it replaces goes.
  ///
  /// - Returns: whether rules of somebody else's route packets of the marks too.
  func apply(_ wish: Wish) throws(DirectorError) -> Bool {
    do {
      return try change(to: wish)
    } catch {
      throw .system(doing: error.action, errno: error.code)
    }
  }

  /// Whether all of a wish is there. What others deleted makes packets go astray in silence.
  ///
  /// - Parameter vips: those that what this host itself sends is steered for.
  /// - Throws: where the kernel has no policy routing, for one.
  func holds(_ wish: Wish, _ vips: Set<IPAddress>) throws(NetlinkError) -> Bool {
    if wish.isNothing { return true }
    let netlink = try NetlinkSocket()
    let present = Set(try netlink.rules().filter { $0.family == family })
    let wanted = rules(wish)
    guard wanted.allSatisfy(present.contains) else { return false }
    func has(_ table: UInt32, _ destination: IPPrefix) throws(NetlinkError) -> Bool {
      try netlink.routes(table: table).contains { $0.destination == destination && $0.interfaceIndex == interface }
    }
    if !wish.marks.isEmpty, try !has(Self.marks, .everything(family)) { return false }
    if !wish.locals.isEmpty, try !has(Self.locals, .everything(family)) { return false }
    let stops = try netlink.routes(table: Self.nowhere)
    guard stops.contains(where: { $0.destination == prohibition.destination && $0.kind == .prohibit }) else {
      return false
    }
    if !vips.isEmpty {
      let routed = Set(try netlink.routes(table: Self.vips).map(\.destination))
      guard vips.allSatisfy({ routed.contains(IPPrefix($0)) }) else { return false }
    }
    return true
  }

  private func change(to wish: Wish) throws(NetlinkError) -> Bool {
    let netlink = try NetlinkSocket()
    let all = try netlink.rules().filter { $0.family == family }
    let present = Set(all.filter(Self.isOurs))
    if wish.isNothing, present.isEmpty { return false }
    if !wish.isNothing {
      try netlink.addRoute(
        Route(to: .everything(family), interfaceIndex: interface, table: Self.marks), replacing: true)
      try netlink.addRoute(prohibition, replacing: true)
    }
    if !wish.locals.isEmpty {
      try netlink.addRoute(
        Route(
          to: .everything(family), interfaceIndex: interface, table: Self.locals, mtu: Self.mtu, hopLimit: hopLimit + 1),
        replacing: true)
    }
    let wanted = rules(wish)
    var isChanged = false
    for rule in wanted where !present.contains(rule) {
      try add(rule, netlink)
      isChanged = true
    }
    for rule in present where !wanted.contains(rule) { try? netlink.removeRule(rule) }
    if isChanged { try Self.putLocalTableBehind(all, family, netlink) }
    if wish.isNothing { removeRoutes(netlink) }
    return all.contains { Self.routes($0, wish.marks) }
  }

  /// What this host's packets start with. Those that are routed into svs0 have one more, which the director, or
  /// whoever forwards them from svs1, counts down.
  private var hopLimit: UInt32 {
    let key = family == .ipv4 ? "net.ipv4.ip_default_ttl" : "net.ipv6.conf.all.hop_limit"
    return min((try? Sysctls.get(key)).flatMap { UInt32($0) } ?? 64, 254)
  }

  /// Puts the local table's rule behind all others of its priority: those are asked in the order in which they came.
  ///
  /// - Parameter all: the family's rules as they stood before.
  static func putLocalTableBehind(
    _ all: [Rule], _ family: IPAddress.Family, _ netlink: borrowing NetlinkSocket
  ) throws(NetlinkError) {
    let local = rule(family, Priority.first, table: Self.local)
    let old = all.filter { standing in
      // Whoever made it: somebody may have moved it away and back.
      var standing = standing
      standing.maker = maker
      return standing == local
    }
    if old.isEmpty { return }
    try netlink.addRule(local, duplicating: true)
    for rule in old { try netlink.removeRule(rule) }
  }

  private func rule(_ priority: UInt32, table: UInt32 = 0, goto target: UInt32? = nil) -> Rule {
    Self.rule(family, priority, table: table, goto: target)
  }

  private static func rule(
    _ family: IPAddress.Family, _ priority: UInt32, table: UInt32 = 0, goto target: UInt32? = nil
  ) -> Rule {
    var rule = Rule(family, priority: priority, table: table, goto: target)
    rule.maker = maker
    return rule
  }

  /// In the order in which they are to be asked.
  private func rules(_ wish: Wish) -> [Rule] {
    if wish.isNothing { return [] }
    var rules = [rule(Priority.anchor, table: Self.local)]
    func add(_ rule: Rule, _ complete: (inout Rule) -> Void) {
      var rule = rule
      complete(&rule)
      rules.append(rule)
    }
    add(rule(Priority.first, goto: Priority.anchor)) { $0.inputInterface = HandoverPair.inner }
    if !wish.marks.isEmpty {
      add(rule(Priority.first, goto: Priority.anchor)) { $0.inputInterface = HandoverPair.outer }
      add(rule(Priority.none, table: Self.nowhere)) { $0.inputInterface = HandoverPair.outer }
    }
    for block in MarkBlock.cover(wish.marks) {
      add(rule(Priority.first, table: Self.marks)) {
        $0.mark = block.mark
        $0.markMask = block.mask
      }
    }
    for server in wish.locals.sorted(by: { ($0.proto, $0.port, "\($0.address)") < ($1.proto, $1.port, "\($1.address)") }
    ) {
      add(rule(Priority.first, table: Self.locals)) {
        $0.source = IPPrefix(server.address)
        $0.inputInterface = "lo"
        $0.ipProtocol = server.proto
        $0.sourcePorts = server.port == 0 ? nil : server.port...server.port
      }
    }
    for (proto, ranges) in wish.ports.ranges.sorted(by: { $0.key < $1.key }) {
      for range in ranges {
        add(rule(Priority.first, table: Self.vips)) {
          $0.inputInterface = wish.marks.isEmpty ? "lo" : nil
          $0.ipProtocol = proto
          // The kernel takes no range that ends with the last port: whoever has that gets them all.
          $0.destinationPorts = range.upperBound == .max ? nil : range
        }
      }
    }
    return rules
  }

  /// Whether a rule of somebody else's routes packets of these marks, as for a VIP that is no address of this host:
  /// `ip rule add fwmark 1 lookup 100` with `local default dev lo` in table 100.
  private static func routes(_ rule: Rule, _ marks: Set<UInt32>) -> Bool {
    guard !isOurs(rule), !rule.prohibits, !rule.discards, let mark = rule.mark else { return false }
    let mask = rule.markMask ?? ~0
    return marks.contains { $0 & mask == mark }
  }

  private static func isOurs(_ rule: Rule) -> Bool {
    switch rule.priority {
    case Priority.first where rule.target == Priority.anchor: HandoverPair.owns(rule.inputInterface ?? "")
    case Priority.first: rule.table == marks || rule.table == vips || rule.table == locals
    case Priority.anchor: rule.table == local && rule.inputInterface == nil && rule.source == nil
    case Priority.none: rule.inputInterface == HandoverPair.outer
    default: false
    }
  }

  private func add(_ rule: Rule, _ netlink: borrowing NetlinkSocket) throws(NetlinkError) {
    do {
      try netlink.addRule(rule)
    } catch  where error.code == EEXIST {
      return
    }
  }

  /// Steers what this host sends to a VIP.
  func add(_ vip: IPAddress) throws(DirectorError) {
    do {
      try NetlinkSocket().addRoute(
        Route(to: IPPrefix(vip), interfaceIndex: interface, table: Self.vips, mtu: Self.mtu))
    } catch  where error.code == EEXIST {
      // Another service's, or what a killed command left.
    } catch {
      throw .system(doing: error.action, errno: error.code)
    }
  }

  /// Lets what this host sends to a VIP leave with the address that it has towards a server.
  func prefer(addressTowards server: IPAddress, for vip: IPAddress) {
    guard let netlink = try? NetlinkSocket(), let source = try? netlink.route(to: server).source, source != vip else {
      return
    }
    try? netlink.addRoute(
      Route(to: IPPrefix(vip), interfaceIndex: interface, source: source, table: Self.vips, mtu: Self.mtu),
      replacing: true)
  }

  func remove(_ vip: IPAddress) {
    try? NetlinkSocket().removeRoute(Route(to: IPPrefix(vip), interfaceIndex: interface, table: Self.vips))
  }

  private var prohibition: Route { Route(to: .everything(family), table: Self.nowhere, kind: .prohibit) }

  private func removeRoutes(_ netlink: borrowing NetlinkSocket) {
    for table in [Self.vips, Self.marks, Self.locals] {
      for route in (try? netlink.routes(table: table)) ?? [] where route.destination.address.family == family {
        try? netlink.removeRoute(route)
      }
    }
    try? netlink.removeRoute(prohibition)
  }

  /// Takes all of it away, in both families.
  static func remove() {
    for family in [IPAddress.Family.ipv4, .ipv6] {
      MarkForwarding(family: family).end()
      _ = try? Steering(family: family, interface: 0).apply(Wish())
    }
  }
}
