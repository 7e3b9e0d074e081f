import CLibbpf
import Glibc
import HostSystem

/// An open hash map of the kernel's.
struct HashMap<Key: BitwiseCopyable, Value: BitwiseCopyable>: ~Copyable {
  private let file: Descriptor
  private let capacity: Int

  init(pinnedAt path: String) throws(ServiceTranslationError) {
    let file = try openPin(path)
    var info = bpf_map_info()
    var size = UInt32(MemoryLayout<bpf_map_info>.size)
    guard bpf_obj_get_info_by_fd(file.number, &info, &size) == 0 else { throw .last("look at \(path)") }
    guard info.key_size == MemoryLayout<Key>.size, info.value_size == MemoryLayout<Value>.size else {
      throw .foreignPins(folder: path)
    }
    self.file = file
    capacity = Int(info.max_entries)
  }

  func find(_ key: Key, _ prototype: Value) -> Value? {
    var key = key
    var value = prototype
    return bpf_map_lookup_elem(file.number, &key, &value) == 0 ? value : nil
  }

  func put(
    _ key: Key, _ value: Value, orFull what: String, _ doing: @autoclosure () -> String
  ) throws(ServiceTranslationError) {
    var key = key
    var value = value
    let result = bpf_map_update_elem(file.number, &key, &value, UInt64(BPF_ANY))
    if result == 0 { return }
    if result == -E2BIG { throw .full(what: what, capacity: capacity) }
    throw .from(-result, doing())
  }

  /// What is not there is no error.
  func remove(_ key: Key, _ doing: @autoclosure () -> String) throws(ServiceTranslationError) {
    var key = key
    let result = bpf_map_delete_elem(file.number, &key)
    guard result == 0 || result == -ENOENT else { throw .from(-result, doing()) }
  }

  /// Every key, of the type of `prototype`.
  func keys(_ prototype: Key) -> [Key] {
    var keys: [Key] = []
    var key = prototype
    var next = prototype
    var result = bpf_map_get_next_key(file.number, nil, &next)
    while result == 0 {
      keys.append(next)
      key = next
      result = bpf_map_get_next_key(file.number, &key, &next)
    }
    return keys
  }
}

/// Opens a pinned map.
func openPin(_ path: String) throws(ServiceTranslationError) -> Descriptor {
  let number = bpf_obj_get(path)
  if number == -ENOENT { throw .foreignPins(folder: path) }
  guard number >= 0 else { throw .from(-number, "open \(path)") }
  return Descriptor(number)
}
