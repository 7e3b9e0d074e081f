import DataplaneTypes
import Kernel

/// A kernel hash map.
struct KernelHash<Key, Value>: HashTable {
  let map: UnsafeMutableRawPointer

  @inline(__always) func find(_ key: Key) -> UnsafeMutablePointer<Value>? {
    withUnsafePointer(to: key) { bpf_map_lookup_elem(map, $0)?.assumingMemoryBound(to: Value.self) }
  }

  @inline(__always) func find(at key: UnsafePointer<Key>) -> UnsafeMutablePointer<Value>? {
    bpf_map_lookup_elem(map, key)?.assumingMemoryBound(to: Value.self)
  }

  @inline(__always) func insert(_ key: Key, _ value: Value) -> InsertOutcome { update(key, value, 1) }

  @inline(__always) func insert(at key: UnsafePointer<Key>, _ value: Value) -> InsertOutcome {
    withUnsafePointer(to: value) { outcome(bpf_map_update_elem(map, key, $0, 1)) }
  }

  @inline(__always) func replace(_ key: Key, _ value: Value) -> InsertOutcome { update(key, value, 0) }

  @inline(__always) private func update(_ key: Key, _ value: Value, _ flags: UInt64) -> InsertOutcome {
    withUnsafePointer(to: key) { k in
      withUnsafePointer(to: value) { v in
        outcome(bpf_map_update_elem(map, k, v, flags))
      }
    }
  }

  @inline(__always) private func outcome(_ result: Int) -> InsertOutcome {
    // 6.1 does not sign-extend the helper's error: compare as Int32. 17 is EEXIST.
    let error = Int32(truncatingIfNeeded: result)
    return error == 0 ? .inserted : (error == -17 ? .exists : .full)
  }

  @inline(__always) func remove(_ key: Key) {
    withUnsafePointer(to: key) { _ = bpf_map_delete_elem(map, $0) }
  }
}

/// A kernel array map.
struct KernelArray<Element>: Pool {
  let map: UnsafeMutableRawPointer

  @inline(__always) func find(_ index: UInt32) -> UnsafeMutablePointer<Element>? {
    withUnsafePointer(to: index) { bpf_map_lookup_elem(map, $0)?.assumingMemoryBound(to: Element.self) }
  }
}

/// An array of chunks, each an array map.
struct KernelPool<Element>: Pool {
  let map: UnsafeMutableRawPointer
  let shift: UInt32

  @inline(__always) init(map: UnsafeMutableRawPointer, shift: UInt32 = UInt32(SVS_CHUNK_SHIFT)) {
    self.map = map
    self.shift = shift
  }

  @inline(__always) func find(_ index: UInt32) -> UnsafeMutablePointer<Element>? {
    let outer = index >> shift
    guard let chunk = withUnsafePointer(to: outer, { bpf_map_lookup_elem(map, $0) }) else { return nil }
    let inner = index & ((1 << shift) &- 1)
    return withUnsafePointer(to: inner) { bpf_map_lookup_elem(chunk, $0)?.assumingMemoryBound(to: Element.self) }
  }
}

/// A hash map that user space makes when it is first needed: the one element of an array of maps.
struct KernelNestedHash<Key, Value>: HashTable {
  let map: UnsafeMutableRawPointer

  @inline(__always) private var inner: UnsafeMutableRawPointer? {
    let index: UInt32 = 0
    return withUnsafePointer(to: index) { bpf_map_lookup_elem(map, $0) }
  }

  @inline(__always) func find(_ key: Key) -> UnsafeMutablePointer<Value>? {
    guard let inner else { return nil }
    return KernelHash<Key, Value>(map: inner).find(key)
  }

  @inline(__always) func find(at key: UnsafePointer<Key>) -> UnsafeMutablePointer<Value>? {
    guard let inner else { return nil }
    return KernelHash<Key, Value>(map: inner).find(at: key)
  }

  @inline(__always) func insert(_ key: Key, _ value: Value) -> InsertOutcome {
    guard let inner else { return .full }
    return KernelHash<Key, Value>(map: inner).insert(key, value)
  }

  @inline(__always) func replace(_ key: Key, _ value: Value) -> InsertOutcome {
    guard let inner else { return .full }
    return KernelHash<Key, Value>(map: inner).replace(key, value)
  }

  @inline(__always) func replace(_ key: Key, at value: UnsafePointer<Value>) {
    guard let inner else { return }
    withUnsafePointer(to: key) { _ = bpf_map_update_elem(inner, $0, value, 0) }
  }

  @inline(__always) func remove(_ key: Key) {
    if let inner { KernelHash<Key, Value>(map: inner).remove(key) }
  }
}
