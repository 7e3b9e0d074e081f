import Synchronization

extension UnsafeMutablePointer where Pointee == UInt64 {
  /// Adds and returns the value before. Not relaxed: the BPF back end turns a relaxed fetch-and-add into a plain
  /// add even where the old value is used.
  @inlinable @inline(__always)
  func fetchAdd(_ value: UInt64) -> UInt64 {
    UnsafeMutableRawPointer(self).assumingMemoryBound(to: Atomic<UInt64>.self).pointee
      .wrappingAdd(value, ordering: .acquiringAndReleasing).oldValue
  }

  @inlinable @inline(__always)
  func increment() {
    UnsafeMutableRawPointer(self).assumingMemoryBound(to: Atomic<UInt64>.self).pointee
      .wrappingAdd(1, ordering: .relaxed)
  }
}
