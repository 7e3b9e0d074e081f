import Glibc
import Netlink

/// The kernel's routing rules that bring all packets of a director's services to svs0, for one that no interface bears.
///
/// They stand among those of `Steering`, whose first two they need:
///
///     0: from all to NETWORK lookup 21338       VIPs that are nobody's own; the table has a default route to svs0
///     0: from all to HOST ipproto P dport N-M lookup 21338   services' ports of an own address
///     0: from all to LOCAL ipproto P lookup 21338   replies to FULLNAT's addresses, and errors about its packets
///     0: from all lookup local                  the rule that was there, behind those above
///     2: from all to NETWORK iif svs1 prohibit  for what is no service: it would leave by the default route
///
/// The local addresses are local routes: of no interface, so that nothing that starts here takes one as its source, and
/// enough for the kernel to answer ARP requests of real servers on the same link, which it does by a look-up without
/// any protocol. What belongs to no connection of the director's is passed on to the host under that address.
struct IntakeRules {
  private static let table: UInt32 = 21_338
  private static let local: UInt32 = 255
  private static let icmp: UInt8 = 1

  private enum Priority {
    static let first: UInt32 = 0
    static let guardian: UInt32 = 2
  }

  /// svs0.
  let interface: UInt32

  /// Brings rules and routes in line; those that are right already are not touched.
  func apply(_ intake: RoutedIntake) throws(DirectorError) {
    do {
      try change(to: intake)
    } catch {
      throw .system(doing: error.action, errno: error.code)
    }
  }

  private func change(to intake: RoutedIntake) throws(NetlinkError) {
    let netlink = try NetlinkSocket()
    try netlink.addRoute(
      Route(
        to: .everything(.ipv4), interfaceIndex: interface, source: intake.host, table: Self.table,
        mtu: try Self.mtu(netlink)), replacing: true)
    let loopback = try netlink.interface(named: "lo").index
    for address in intake.localAddresses {
      try Self.tolerating(EEXIST) { () throws(NetlinkError) in
        try netlink.addRoute(Self.localRoute(address, loopback))
      }
    }
    let all = try netlink.rules().filter { $0.family == .ipv4 }
    var present = all.filter(Self.isOurs)
    let before = Self.intake(of: present)
    if Self.wouldLoop(all) {
      for rule in present { try? netlink.removeRule(rule) }
      present = []
    }
    let wanted = Self.rules(intake)
    let missing = wanted.filter { !present.contains($0) }
    for rule in missing {
      try Self.tolerating(EEXIST) { () throws(NetlinkError) in try netlink.addRule(rule) }
    }
    for rule in present where !wanted.contains(rule) { try? netlink.removeRule(rule) }
    if !missing.isEmpty { try Steering.putLocalTableBehind(all, .ipv4, netlink) }
    let left = before.localAddresses.filter { !intake.localAddresses.contains($0) }
    for address in left { try? netlink.removeRoute(Self.localRoute(address, loopback)) }
  }

  /// What this host sends is to fit the ways that go on from the director, not the pair alone. It holds for what is
  /// forwarded too, and no device brings more than the largest that there is.
  private static func mtu(_ netlink: borrowing NetlinkSocket) throws(NetlinkError) -> UInt32? {
    try netlink.interfaces().filter {
      $0.flags.contains(.up) && !$0.flags.contains(.loopback) && !HandoverPair.owns($0.name)
    }.map(\.mtu).max().map { min($0, HandoverPair.mtu) }
  }

  /// Whether what the director passes on at svs1 would be routed back to it: of one priority, rules are asked in the
  /// order in which they came.
  private static func wouldLoop(_ rules: [Rule]) -> Bool {
    guard let first = rules.firstIndex(where: { isOurs($0) && $0.priority == Priority.first }) else { return false }
    let exit = rules.firstIndex { $0.inputInterface == HandoverPair.inner && $0.target != nil }
    return exit.map { $0 > first } ?? true
  }

