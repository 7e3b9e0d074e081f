import Glibc
import Netlink

/// The kernel's routing rules that bring to svs0 what XDP cannot decide on, or does not see.
///
/// Marks are set by the operator's own rules, which run after XDP; and what this host sends passes no XDP at all. Both
/// are routed into svs0 before the local table is asked, since a VIP may be an address of this host:
///
///     90: from all iif svs1 goto 99             what the director passes on goes the usual ways
///     90: from all iif svs0 goto 99             so the director asks whether a destination has any route,
///     32799: from all iif svs0 prohibit         and is told this where it has none; nothing comes in by svs0
///     91: from all fwmark MARK lookup 21335     one for each service by mark
///     92: from all iif lo lookup 21334          VIPs, of what this host itself sends
///     92: from all ipproto P dport N lookup 21334   where there are marks too, of all that is for services' ports
///     99: from all lookup local                 instead of rule 0
///     100: from all iif NIC blackhole           where the host itself does not forward (`MarkForwarding`)
struct Steering {
  private static let vips: UInt32 = 21_334
  private static let marks: UInt32 = 21_335
  private static let local: UInt32 = 255

  private enum Priority {
    static let usual: UInt32 = 0
    static let passed: UInt32 = 90
    static let mark: UInt32 = 91
    static let vip: UInt32 = 92
    static let local: UInt32 = 99
    static let none: UInt32 = 32_799
  }

  let family: IPAddress.Family
  /// svs0.
  let interface: UInt32

  /// What is to be steered.
  struct Wish: Equatable {
    var marks: Set<UInt32> = []
    var hasVIPs = false
    /// Ports of services by address; named only where there are marks.
    var ports = SteeredPorts()

    var isNothing: Bool { marks.isEmpty && !hasVIPs }
  }

  /// Brings the rules in line with a wish; those that are right already are not touched.
  ///
  /// Every step leaves rules that route as before or as wished: a rule is there before what it replaces goes.
  func apply(_ wish: Wish) throws(DirectorError) {
    do {
      try change(to: wish)
    } catch {
      throw .system(doing: error.action, errno: error.code)
    }
  }

  private func change(to wish: Wish) throws(NetlinkError) {
    let netlink = try NetlinkSocket()
    let present = Set(try netlink.rules().filter { $0.family == family && Self.isOurs($0) })
    let wanted = rules(wish)
    if wish.isNothing {
      if present.isEmpty { return }
      try add(Rule(family, priority: Priority.usual, table: Self.local), netlink)
    } else {
      try netlink.addRoute(
        Route(to: .everything(family), interfaceIndex: interface, table: Self.marks), replacing: true)
    }
    for rule in wanted where !present.contains(rule) { try add(rule, netlink) }
    for rule in present where !wanted.contains(rule) { try? netlink.removeRule(rule) }
    if !wish.isNothing { try? netlink.removeRule(Rule(family, priority: Priority.usual, table: Self.local)) }
    if wish.isNothing { removeRoutes(netlink) }
  }

  private func rules(_ wish: Wish) -> [Rule] {
    if wish.isNothing { return [] }
    let own = Rule(family, priority: Priority.vip, table: Self.vips, inputInterface: "lo")
    let others = wish.ports.ranges.flatMap { proto, ranges in
      ranges.map { range in
        // The kernel takes no range that ends with the last port: whoever has that gets them all.
        Rule(
          family, priority: Priority.vip, table: Self.vips, ipProtocol: proto,
          destinationPorts: range.upperBound == .max ? nil : range)
      }
    }
    var none = Rule(family, priority: Priority.none, inputInterface: HandoverPair.outer)
    none.prohibits = true
    let questions = [
      none, Rule(family, priority: Priority.passed, goto: Priority.local, inputInterface: HandoverPair.outer),
    ]
    return [
      Rule(family, priority: Priority.local, table: Self.local),
      Rule(family, priority: Priority.passed, goto: Priority.local, inputInterface: HandoverPair.inner),
    ] + (wish.hasVIPs ? [own] + others : []) + (wish.marks.isEmpty ? [] : questions)
      + wish.marks.map { Rule(family, priority: Priority.mark, table: Self.marks, mark: $0, markMask: ~0) }
  }

  private static func isOurs(_ rule: Rule) -> Bool {
    switch rule.priority {
    case Priority.passed: rule.target == Priority.local && HandoverPair.owns(rule.inputInterface ?? "")
    case Priority.none: rule.prohibits && rule.inputInterface == HandoverPair.outer
    case Priority.mark: rule.table == marks
    case Priority.vip: rule.table == vips
    case Priority.local: rule.table == local && rule.inputInterface == nil
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
      try NetlinkSocket().addRoute(Route(to: IPPrefix(vip), interfaceIndex: interface, table: Self.vips))
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
      Route(to: IPPrefix(vip), interfaceIndex: interface, source: source, table: Self.vips), replacing: true)
  }

  func remove(_ vip: IPAddress) {
    try? NetlinkSocket().removeRoute(Route(to: IPPrefix(vip), interfaceIndex: interface, table: Self.vips))
  }

  private func removeRoutes(_ netlink: borrowing NetlinkSocket) {
    for table in [Self.vips, Self.marks] {
      for route in (try? netlink.routes(table: table)) ?? [] where route.destination.address.family == family {
        try? netlink.removeRoute(route)
      }
    }
  }

  /// Takes all of it away, in both families.
  static func remove() {
    for family in [IPAddress.Family.ipv4, .ipv6] {
      MarkForwarding(family: family).end()
      try? Steering(family: family, interface: 0).apply(Wish())
    }
  }
}
