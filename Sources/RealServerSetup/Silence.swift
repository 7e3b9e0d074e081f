import HostSystem
import Netlink

extension Work {
  /// Keeps the host from answering for the VIP on its links.
  mutating func silence(_ folder: borrowing RecordFolder) throws(RealServerError) {
    switch plan.silence {
    case .sysctl:
      // Answer only for addresses of the interface that was asked by.
      try set("net.ipv4.conf.all.arp_ignore", to: "1", folder)
      // Announce the best address of the interface that is asked through, never the VIP.
      try set("net.ipv4.conf.all.arp_announce", to: "2", folder)
    case .arptables:
      for rule in try ARPRules.rules(plan.vip) {
        try intend(.arpRule(rule), folder)
        if try ARPRules.add(rule) { report.append("added the arptables rule \(rule.joined(separator: " "))") }
      }
    }
  }

  mutating func set(_ key: String, to value: String, _ folder: borrowing RecordFolder) throws(RealServerError) {
    let before = try system { () throws(SystemError) in try Sysctls.get(key) }
    try intend(.sysctl(key: key, before: before, ours: value), folder)
    if before == value { return }
    try system { () throws(SystemError) in try Sysctls.set(key, value) }
    report.append("set \(key) from \(before) to \(value)")
  }
}

/// Rules of arptables(8), the way to silence a host whose settings must stay as they are.
enum ARPRules {
  /// Requests for the VIP are dropped; what the host asks for with the VIP as its address, it asks with its own.
  static func rules(_ vip: IPAddress) throws(RealServerError) -> [[String]] {
    var rules = [["INPUT", "-d", "\(vip)", "-j", "DROP"]]
    let (interfaces, addresses) = try network { () throws(NetlinkError) in
      let socket = try NetlinkSocket()
      return (try socket.interfaces(), try socket.addresses())
    }
    for interface in interfaces where !interface.flags.contains(.loopback) {
      let own = addresses.first {
        $0.interfaceIndex == interface.index && $0.prefix.address.family == .ipv4 && $0.prefix.address != vip
      }
      guard let own else { continue }
      rules.append([
        "OUTPUT", "-o", interface.name, "-s", "\(vip)", "-j", "mangle", "--mangle-ip-s", "\(own.prefix.address)",
      ])
    }
    return rules
  }

  /// Whether the rule was added; one that is there is left.
  static func add(_ rule: [String]) throws(RealServerError) -> Bool {
    if try run(["-C"] + rule, mayFail: true) { return false }
    return try run(["-A"] + rule)
  }

  /// Whether the rule was there.
  static func remove(_ rule: [String]) throws(RealServerError) -> Bool {
    guard try run(["-C"] + rule, mayFail: true) else { return false }
    return try run(["-D"] + rule)
  }

  @discardableResult
  private static func run(_ arguments: [String], mayFail: Bool = false) throws(RealServerError) -> Bool {
    let result: Command.Result
    do {
      result = try Command(["arptables"] + arguments).run()
    } catch {
      guard error.code == 2 else { throw .system(error) }
      throw .arptables("there is no program arptables; install it (apt install arptables), or use --arp sysctl")
    }
    if result.ending == .exited(code: 0) { return true }
    if mayFail { return false }
    throw .arptables(
      "arptables \(arguments.joined(separator: " ")): \(String(decoding: result.errors, as: UTF8.self))")
  }
}
