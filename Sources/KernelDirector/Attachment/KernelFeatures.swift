import CLibbpf
import Glibc
import Netlink

/// What the running kernel has of what SVS uses.
public struct KernelFeatures: Sendable {
  public struct Feature: Sendable {
    public var name: String
    public var present: Bool
  }

  /// As uname(2) says.
  public var release: String
  public var features: [Feature]

  /// Asks the kernel itself, not its version.
  static func probe(_ program: String) -> KernelFeatures {
    var names = utsname()
    uname(&names)
    let release = withUnsafeBytes(of: names.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    func helper(_ id: bpf_func_id) -> Bool { libbpf_probe_bpf_helper(BPF_PROG_TYPE_XDP, id, nil) == 1 }
    let tellsFeatures = (try? NetlinkSocket(.generic).xdpFeatures()).flatMap { $0 } != nil
    return KernelFeatures(
      release: release,
      features: [
        Feature(name: "BTF", present: access("/sys/kernel/btf/vmlinux", R_OK) == 0),
        Feature(name: "bounded loops", present: helper(BPF_FUNC_loop)),
        Feature(name: "timers", present: helper(BPF_FUNC_timer_start)),
        Feature(name: "packet loads", present: helper(BPF_FUNC_xdp_load_bytes)),
        Feature(name: "XDP device features", present: tellsFeatures),
        Feature(name: "BPF JIT", present: isCompiled(program)),
      ])
  }

  /// Whether the kernel has compiled a pinned program to machine code.
  private static func isCompiled(_ path: String) -> Bool {
    let fd = bpf_obj_get(path)
    guard fd >= 0 else { return false }
    defer { close(fd) }
    var info = bpf_prog_info()
    var length = UInt32(MemoryLayout<bpf_prog_info>.size)
    return bpf_obj_get_info_by_fd(fd, &info, &length) == 0 && info.jited_prog_len > 0
  }
}
