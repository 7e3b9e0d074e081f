import CLibbpf
import DataplaneSimulation
import DataplaneTypes
import Glibc

/// An mmapable array map's elements in this process's memory, shared with the packet path.
struct MappedArray<Element>: ~Copyable {
  private let memory: UnsafeMutableRawPointer
  private let length: Int
  private let stride: Int
  let count: Int

  init(_ descriptor: Int32, count: Int) throws(DirectorError) {
    self.count = count
    // The kernel rounds elements up to 8 bytes.
    stride = (MemoryLayout<Element>.size + 7) & ~7
    let page = Int(getpagesize())
    length = (stride * count + page - 1) / page * page
    let address = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
    guard let address, address != MAP_FAILED else { throw .system(doing: "map rules into memory", errno: errno) }
    memory = address
  }

  /// Looks at elements that belong to somebody else, and stay as long as this is used.
  init(at elements: UnsafeMutablePointer<Element>, count: Int) {
    self.count = count
    stride = MemoryLayout<Element>.stride
    length = 0
    memory = UnsafeMutableRawPointer(elements)
  }

  deinit { if length > 0 { munmap(memory, length) } }

  subscript(index: Int) -> UnsafeMutablePointer<Element> {
    precondition(index >= 0 && index < count)
    return (memory + index * stride).assumingMemoryBound(to: Element.self)
  }
}

/// A pool of records that grows by chunks of mmapable arrays.
final class RecordPool<Element> {
  /// A class so that an array can hold what may not be copied.
  private final class Chunk {
    let records: MappedArray<Element>
    init(_ records: consuming MappedArray<Element>) { self.records = records }
  }

  private let outer: BPFMap
  private let name: String
  private let chunkShift: Int
  private var chunks: [Chunk] = []
  /// Where the chunks' records begin.
  private var starts: [UnsafeMutableRawPointer] = []
  /// Chunks that are known to be there.
  private var reserved: Set<UInt32> = []
  /// The kernel rounds elements up to 8 bytes.
  private let stride = (MemoryLayout<Element>.size + 7) & ~7
  /// The records of a director in memory.
  private let memory: MemoryPool<Element>?

  init(_ outer: consuming BPFMap, name: String, chunkShift: Int) {
    self.outer = outer
    self.name = name
    self.chunkShift = chunkShift
    memory = nil
  }

  init(_ memory: MemoryPool<Element>, name: String) {
    outer = .absent
    self.name = name
    chunkShift = 0
    self.memory = memory
  }

  /// A record; the chunk must be there.
  func record(_ index: UInt32) throws(DirectorError) -> UnsafeMutablePointer<Element> {
    if let memory {
      guard let record = memory.find(index) else { throw .full(what: name) }
      return record
    }
    let number = Int(index) >> chunkShift
    while starts.count <= number { try openChunk(UInt32(chunks.count)) }
    let place = Int(index) & (1 << chunkShift - 1)
    return (starts[number] + place * stride).assumingMemoryBound(to: Element.self)
  }

  private func openChunk(_ number: UInt32) throws(DirectorError) {
    guard let id = outer.find(number, UInt32(0)) else {
      throw .system(doing: "read the \(name) pool", errno: ENOENT)
    }
    let fd = bpf_map_get_fd_by_id(id)
    guard fd >= 0 else { throw .system(doing: "open a chunk of the \(name) pool", errno: errno) }
    let map = BPFMap(owning: fd)
    let chunk = Chunk(try MappedArray<Element>(map.descriptor, count: 1 << chunkShift))
    chunks.append(chunk)
    starts.append(UnsafeMutableRawPointer(chunk.records[0]))
  }

  /// Makes sure that the chunk of a record is there.
  func reserve(_ index: UInt32) throws(DirectorError) {
    if let memory {
      if index >= UInt32(memory.capacity) { throw .full(what: name) }
      return
    }
    let number = index >> UInt32(chunkShift)
    guard number < SVS_CHUNKS else { throw .full(what: name) }
    // Chunks never go; the kernel is asked once for each.
    if reserved.contains(number) { return }
    if outer.find(number, UInt32(0)) == nil {
      let map = try makeChunk(
        BPF_MAP_TYPE_ARRAY, name: name, valueSize: MemoryLayout<Element>.size, count: 1 << chunkShift,
        flags: UInt32(BPF_F_MMAPABLE))
      try outer.update(number, UInt32(bitPattern: map.descriptor), "add a chunk to the \(name) pool")
    }
    reserved.insert(number)
  }
}

