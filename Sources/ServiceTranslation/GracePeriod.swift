import CLibbpf
import Glibc
import HostSystem

/// Waits until no hook that runs now is running any more.
///
/// The kernel does that wherever a map of maps is changed (maybe_wait_bpf_programs of kernel/bpf/syscall.c, Linux 5.0);
/// this one exists for nothing else.
struct GracePeriod: ~Copyable {
  private let outer: Descriptor
  private let inner: Descriptor

  init() throws(ServiceTranslationError) {
    let inner = try Self.make(BPF_MAP_TYPE_ARRAY, nil)
    var options = bpf_map_create_opts()
    options.sz = MemoryLayout<bpf_map_create_opts>.size
    options.inner_map_fd = UInt32(inner.number)
    outer = try Self.make(BPF_MAP_TYPE_ARRAY_OF_MAPS, &options)
    self.inner = inner
  }

  private static func make(
    _ type: bpf_map_type, _ options: UnsafePointer<bpf_map_create_opts>?
  ) throws(ServiceTranslationError) -> Descriptor {
    let number = bpf_map_create(type, "svs_grace", 4, 4, 1, options)
    guard number >= 0 else { throw .from(-number, "make a map to wait by") }
    return Descriptor(number)
  }

  func wait() throws(ServiceTranslationError) {
    var key: UInt32 = 0
    var value = UInt32(inner.number)
    let result = bpf_map_update_elem(outer.number, &key, &value, UInt64(BPF_ANY))
    guard result == 0 else { throw .from(-result, "wait for the socket hooks") }
  }
}
