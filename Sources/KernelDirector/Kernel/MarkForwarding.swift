import Glibc
import Netlink

/// Lets a host that does not forward send marked packets from its interfaces on to svs0, and nothing else.
///
/// IPVS takes marked packets where they are delivered, so it needs no forwarding; the way to svs0 does. Where the
/// operator's host does not forward, it is switched on, and a rule behind the local table drops for each interface
/// what a host without forwarding would drop (rule 100). The rule also tells later commands whose doing it was.
///
/// IPv6 has a switch for an interface alone (`force_forwarding`) since Linux 6.17. Before, there is the host's one:
/// the interfaces' own are put back at once, so that they go on to listen to routers.
struct MarkForwarding {
  static let priority: UInt32 = 100

  let family: IPAddress.Family

  /// - Parameter attached: the interfaces where the director stands.
  func begin(_ attached: [String]) {
    guard let netlink = try? NetlinkSocket() else { return }
    if isHostForwarding, !isOurs(netlink) {
      forget(netlink)
      // Some interfaces may be told otherwise.
      if family == .ipv4 { for name in attached { switchOn(name, "forwarding", netlink) } }
      return
    }
    switch family {
    case .ipv4: for name in attached { switchOn(name, "forwarding", netlink) }
    case .ipv6:
      if attached.contains(where: { Switch(family, $0, "force_forwarding").value != nil }) {
        for name in attached { switchOn(name, "force_forwarding", netlink) }
      } else {
        switchHost(true, netlink)
      }
    }
  }

  /// Puts back what `begin` found.
  func end() {
    guard let netlink = try? NetlinkSocket() else { return }
    let names = guarded(netlink)
    if names.isEmpty { return }
    if !isHostForwarding {
      let own = family == .ipv4 ? "forwarding" : "force_forwarding"
      for name in names { Switch(family, name, own).set(false) }
    } else if family == .ipv6, isOurs(netlink) {
      switchHost(false, netlink)
    }
    forget(netlink)
  }

  private var isHostForwarding: Bool { Switch(family, "all", "forwarding").value == true }

  /// Whether the host forwards IPv6 by our doing: the operator's switch would have switched the interfaces on too.
  private func isOurs(_ netlink: borrowing NetlinkSocket) -> Bool {
    let names = guarded(netlink)
    return family == .ipv6 && !names.isEmpty
      && names.allSatisfy { name in
        Switch(family, name, "forwarding").value != true && Switch(family, name, "force_forwarding").value == nil
      }
  }

  private func switchOn(_ name: String, _ key: String, _ netlink: borrowing NetlinkSocket) {
    let forwarding = Switch(family, name, key)
    guard forwarding.value == false else { return }
    // First: what is killed in between drops what was dropped before.
    try? netlink.addRule(rule(name))
    forwarding.set(true)
  }

  private func switchHost(_ on: Bool, _ netlink: borrowing NetlinkSocket) {
    guard let interfaces = try? netlink.interfaces() else { return }
    let others = interfaces.filter { !HandoverPair.owns($0.name) }
    let switches = (others.map(\.name) + ["default"]).map { Switch(family, $0, "forwarding") }
    let before = switches.map { ($0, $0.value) }
    if on {
      for interface in others where !interface.flags.contains(.loopback) {
        try? netlink.addRule(rule(interface.name))
      }
    }
    Switch(family, "all", "forwarding").set(on)
    for (forwarding, value) in before { forwarding.set(value ?? false) }
    HandoverPair.switchForwardingOn()
  }

  private func rule(_ name: String) -> Rule {
    var rule = Rule(family, priority: Self.priority, inputInterface: name)
    rule.discards = true
    return rule
  }

  private func guarded(_ netlink: borrowing NetlinkSocket) -> [String] {
    let rules = (try? netlink.rules()) ?? []
    return rules.filter { $0.family == family && $0.priority == Self.priority && $0.discards }
      .compactMap(\.inputInterface)
  }

  private func forget(_ netlink: borrowing NetlinkSocket) {
    for name in guarded(netlink) { try? netlink.removeRule(rule(name)) }
  }
}

/// A setting of an interface that is on or off.
private struct Switch {
  let path: String

  init(_ family: IPAddress.Family, _ interface: String, _ key: String) {
    path = "/proc/sys/net/\(family == .ipv4 ? "ipv4" : "ipv6")/conf/\(interface)/\(key)"
  }

  /// Nil where the kernel has no such setting.
  var value: Bool? {
    let fd = open(path, O_RDONLY | O_CLOEXEC)
    guard fd >= 0 else { return nil }
    defer { close(fd) }
    var byte: UInt8 = 0
    return read(fd, &byte, 1) == 1 ? byte != UInt8(ascii: "0") : nil
  }

  func set(_ on: Bool) {
    let fd = open(path, O_WRONLY | O_CLOEXEC)
    guard fd >= 0 else { return }
    _ = write(fd, on ? "1" : "0", 1)
    close(fd)
  }
}
