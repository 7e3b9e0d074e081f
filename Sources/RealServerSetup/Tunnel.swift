import Glibc
import HostSystem
import Netlink

extension Work {
  /// Has the host unpack what comes in a tunnel for the VIP: by the kernel's device, or where it has none by ours.
  ///
  /// - Returns: the kernel's device, which is where the VIP belongs then: the reverse path check, even the loose one,
  ///   drops what comes in by a device without an address (fib_validate_source of net/ipv4/fib_frontend.c).
  mutating func openTunnel(_ folder: borrowing RecordFolder) throws(RealServerError) -> String? {
    if let name = try openDevice(plan.vip.family == .ipv4 ? .ipip : .ip6Tunnel, folder) { return name }
    for interface in try Decapsulator.interfaces() {
      try intend(.decapsulator(interface: interface), folder)
      if try Decapsulator.attach(interface) { report.append("attached the decapsulator to \(interface)") }
    }
    try intend(.decapsulatedAddress(plan.vip), folder)
    try Decapsulator.accept(plan.vip)
    return nil
  }

  /// Brings up the device that takes tunnelled packets from anywhere; nothing where the kernel has no such kind.
  private mutating func openDevice(_ kind: TunnelDevice, _ folder: borrowing RecordFolder) throws(RealServerError)
    -> String?
  {
    guard let name = try device(kind, folder) else { return nil }
    // What the tunnel brings comes from the client, to whom the way is another interface. The larger of this and the
    // setting for all counts, and 2 accepts any way back.
    if kind == .ipip { try set("net/ipv4/conf/\(name)/rp_filter", to: "2", folder) }
    let wasDown = try network { () throws(NetlinkError) in
      let socket = try NetlinkSocket()
      let device = try socket.interface(named: name)
      return !device.flags.contains(.up)
    }
    guard wasDown else { return name }
    try intend(.raisedDevice(name), folder)
    try network { () throws(NetlinkError) in
      let socket = try NetlinkSocket()
      try socket.setLink(try socket.interface(named: name).index, up: true)
    }
    report.append("set \(name) up")
    return name
  }

  /// The kernel's own fallback device, or one that is made here, where a namespace has no fallback device.
  private mutating func device(
    _ kind: TunnelDevice, _ folder: borrowing RecordFolder
  ) throws(RealServerError) -> String? {
    if let name = kind.fallbackName, try exists(name) { return name }
    if try exists(kind.ownName) { return kind.ownName }
    try intend(.createdDevice(kind.ownName), folder)
    do {
      try network { () throws(NetlinkError) in try NetlinkSocket().createLink(kind.ownName, kind.link) }
      report.append("created the tunnel device \(kind.ownName)")
      return kind.ownName
    } catch {
      record.steps.removeAll { $0 == .createdDevice(kind.ownName) }
      try folder.write(record)
      guard case .network(let reason) = error else { throw error }
      // Asking for the kind has loaded its module, which made its fallback device.
      if reason.code == EEXIST, let name = kind.fallbackName, try exists(name) { return name }
      guard reason.code == EOPNOTSUPP else { throw error }
      return nil
    }
  }

  private func exists(_ name: String) throws(RealServerError) -> Bool {
    try network { () throws(NetlinkError) in try NetlinkSocket().interfaces().contains { $0.name == name } }
  }
}

/// The kernel's tunnels that take packets from anywhere.
private enum TunnelDevice {
  case ipip
  case ip6Tunnel

  /// What the kernel's module makes by itself, where that takes packets: ip6tnl0 does not, as it is never given the
  /// capabilities that other tunnels get when they are set up (ip6_tnl_rcv_ctl of net/ipv6/ip6_tunnel.c).
  var fallbackName: String? {
    switch self {
    case .ipip: "tunl0"
    case .ip6Tunnel: nil
    }
  }

  var ownName: String {
    switch self {
    case .ipip: "svs-ipip"
    case .ip6Tunnel: "svs-ip6tnl"
    }
  }

  var link: NewLink {
    switch self {
    case .ipip: .ipip(local: nil, remote: nil)
    case .ip6Tunnel: .ip6TunnelFromAnywhere
    }
  }
}