  private static func rules(_ intake: RoutedIntake) -> [Rule] {
    var rules: [Rule] = []
    func add(to destination: IPPrefix, _ proto: UInt8? = nil, _ ports: ClosedRange<UInt16>? = nil) {
      var rule = Rule(
        .ipv4, priority: Priority.first, table: table, to: destination, ipProtocol: proto, destinationPorts: ports)
      rule.maker = Steering.maker
      rules.append(rule)
    }
    for network in intake.networks {
      add(to: network.network)
      var guardian = Rule(
        .ipv4, priority: Priority.guardian, to: network.network, inputInterface: HandoverPair.inner)
      guardian.prohibits = true
      guardian.maker = Steering.maker
      rules.append(guardian)
    }
    if let host = intake.host {
      for (proto, ranges) in intake.hostPorts.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
        // The kernel takes no range that ends with the last port.
        for range in ranges { add(to: IPPrefix(host), proto.rawValue, range.clamped(to: 1...65_534)) }
      }
    }
    let protocols = [TransportProtocol.tcp, .udp].map(\.rawValue) + [icmp]
    for address in intake.localAddresses {
      for proto in protocols { add(to: address.network, proto) }
    }
    return rules
  }

  private static func isOurs(_ rule: Rule) -> Bool {
    switch rule.priority {
    case Priority.first: rule.table == table && rule.target == nil
    case Priority.guardian: rule.prohibits && rule.inputInterface == HandoverPair.inner
    default: false
    }
  }

  private static func localRoute(_ address: IPPrefix, _ loopback: UInt32) -> Route {
    Route(to: address.network, interfaceIndex: loopback, table: local, kind: .local)
  }

  private static func tolerating(_ code: CInt, _ body: () throws(NetlinkError) -> Void) throws(NetlinkError) {
    do {
      try body()
    } catch  where error.code == code {
      return
    }
  }

  /// What the rules that stand bring here; nil where there are none.
  static func standing() throws(NetlinkError) -> RoutedIntake? {
    let rules = try NetlinkSocket().rules().filter { $0.family == .ipv4 && isOurs($0) }
    return rules.isEmpty ? nil : intake(of: rules)
  }

  /// Each network has two rules and each local address three: one of them is enough to know it by.
  private static func intake(of rules: [Rule]) -> RoutedIntake {
    var intake = RoutedIntake(networks: [], localAddresses: [])
    for rule in rules {
      guard let destination = rule.destination else { continue }
      if rule.ipProtocol == nil {
        if !intake.networks.contains(destination) { intake.networks.append(destination) }
      } else if rule.destinationPorts == nil {
        if !intake.localAddresses.contains(destination) { intake.localAddresses.append(destination) }
      } else if let ports = rule.destinationPorts, let proto = rule.ipProtocol.flatMap(TransportProtocol.init) {
        intake.host = destination.address
        intake.hostPorts[proto, default: []].append(ports)
      }
    }
    return intake
  }

  /// Whether all of an intake is there: its rules, and the route that they need.
  func areComplete(_ intake: RoutedIntake) throws(NetlinkError) -> Bool {
    let netlink = try NetlinkSocket()
    let present = Set(try netlink.rules().filter { $0.family == .ipv4 })
    guard Self.rules(intake).allSatisfy(present.contains) else { return false }
    return try netlink.routes(table: Self.table).contains { $0.interfaceIndex == interface }
  }

  /// Whether all of an intake is there and does what it should.
  func hold(_ intake: RoutedIntake) throws(NetlinkError) -> Bool {
    guard try areComplete(intake) else { return false }
    let netlink = try NetlinkSocket()
    if Self.wouldLoop(try netlink.rules().filter({ $0.family == .ipv4 })) { return false }
    let locals = Set(try netlink.routes(table: Self.local).filter { $0.kind == .local }.map(\.destination))
    return intake.localAddresses.allSatisfy { locals.contains($0.network) }
  }

  /// Takes all of it away.
  static func remove() {
    guard let netlink = try? NetlinkSocket(), let rules = try? netlink.rules() else { return }
    let ours = rules.filter { $0.family == .ipv4 && isOurs($0) }
    for rule in ours { try? netlink.removeRule(rule) }
    if let loopback = try? netlink.interface(named: "lo").index {
      for address in intake(of: ours).localAddresses { try? netlink.removeRoute(localRoute(address, loopback)) }
    }
    for route in (try? netlink.routes(table: table)) ?? [] { try? netlink.removeRoute(route) }
  }
}
