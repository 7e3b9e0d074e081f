import CLibbpf
import Glibc
import Netlink

/// An open BPF map.
///
/// Keys and values are trivial types whose layouts the kernel shares; sizes are the map's own.
struct BPFMap: ~Copyable {
  let descriptor: Int32

  init(owning descriptor: Int32) { self.descriptor = descriptor }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// No map: nothing is found in it, and nothing can be put there.
  static var absent: BPFMap { BPFMap(owning: -1) }

  /// Opens a pinned map.
  init(pinnedAt path: String) throws(DirectorError) {
    let fd = bpf_obj_get(path)
    guard fd >= 0 else { throw .system(doing: "open \(path)", errno: errno) }
    descriptor = fd
  }

  func find<Key, Value>(_ key: Key, _ value: Value) -> Value? {
    var value = value
    let found = withUnsafePointer(to: key) { k in
      withUnsafeMutablePointer(to: &value) { v in bpf_map_lookup_elem(descriptor, k, v) == 0 }
    }
    return found ? value : nil
  }

  func update<Key, Value>(_ key: Key, _ value: Value, _ doing: @autoclosure () -> String) throws(DirectorError) {
    let result = withUnsafePointer(to: key) { k in
      withUnsafePointer(to: value) { v in bpf_map_update_elem(descriptor, k, v, UInt64(BPF_ANY)) }
    }
    let error = errno
    if result == 0 { return }
    if error == E2BIG { throw .full(what: doing()) }
    throw .system(doing: doing(), errno: error)
  }

  func remove<Key>(_ key: Key) {
    _ = withUnsafePointer(to: key) { bpf_map_delete_elem(descriptor, $0) }
  }

  /// Every key of the map, of the type of `prototype`.
  func keys<Key: BitwiseCopyable>(_ prototype: Key) -> [Key] {
    var keys: [Key] = []
    var key = prototype
    var next = prototype
    var isFirst = true
    while true {
      let result = withUnsafePointer(to: key) { from in
        withUnsafeMutablePointer(to: &next) { to in
          bpf_map_get_next_key(descriptor, isFirst ? nil : UnsafeRawPointer(from), to)
        }
      }
      if result != 0 { return keys }
      keys.append(next)
      key = next
      isFirst = false
    }
  }

  /// The sum of a per-CPU value's words over all CPUs.
  func perCPUWords(_ index: UInt32, words: Int) -> [UInt64] {
    let cpus = Int(libbpf_num_possible_cpus())
    var buffer = [UInt64](repeating: 0, count: words * max(cpus, 1))
    guard withUnsafePointer(to: index, { bpf_map_lookup_elem(descriptor, $0, &buffer) }) == 0 else {
      return [UInt64](repeating: 0, count: words)
    }
    var sums = [UInt64](repeating: 0, count: words)
    for (i, word) in buffer.enumerated() { sums[i % words] &+= word }
    return sums
  }

  /// The kernel's number for the map, by which others may open it.
  var information: bpf_map_info {
    get throws(DirectorError) {
      var info = bpf_map_info()
      var length = UInt32(MemoryLayout<bpf_map_info>.size)
      guard bpf_obj_get_info_by_fd(descriptor, &info, &length) == 0 else {
        throw .system(doing: "look at a map", errno: errno)
      }
      return info
    }
  }
}
