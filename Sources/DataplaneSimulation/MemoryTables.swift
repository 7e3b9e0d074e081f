import Dataplane
import DataplaneTypes

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
  private let capacity: Int

  public init(capacity: Int) {
    precondition(MemoryLayout<Key>.size <= 40)
    self.capacity = capacity
  }

  deinit { for value in entries.values { value.deallocate() } }

  public var count: Int { entries.count }

  public func find(_ key: Key) -> UnsafeMutablePointer<Value>? { entries[Bytes(key)] }

  public func find(at key: UnsafePointer<Key>) -> UnsafeMutablePointer<Value>? { find(key.pointee) }

  public func insert(_ key: Key, _ value: Value) -> InsertOutcome {
    if entries[Bytes(key)] != nil { return .exists }
    return replace(key, value)
  }

  public func replace(_ key: Key, _ value: Value) -> InsertOutcome {
    if let there = entries[Bytes(key)] {
      there.pointee = value
      return .inserted
    }
    if entries.count >= capacity { return .full }
    let place = UnsafeMutablePointer<Value>.allocate(capacity: 1)
    place.initialize(to: value)
    entries[Bytes(key)] = place
    return .inserted
  }

  public func remove(_ key: Key) { entries.removeValue(forKey: Bytes(key))?.deallocate() }
}

/// Numbered records in memory, zero at first.
public final class MemoryPool<Element>: Pool {
  private let memory: UnsafeMutablePointer<Element>
  public let capacity: Int

  public init(capacity: Int) {
    self.capacity = capacity
    let size = MemoryLayout<Element>.stride * capacity
    let raw = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 64)
    raw.initializeMemory(as: UInt8.self, repeating: 0, count: size)
    memory = raw.bindMemory(to: Element.self, capacity: capacity)
  }

  deinit { UnsafeMutableRawPointer(memory).deallocate() }

  public func find(_ index: UInt32) -> UnsafeMutablePointer<Element>? {
    index < UInt32(capacity) ? memory + Int(index) : nil
  }
}
