import CLibbpf
import CSystem
import DataplaneTypes
import Glibc
import Netlink

/// The pair of devices by which XDP and the kernel hand each other frames.
///
/// What the kernel's neighbour table or devices are needed for XDP redirects to svs0; the frame comes out of svs1,
/// where a TC program takes the next hop off it and sends it on. What only the kernel knows of (marks, and what this
/// host sends) it routes into svs0, and the director meets it at svs1.
/// Forwarding is switched on at svs1 alone, so that routes may be looked up there whatever the operator's devices do.
struct HandoverPair {
  static let outer = "svs0"
  static let inner = "svs1"

  static let mtu: UInt32 = 3_400

  static let outerMAC = MACAddress((2, 0x53, 0x56, 0x53, 0, 0))
  static let innerMAC = MACAddress((2, 0x53, 0x56, 0x53, 0, 1))

  let outerIndex: UInt32
  let innerIndex: UInt32

  /// Makes the pair, in place of one that an earlier command left unfinished.
  static func make() throws(DirectorError) -> HandoverPair {
    do {
      let netlink = try NetlinkSocket()
      try remove(netlink)
      try netlink.createLink(outer, .veth(peer: inner, peerNamespace: nil))
      let first = try netlink.interface(named: outer).index
      let second = try netlink.interface(named: inner).index
      try netlink.setLink(first, mac: outerMAC)
      try netlink.setLink(second, mac: innerMAC)
      for device in [outer, inner] {
        // No link-local addresses: nothing lives here, and nothing shall be heard from here.
        write("1", to: "/proc/sys/net/ipv6/conf/\(device)/addr_gen_mode")
        write("0", to: "/proc/sys/net/ipv6/conf/\(device)/accept_ra")
      }
      // Replies to this host itself come out of svs0, from a VIP that may be its own address; and what the director
      // passes on at svs1 has come from elsewhere.
      write("1", to: "/proc/sys/net/ipv4/conf/\(outer)/accept_local")
      write("2", to: "/proc/sys/net/ipv4/conf/\(outer)/rp_filter")
      write("2", to: "/proc/sys/net/ipv4/conf/\(inner)/rp_filter")
      write("1", to: "/proc/sys/net/ipv4/conf/\(inner)/accept_local")
      let control = try DeviceControl()
      try control.set(.transmitChecksum, false, on: outer)
      // With it, veth takes frames that are redirected to its peer.
      try control.set(.genericReceive, true, on: outer)
      // Frames travel here with a note, and a tunnel's header, beyond what the way's own MTU allows. Both ends' MTUs
      // limit them, the outer one's when they are redirected; and a page, less its headroom, is the most that XDP takes.
      try netlink.setLink(first, mtu: mtu)
      try netlink.setLink(second, mtu: mtu)
      try netlink.setLink(first, asksForNeighbours: false)
      try netlink.setLink(first, up: true)
      try netlink.setLink(second, up: true)
      // A device without any address is held to the strict filter of reverse paths, whatever it is told above. These
      // are of the loopback's network, so nobody sees or uses them.
      for (device, octet) in [(first, UInt8(48)), (second, UInt8(49))] {
        let address = IPAddress(family: .ipv4, words: (UInt32(127 | 83 << 8 | 86 << 16) | UInt32(octet) << 24, 0, 0, 0))
        try netlink.addAddress(IPPrefix(address), interfaceIndex: device)
      }
      switchForwardingOn()
      return HandoverPair(outerIndex: first, innerIndex: second)
    } catch {
      throw .system(doing: error.action, errno: error.code)
    }
  }

  /// Routes are looked up as if at one of the pair, and that is refused where forwarding is off.
  static func switchForwardingOn() {
    for device in [outer, inner] {
      write("1", to: "/proc/sys/net/ipv4/conf/\(device)/forwarding")
      write("1", to: "/proc/sys/net/ipv6/conf/\(device)/forwarding")
      // Since Linux 6.17; before, IPv6 has no switch for a device that would do without the host's.
      write("1", to: "/proc/sys/net/ipv6/conf/\(device)/force_forwarding")
    }
  }

  /// Whether packets of a family are forwarded at svs1, as they must be.
  static func isForwarding(_ family: IPAddress.Family) -> Bool {
    let name = family == .ipv4 ? "ipv4" : "ipv6"
    let fd = Glibc.open("/proc/sys/net/\(name)/conf/\(inner)/forwarding", O_RDONLY | O_CLOEXEC)
    guard fd >= 0 else { return true }
    defer { close(fd) }
    var byte: UInt8 = 0
    return read(fd, &byte, 1) != 1 || byte == UInt8(ascii: "1")
  }

