/// A hash table: a kernel map, or its twin in memory.
public protocol HashTable<Key, Value> {
  associatedtype Key
  associatedtype Value
  func find(_ key: Key) -> UnsafeMutablePointer<Value>?
  /// As `find`, without a copy of the key.
  func find(at key: UnsafePointer<Key>) -> UnsafeMutablePointer<Value>?
  /// Inserts a key that must not be there yet.
  func insert(_ key: Key, _ value: Value) -> InsertOutcome
  /// As `insert`, without a copy of the key.
  func insert(at key: UnsafePointer<Key>, _ value: Value) -> InsertOutcome
  /// Inserts a key or overwrites what it has.
  func replace(_ key: Key, _ value: Value) -> InsertOutcome
  func remove(_ key: Key)
}

extension HashTable {
  @inlinable @inline(__always)
  public func insert(at key: UnsafePointer<Key>, _ value: Value) -> InsertOutcome { insert(key.pointee, value) }
}

public enum InsertOutcome: UInt8 {
  case inserted
  case exists
  case full
}

/// Records with a number each: an array map, or a pool of chunks.
public protocol Pool<Element> {
  associatedtype Element
  func find(_ index: UInt32) -> UnsafeMutablePointer<Element>?
}