/// A pool of per-CPU counters, grown in step with the records they belong to.
final class CounterPool {
  private let outer: BPFMap
  private let name: String
  private var chunks: [UInt32: Int32] = [:]
  private let memory: MemoryPool<svs_counters>?

  init(_ outer: consuming BPFMap, name: String) {
    self.outer = outer
    self.name = name
    memory = nil
  }

  init(_ memory: MemoryPool<svs_counters>, name: String) {
    outer = .absent
    self.name = name
    self.memory = memory
  }

  deinit { for fd in chunks.values { close(fd) } }

  func reserve(_ index: UInt32) throws(DirectorError) {
    if memory != nil { return }
    let number = index >> UInt32(SVS_CHUNK_SHIFT)
    if outer.find(number, UInt32(0)) != nil { return }
    let map = try makeChunk(
      BPF_MAP_TYPE_PERCPU_ARRAY, name: name, valueSize: MemoryLayout<svs_counters>.size, count: Int(SVS_CHUNK_SIZE),
      flags: 0)
    try outer.update(number, UInt32(bitPattern: map.descriptor), "add a chunk to the \(name) pool")
  }

  /// The counters of one record, summed over the CPUs.
  func read(_ index: UInt32) -> svs_counters {
    if let memory { return memory.find(index)?.pointee ?? svs_counters() }
    let number = index >> UInt32(SVS_CHUNK_SHIFT)
    if chunks[number] == nil {
      guard let id = outer.find(number, UInt32(0)) else { return svs_counters() }
      let fd = bpf_map_get_fd_by_id(id)
      guard fd >= 0 else { return svs_counters() }
      chunks[number] = fd
    }
    guard let fd = chunks[number] else { return svs_counters() }
    let cpus = max(Int(libbpf_num_possible_cpus()), 1)
    var all = [svs_counters](repeating: svs_counters(), count: cpus)
    var key = index & (SVS_CHUNK_SIZE - 1)
    guard bpf_map_lookup_elem(fd, &key, &all) == 0 else { return svs_counters() }
    return all.reduce(into: svs_counters()) { $0 += $1 }
  }
}

/// The memory of the locality-based schedulers, which takes room from the first service on that has one.
final class LocalityTable {
  private let outer: BPFMap
  private let isInMemory: Bool

  init(_ outer: consuming BPFMap) {
    self.outer = outer
    isInMemory = false
  }

  init(inMemory: ()) {
    outer = .absent
    isInMemory = true
  }

  func reserve() throws(DirectorError) {
    if isInMemory { return }
    if outer.find(UInt32(0), UInt32(0)) != nil { return }
    let map = try makeChunk(
      BPF_MAP_TYPE_LRU_HASH, name: "locality", keySize: MemoryLayout<svs_locality_key>.size,
      valueSize: MemoryLayout<svs_locality>.size, count: Int(SVS_LOCALITIES), flags: 0)
    try outer.update(UInt32(0), UInt32(bitPattern: map.descriptor), "add the table of localities")
  }
}

extension LocalityTable {
  /// What is remembered of a destination.
  func find(_ key: svs_locality_key) -> svs_locality? {
    guard let id = outer.find(UInt32(0), UInt32(0)) else { return nil }
    let fd = bpf_map_get_fd_by_id(id)
    guard fd >= 0 else { return nil }
    let map = BPFMap(owning: fd)
    return map.find(key, svs_locality())
  }
}

/// A new chunk, of the shape that the object's template has.
private func makeChunk(
  _ type: bpf_map_type, name: String, keySize: Int = 4, valueSize: Int, count: Int, flags: UInt32
) throws(DirectorError) -> BPFMap {
  var options = bpf_map_create_opts()
  options.sz = MemoryLayout<bpf_map_create_opts>.size
  options.map_flags = flags
  let fd = bpf_map_create(type, "svs_chunk", UInt32(keySize), UInt32(valueSize), UInt32(count), &options)
  guard fd >= 0 else { throw .system(doing: "make a chunk of the \(name) pool", errno: errno) }
  return BPFMap(owning: fd)
}
