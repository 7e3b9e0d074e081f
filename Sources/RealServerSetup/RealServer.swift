import Glibc
import HostSystem
import Netlink

/// Makes the calling thread's network namespace a real server for a VIP, and unmakes it.
///
/// A real server under direct routing or tunnelling takes packets for the VIP, and so has it on its loopback or its tunnel
/// device, but must not answer for it on the link, where the director is the VIP. Every change is recorded under /run/svs/real-server
/// before it is made; ``down(_:)`` undoes those, and no others.
///
/// IPv6 has no ARP to be silenced: the kernel answers a neighbour solicitation only for addresses of the interface it
/// came in by, of which the loopback's VIP is none. There the VIP is added without duplicate address detection, which
/// would ask the link for it, and as deprecated, so that nothing that starts here takes it as its source.
public enum RealServer {
  /// Prepares the host; doing so again repairs what has been changed since.
  ///
  /// - Returns: what was changed, a line each; nothing if all was in place.
  @discardableResult
  public static func up(_ plan: RealServerPlan) throws(RealServerError) -> [String] {
    guard plan.vip.isUsable else { throw .unusable(plan.vip) }
    let folder = try RecordFolder()
    var report: [String] = []
    if let earlier = try folder.record(of: plan.vip), earlier.plan != plan {
      report += try undo(earlier, folder)
    }
    let record = try folder.record(of: plan.vip) ?? Record(plan)
    var work = Work(record: record, others: try folder.all().filter { $0.plan.vip != plan.vip }, report: report)
    // Silence first: between the address and the silence the host would answer for the VIP.
    if plan.vip.family == .ipv4 { try work.silence(folder) }
    let tunnel = plan.isTunnelled ? try work.openTunnel(folder) : nil
    try work.addAddress(to: tunnel ?? "lo", folder)
    return work.report
  }

  /// What keeps a host that is up for a VIP from being quiet about it, in whole sentences.
  ///
  /// `arp_ignore=1` keeps a host from answering for addresses of other interfaces than the one asked by, and IPv6 does
  /// no more without it: what has the VIP itself answers.
  public static func warnings(_ plan: RealServerPlan) throws(RealServerError) -> [String] {
    if plan.vip.family == .ipv4, plan.silence == .arptables { return [] }
    return try network { () throws(NetlinkError) in
      let socket = try NetlinkSocket()
      let having = Set(try socket.addresses().filter { $0.prefix.address == plan.vip }.map(\.interfaceIndex))
      return try socket.interfaces().filter {
        having.contains($0.index) && $0.hardwareType == 1 && !$0.flags.contains(.noARP)
      }.map {
        "\(plan.vip) is an address of \($0.name) too, where this host answers for it as the director does; "
          + "'ip address del \(plan.vip) dev \($0.name)' ends that"
      }
    }
  }

  /// Undoes what ``up(_:)`` did for the VIP; doing so again does nothing.
  @discardableResult
  public static func down(_ vip: IPAddress) throws(RealServerError) -> [String] {
    let folder = try RecordFolder()
    guard let record = try folder.record(of: vip) else {
      try folder.remove(vip)
      return []
    }
    return try undo(record, folder)
  }

  /// The VIPs for which this namespace is a real server, in their order as text.
  public static func plans() throws(RealServerError) -> [RealServerPlan] {
    try RecordFolder().all().map(\.plan)
  }

  /// Forgets the records of a namespace that is gone, with all that was in it.
  package static func forget(cookie: UInt64) { try? Files.remove("\(RecordFolder.root)/\(cookie)") }

  private static func undo(_ record: Record, _ folder: borrowing RecordFolder) throws(RealServerError) -> [String] {
    let others = try folder.all().filter { $0.plan.vip != record.plan.vip }.flatMap(\.steps)
    var report: [String] = []
    for step in record.steps.reversed() where !others.contains(where: { $0.isSameChange(as: step) }) {
      if let line = try step.undo() { report.append(line) }
    }
    try folder.remove(record.plan.vip)
    return report
  }
}

