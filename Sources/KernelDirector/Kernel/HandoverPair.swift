import CLibbpf
import CSystem
import DataplaneTypes
import Glibc
import Netlink

/// The pair of devices by which XDP hands frames to the kernel's own neighbour table and devices.
///
/// XDP redirects to svs0; the frame comes out of svs1, where a TC program takes the next hop off it and sends it on.
/// Forwarding is switched on at svs1 alone, so that routes may be looked up there whatever the operator's devices do.
struct HandoverPair {
  static let outer = "svs0"
  static let inner = "svs1"

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
      for device in [outer, inner] {
        // No link-local addresses: nothing lives here, and nothing shall be heard from here.
        write("1", to: "/proc/sys/net/ipv6/conf/\(device)/addr_gen_mode")
        write("0", to: "/proc/sys/net/ipv6/conf/\(device)/accept_ra")
      }
      let control = try DeviceControl()
      try control.set(.transmitChecksum, false, on: outer)
      // Frames travel here with a note, and a tunnel's header, beyond what the way's own MTU allows. Both ends' MTUs
      // limit them, the outer one's when they are redirected; and a page, less its headroom, is the most that XDP takes.
      try netlink.setLink(first, mtu: 3_400)
      try netlink.setLink(second, mtu: 3_400)
      try netlink.setLink(first, up: true)
      try netlink.setLink(second, up: true)
      switchForwardingOn()
      return HandoverPair(outerIndex: first, innerIndex: second)
    } catch {
      throw .system(doing: error.action, errno: error.code)
    }
  }

  /// Routes are looked up as if at svs1, and that is refused where forwarding is off.
  static func switchForwardingOn() {
    write("1", to: "/proc/sys/net/ipv4/conf/\(inner)/forwarding")
    write("1", to: "/proc/sys/net/ipv6/conf/\(inner)/forwarding")
  }

  /// Whether IPv4 is forwarded at svs1, as it must be.
  static var isForwarding: Bool {
    let fd = Glibc.open("/proc/sys/net/ipv4/conf/\(inner)/forwarding", O_RDONLY | O_CLOEXEC)
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

  static func remove(_ netlink: borrowing NetlinkSocket) throws(NetlinkError) {
    guard let old = try? netlink.interface(named: outer), old.kind == "veth" else { return }
    try netlink.deleteLink(old.index)
  }

  static func remove() {
    guard let netlink = try? NetlinkSocket() else { return }
    try? remove(netlink)
  }

  /// Puts the programs where they belong: an XDP one on svs1, which makes veth take redirected frames at svs0 and
  /// tells whether the namespace lives, and the hand-over at its ingress.
  func equip(_ folder: String) throws(DirectorError) {
    let through = try open(folder, "svs_through")
    var error: Int32 = 0
    let link = PinnedLink(program: through, interface: innerIndex, flags: 1 << 2, error: &error)
    close(through)
    guard let link else { throw .system(doing: "attach to \(Self.inner)", errno: error) }
    try link.pin(at: folder + "/links/" + Self.inner)

    let program = try open(folder, "svs_handover")
    defer { close(program) }
    var hook = bpf_tc_hook()
    hook.sz = MemoryLayout<bpf_tc_hook>.size
    hook.ifindex = Int32(innerIndex)
    hook.attach_point = BPF_TC_INGRESS
    let made = bpf_tc_hook_create(&hook)
    guard made == 0 || made == -EEXIST else {
      throw .system(doing: "make the ingress hook of \(Self.inner)", errno: -made)
    }
    var options = bpf_tc_opts()
    options.sz = MemoryLayout<bpf_tc_opts>.size
    options.prog_fd = program
    options.handle = 1
    options.priority = 1
    let attached = bpf_tc_attach(&hook, &options)
    guard attached == 0 else { throw .system(doing: "attach to the ingress of \(Self.inner)", errno: -attached) }
  }

  private func open(_ folder: String, _ name: String) throws(DirectorError) -> Int32 {
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
