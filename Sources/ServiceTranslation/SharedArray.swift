import CLibbpf
import Glibc
import HostSystem

/// The elements of an mmapable array map, in memory that the hooks share.
struct SharedArray<Element: BitwiseCopyable>: ~Copyable {
  private let memory: UnsafeMutableRawPointer
  private let length: Int
  private let stride: Int
  let count: Int

  init(pinnedAt path: String) throws(ServiceTranslationError) {
    let file = try openPin(path)
    try self.init(file.number, path)
  }

  /// The map's sizes must fit the element: another version's do not.
  init(_ descriptor: CInt, _ name: String) throws(ServiceTranslationError) {
    var info = bpf_map_info()
    var size = UInt32(MemoryLayout<bpf_map_info>.size)
    guard bpf_obj_get_info_by_fd(descriptor, &info, &size) == 0 else { throw .last("look at \(name)") }
    guard info.value_size == MemoryLayout<Element>.size, info.max_entries > 0 else {
      throw .foreignPins(folder: name)
    }
    let count = Int(info.max_entries)
    // The kernel rounds elements up to 8 bytes.
    let stride = (MemoryLayout<Element>.size + 7) & ~7
    let page = Int(getpagesize())
    let length = (stride * count + page - 1) / page * page
    guard let address = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), address != MAP_FAILED
    else { throw .last("map \(name) into memory") }
    (self.memory, self.length, self.stride, self.count) = (address, length, stride, count)
  }

  deinit { munmap(memory, length) }

  subscript(index: Int) -> UnsafeMutablePointer<Element> {
    precondition(index >= 0 && index < count)
    return (memory + index * stride).assumingMemoryBound(to: Element.self)
  }

  subscript(index: UInt32) -> UnsafeMutablePointer<Element> { self[Int(index)] }
}
