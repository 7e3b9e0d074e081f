import Dataplane
import DataplaneTypes
import Glibc

/// A hash table in memory, its values at addresses that stay.
public final class MemoryHash<Key, Value>: HashTable {
  /// A key's bytes; keys of the packet path have 40 at most.
  private struct Bytes: Hashable {
    var words: (UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0)

    init(_ key: Key) {
      withUnsafeBytes(of: key) { source in
        withUnsafeMutableBytes(of: &words) { $0.copyMemory(from: UnsafeRawBufferPointer(rebasing: source.prefix(40))) }
      }
    }

    static func == (a: Bytes, b: Bytes) -> Bool { a.words == b.words }

    func hash(into hasher: inout Hasher) {
      hasher.combine(words.0)
      hasher.combine(words.1)
      hasher.combine(words.2)
      hasher.combine(words.3)
      hasher.combine(words.4)
    }
  }

  private var entries: [Bytes: UnsafeMutablePointer<Value>] = [:]
  /// Keys that were taken out here and may still be where the others come from.
  private var removed: Set<Bytes> = []
  private let capacity: Int
  /// Where entries come from that are not here yet: a table that is copied as far as it is looked at.
  public var origin: ((Key) -> Value?)?

  /// Is called before a key is inserted: what other CPUs do at that very moment.
  public var inserting: ((Key) -> Void)?

  public init(capacity: Int) {
    precondition(MemoryLayout<Key>.size <= 40)
    self.capacity = capacity
  }

  deinit { for value in entries.values { value.deallocate() } }

  public var count: Int { entries.count }

  public func find(_ key: Key) -> UnsafeMutablePointer<Value>? {
    let bytes = Bytes(key)
    if let value = entries[bytes] { return value }
    guard let origin, !removed.contains(bytes), let value = origin(key) else { return nil }
    return enter(bytes, value)
  }

  private func enter(_ bytes: Bytes, _ value: Value) -> UnsafeMutablePointer<Value> {
    let place = UnsafeMutablePointer<Value>.allocate(capacity: 1)
    place.initialize(to: value)
    entries[bytes] = place
    return place
  }

  public func find(at key: UnsafePointer<Key>) -> UnsafeMutablePointer<Value>? { find(key.pointee) }

  public func insert(_ key: Key, _ value: Value) -> InsertOutcome {
    inserting?(key)
    if find(key) != nil { return .exists }
    return replace(key, value)
  }

  public func replace(_ key: Key, _ value: Value) -> InsertOutcome {
    if let there = entries[Bytes(key)] {
      there.pointee = value
      return .inserted
    }
    if entries.count >= capacity { return .full }
    _ = enter(Bytes(key), value)
    return .inserted
  }

  public func remove(_ key: Key) {
    let bytes = Bytes(key)
    entries.removeValue(forKey: bytes)?.deallocate()
    if origin != nil { removed.insert(bytes) }
  }
}

/// Numbered records in memory, zero at first.
public final class MemoryPool<Element>: Pool {
  private let memory: UnsafeMutablePointer<Element>
  private let length: Int
  public let capacity: Int
  /// Where records come from that have not been looked at yet.
  public var origin: ((UInt32) -> Element?)?
  private var copied: Set<UInt32> = []

  public init(capacity: Int) {
    self.capacity = capacity
    length = MemoryLayout<Element>.stride * max(capacity, 1)
    // Memory that nobody touches is none: pools are as large as they may ever become.
    let address = mmap(
      nil, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | Int32(MAP_NORESERVE), -1, 0)
    guard let address, address != MAP_FAILED else { fatalError("no room for \(length) bytes of tables") }
    memory = address.bindMemory(to: Element.self, capacity: max(capacity, 1))
  }

  deinit { munmap(memory, length) }

  public func find(_ index: UInt32) -> UnsafeMutablePointer<Element>? {
    guard index < UInt32(capacity) else { return nil }
    let place = memory + Int(index)
    if let origin, copied.insert(index).inserted, let element = origin(index) { place.initialize(to: element) }
    return place
  }
}
