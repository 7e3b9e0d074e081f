import CLibbpf
import Glibc
import HostSystem

/// A BPF object file of the bench, loaded.
struct BPFObject: ~Copyable {
  private let object: OpaquePointer

  /// Loads an object.
  ///
  /// - Parameters:
  ///   - shared: maps, by name, to be used in place of the object's own.
  ///   - sizes: how many entries the object's own maps have, by name, where not as many as the object says.
  init(_ path: String, shared: [String: CInt] = [:], sizes: [String: UInt32] = [:]) throws(SystemError) {
    object = try Self.load(path, shared, sizes)
  }

  private static func load(
    _ path: String, _ shared: [String: CInt], _ sizes: [String: UInt32]
  ) throws(SystemError) -> OpaquePointer {
    // libbpf tells its failures by errno; its own prose would stand between the bench's lines.
    libbpf_set_print(nil)
    guard let object = bpf_object__open_file(path, nil) else { throw .last("open \(path)") }
    var map = bpf_object__next_map(object, nil)
    while let current = map {
      if let name = bpf_map__name(current), let descriptor = shared[kernelName(String(cString: name))],
        bpf_map__reuse_fd(current, descriptor) != 0
      {
        let error = SystemError.last("share the map \(String(cString: name))")
        bpf_object__close(object)
        throw error
      }
      map = bpf_object__next_map(object, current)
    }
    for (name, size) in sizes {
      guard let map = bpf_object__find_map_by_name(object, name), bpf_map__set_max_entries(map, size) == 0 else {
        let error = SystemError.last("size the map \(name)")
        bpf_object__close(object)
        throw error
      }
    }
    guard bpf_object__load(object) == 0 else {
      let error = SystemError.last("load \(path)")
      bpf_object__close(object)
      throw error
    }
    return object
  }

  deinit { bpf_object__close(object) }

  func program(_ name: String) throws(SystemError) -> CInt {
    guard let program = bpf_object__find_program_by_name(object, name) else {
      throw SystemError(code: ENOENT, action: "find the program \(name)")
    }
    return bpf_program__fd(program)
  }

  func map(_ name: String) throws(SystemError) -> CInt {
    let descriptor = bpf_object__find_map_fd_by_name(object, name)
    guard descriptor >= 0 else { throw SystemError(code: ENOENT, action: "find the map \(name)") }
    return descriptor
  }

  /// Writes one value of a map with 32-bit keys.
  func set<Value: BitwiseCopyable>(_ name: String, _ key: UInt32 = 0, _ value: Value) throws(SystemError) {
    var key = key
    var value = value
    guard bpf_map_update_elem(try map(name), &key, &value, 0) == 0 else { throw .last("write the map \(name)") }
  }
}

/// A map's name as the kernel keeps it: the first 15 bytes.
func kernelName(_ name: String) -> String { String(name.prefix(15)) }
