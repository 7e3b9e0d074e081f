import CLibbpf
import Glibc

/// An XDP attachment that outlives its maker.
struct PinnedLink: ~Copyable {
  private let descriptor: Int32

  init(path: String) throws(DirectorError) {
    let fd = bpf_obj_get(path)
    guard fd >= 0 else { throw .system(doing: "open \(path)", errno: errno) }
    descriptor = fd
  }

  /// Attaches a program to an interface; `flags` are XDP_FLAGS_* of linux/if_link.h. Returns errno on failure.
  init?(program: Int32, interface: UInt32, flags: UInt32, error: inout Int32) {
    var options = bpf_link_create_opts()
    options.sz = MemoryLayout<bpf_link_create_opts>.size
    options.flags = flags
    let fd = bpf_link_create(program, Int32(bitPattern: interface), BPF_XDP, &options)
    guard fd >= 0 else {
      error = errno
      return nil
    }
    descriptor = fd
  }

  deinit { close(descriptor) }

  func pin(at path: String) throws(DirectorError) {
    guard bpf_obj_pin(descriptor, path) == 0 else { throw .system(doing: "pin \(path)", errno: errno) }
  }

  /// The interface it is attached to; nil when that is gone.
  var interface: UInt32? {
    var info = bpf_link_info()
    var length = UInt32(MemoryLayout<bpf_link_info>.size)
    guard bpf_obj_get_info_by_fd(descriptor, &info, &length) == 0, info.xdp.ifindex != 0 else { return nil }
    return info.xdp.ifindex
  }

  /// Takes the program off the interface at once.
  func detach() { bpf_link_detach(descriptor) }
}