/// An `up` at work: what it has recorded, and what other VIPs' records say.
struct Work {
  var record: Record
  let others: [Record]
  var report: [String]

  var plan: RealServerPlan { record.plan }

  /// Writes a step down before it is made; one that another VIP's record has is taken over with its earlier value.
  mutating func intend(_ step: Step, _ folder: borrowing RecordFolder) throws(RealServerError) {
    if record.steps.contains(where: { $0.isSameChange(as: step) }) { return }
    record.steps.append(others.lazy.flatMap(\.steps).first { $0.isSameChange(as: step) } ?? step)
    try folder.write(record)
  }

  mutating func addAddress(to name: String, _ folder: borrowing RecordFolder) throws(RealServerError) {
    let prefix = IPPrefix(plan.vip)
    let isThere = try network { () throws(NetlinkError) in
      try NetlinkSocket().addresses().contains { $0.prefix.address == prefix.address }
    }
    // The user's own VIP, on whatever interface, stays the user's.
    if isThere {
      try folder.write(record)
      return
    }
    try intend(.address(interface: name, prefix), folder)
    try network { () throws(NetlinkError) in
      let socket = try NetlinkSocket()
      let interface = try socket.interface(named: name)
      if !interface.flags.contains(.up) { try socket.setLink(interface.index, up: true) }
      try socket.addAddress(prefix, interfaceIndex: interface.index, isDeprecated: true)
    }
    report.append("added \(prefix) to \(name)")
  }
}

extension Step {
  /// Undoes the change as far as it is still there, and says so.
  func undo() throws(RealServerError) -> String? {
    switch self {
    case .sysctl(let key, let before, let ours):
      return try system { () throws(SystemError) in
        // A device's settings go with it, and a value that is not ours any more is somebody's decision.
        guard access(Sysctls.path(key), F_OK) == 0, try Sysctls.get(key) == ours, before != ours else { return nil }
        try Sysctls.set(key, before)
        return "set \(key) back to \(before)"
      }
    case .address(let interface, let prefix):
      return try network { () throws(NetlinkError) in
        let socket = try NetlinkSocket()
        let index = try socket.interface(named: interface).index
        guard try socket.addresses().contains(where: { $0.prefix == prefix && $0.interfaceIndex == index }) else {
          return nil
        }
        try socket.removeAddress(prefix, interfaceIndex: index)
        return "removed \(prefix) from \(interface)"
      }
    case .arpRule(let words):
      return try ARPRules.remove(words) ? "removed the arptables rule \(words.joined(separator: " "))" : nil
    case .createdDevice(let name):
      return try network { () throws(NetlinkError) in
        let socket = try NetlinkSocket()
        guard let device = try socket.interfaces().first(where: { $0.name == name }) else { return nil }
        try socket.deleteLink(device.index)
        return "deleted the tunnel device \(name)"
      }
    case .raisedDevice(let name):
      return try network { () throws(NetlinkError) in
        let socket = try NetlinkSocket()
        guard let device = try socket.interfaces().first(where: { $0.name == name }), device.flags.contains(.up) else {
          return nil
        }
        try socket.setLink(device.index, up: false)
        return "set \(name) down"
      }
    case .decapsulator(let interface):
      return try Decapsulator.detach(interface) ? "detached the decapsulator from \(interface)" : nil
    case .decapsulatedAddress(let address):
      try Decapsulator.forget(address)
      return nil
    }
  }
}

extension IPAddress {
  /// Whether this can be a host's: not unspecified, loopback, multicast, broadcast or link-local.
  fileprivate var isUsable: Bool {
    let bytes = bytes
    if isLoopback || isLinkLocal || bytes.allSatisfy({ $0 == 0 }) { return false }
    return family == .ipv4 ? bytes[0] < 224 : bytes[0] != 0xFF
  }
}
