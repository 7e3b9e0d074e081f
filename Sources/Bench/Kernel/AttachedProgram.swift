import CLibbpf
import Glibc
import HostSystem

/// The XDP program that a device of the calling thread's namespace runs, whoever attached it.
struct AttachedProgram: ~Copyable {
  let descriptor: Descriptor
  private let identifier: UInt32

  init(on device: String) throws(SystemError) {
    var identifier: UInt32 = 0
    let index = if_nametoindex(device)
    guard index != 0, bpf_xdp_query_id(CInt(index), 0, &identifier) == 0, identifier != 0 else {
      throw SystemError(code: ENOENT, action: "find an XDP program on \(device)")
    }
    let number = bpf_prog_get_fd_by_id(identifier)
    guard number >= 0 else { throw .last("open the program on \(device)") }
    descriptor = Descriptor(number)
    self.identifier = identifier
  }

  /// The maps that the program uses, by their names in the kernel.
  func maps() throws(SystemError) -> [String: MapHandle] {
    var identifiers = [UInt32](repeating: 0, count: 64)
    let count = try identifiers.withUnsafeMutableBufferPointer { buffer throws(SystemError) in
      var info = bpf_prog_info()
      var length = UInt32(MemoryLayout<bpf_prog_info>.size)
      info.nr_map_ids = UInt32(buffer.count)
      info.map_ids = UInt64(UInt(bitPattern: buffer.baseAddress))
      guard bpf_obj_get_info_by_fd(descriptor.number, &info, &length) == 0 else { throw .last("look at the program") }
      return Int(info.nr_map_ids)
    }
    var maps: [String: MapHandle] = [:]
    for identifier in identifiers.prefix(count) {
      let map = try MapHandle(identifier)
      maps[map.name] = map
    }
    return maps
  }

  /// Puts another program in this one's place on every device of the namespace that it is linked to.
  func replace(by program: CInt, on devices: [String]) throws(SystemError) {
    let wanted = Set(devices.map { if_nametoindex($0) })
    var replaced: Set<UInt32> = []
    var identifier: UInt32 = 0
    while bpf_link_get_next_id(identifier, &identifier) == 0 {
      let number = bpf_link_get_fd_by_id(identifier)
      if number < 0 { continue }
      let link = Descriptor(number)
      var info = bpf_link_info()
      var length = UInt32(MemoryLayout<bpf_link_info>.size)
      guard bpf_obj_get_info_by_fd(link.number, &info, &length) == 0, info.type == BPF_LINK_TYPE_XDP.rawValue,
        info.prog_id == self.identifier, wanted.contains(info.xdp.ifindex)
      else { continue }
      guard bpf_link_update(link.number, program, nil) == 0 else { throw .last("replace the director's program") }
      replaced.insert(info.xdp.ifindex)
    }
    guard replaced == wanted else {
      throw SystemError(code: ENOENT, action: "find the director's links on \(devices.joined(separator: ", "))")
    }
  }
}

/// A map of a loaded program.
final class MapHandle {
  let name: String
  let number: CInt
  let identifier: UInt32
  let isOuter: Bool

  init(_ identifier: UInt32) throws(SystemError) {
    let number = bpf_map_get_fd_by_id(identifier)
    guard number >= 0 else { throw .last("open a map of the director") }
    var info = bpf_map_info()
    var length = UInt32(MemoryLayout<bpf_map_info>.size)
    guard bpf_obj_get_info_by_fd(number, &info, &length) == 0 else {
      let error = SystemError.last("look at a map of the director")
      close(number)
      throw error
    }
    self.number = number
    self.identifier = identifier
    name = withUnsafeBytes(of: &info.name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    isOuter = info.type == BPF_MAP_TYPE_ARRAY_OF_MAPS.rawValue
  }

  deinit { close(number) }

  /// Bytes of kernel memory that the map takes (Linux 6.4 counts what is in use, older kernels what is promised).
  func memory() throws(SystemError) -> UInt64 {
    let text = try Files.text("/proc/self/fdinfo/\(number)")
    for line in text.split(separator: "\n") where line.hasPrefix("memlock:") {
      return UInt64(line.dropFirst("memlock:".count).drop { $0 == "\t" || $0 == " " }) ?? 0
    }
    return 0
  }
}