  /// Whether both ends are there, and are those of a configuration; what cannot be asked for is taken to be.
  static func exists(_ config: svs_config) -> Bool {
    guard let interfaces = try? NetlinkSocket().interfaces() else { return true }
    return interfaces.contains { $0.name == outer && $0.index == config.handover_ifindex }
      && interfaces.contains { $0.name == inner && $0.index == config.lookup_ifindex }
  }

  /// Whether both ends are there, are those of a configuration, and are up; what cannot be asked for is taken to be.
  static func isWhole(_ config: svs_config) -> Bool {
    guard let interfaces = try? NetlinkSocket().interfaces() else { return true }
    return [config.handover_ifindex, config.lookup_ifindex].allSatisfy { index in
      interfaces.contains { $0.index == index && owns($0.name) && $0.flags.contains(.up) }
    }
  }

  /// Switches on what somebody switched off.
  static func switchOn(_ config: svs_config) {
    guard let netlink = try? NetlinkSocket() else { return }
    for index in [config.handover_ifindex, config.lookup_ifindex] { try? netlink.setLink(index, up: true) }
  }

  static func remove(_ netlink: borrowing NetlinkSocket) throws(NetlinkError) {
    guard let old = try? netlink.interface(named: outer), old.kind == "veth" else { return }
    try netlink.deleteLink(old.index)
  }

  static func remove() {
    guard let netlink = try? NetlinkSocket() else { return }
    try? remove(netlink)
  }

  /// Puts the programs where they belong: the director on svs1, which also makes veth take redirected frames at svs0
  /// and tells whether the namespace lives, the hand-over at its ingress, and the stamp at the egress of svs0.
  func equip(_ folder: String) throws(DirectorError) {
    let director = try Self.open(folder, "svs_director")
    var error: Int32 = 0
    let link = PinnedLink(program: director, interface: innerIndex, flags: 1 << 2, error: &error)
    close(director)
    guard let link else { throw .system(doing: "attach to \(Self.inner)", errno: error) }
    try link.pin(at: folder + "/links/" + Self.inner)

    try Self.attachFilters(from: folder, outer: outerIndex, inner: innerIndex)
  }

  /// Puts back the filters of a configuration's pair that somebody took away.
  ///
  /// Asking for filters waits for a lock that the kernel has for all devices of the machine: not for every command.
  static func restoreFilters(_ config: svs_config, from folder: String) throws(DirectorError) {
    try attachFilters(from: folder, outer: config.handover_ifindex, inner: config.lookup_ifindex)
  }

  /// The hand-over and the stamp, wherever they are missing.
  private static func attachFilters(from folder: String, outer: UInt32, inner: UInt32) throws(DirectorError) {
    for filter in filters(outer: outer, inner: inner) where TrafficControl.program(at: filter.place) == nil {
      let program = try open(folder, filter.name)
      defer { close(program) }
      try TrafficControl.attach(program, named: filter.name, at: filter.place)
    }
  }

  /// Whether the hand-over and the stamp are where they belong.
  static func hasFilters(_ config: svs_config) -> Bool {
    filters(outer: config.handover_ifindex, inner: config.lookup_ifindex)
      .allSatisfy { TrafficControl.program(at: $0.place) != nil }
  }

  private static func filters(
    outer: UInt32, inner: UInt32
  ) -> [(name: String, place: TrafficControl.Place)] {
    [
      ("svs_handover", TrafficControl.Place(interface: inner, point: BPF_TC_INGRESS)),
      ("svs_stamp", TrafficControl.Place(interface: outer, point: BPF_TC_EGRESS)),
    ]
  }

  private static func open(_ folder: String, _ name: String) throws(DirectorError) -> Int32 {
    let fd = bpf_obj_get(folder + "/" + name)
    guard fd >= 0 else { throw .system(doing: "open \(name)", errno: errno) }
    return fd
  }

  /// A sysctl that may be missing, as IPv6's are where it is off.
  private static func write(_ value: String, to path: String) {
    let fd = Glibc.open(path, O_WRONLY | O_CLOEXEC)
    guard fd >= 0 else { return }
    _ = value.withCString { Glibc.write(fd, $0, strlen($0)) }
    close(fd)
  }
}
