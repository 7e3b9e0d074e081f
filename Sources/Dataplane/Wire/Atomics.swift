import Synchronization

/// Atomic steps on words that live in maps and are shared by all CPUs.
extension UnsafeMutablePointer where Pointee == UInt64 {
  @inlinable @inline(__always)
  func compareExchange(_ expected: UInt64, _ desired: UInt64) -> Bool {
    UnsafeMutableRawPointer(self).assumingMemoryBound(to: Atomic<UInt64>.self).pointee
      .compareExchange(expected: expected, desired: desired, ordering: .acquiringAndReleasing).exchanged
  }

  /// Adds and returns the value before; see the same of 32 bits.
  @inlinable @inline(__always)
  func fetchAdd(_ value: UInt64) -> UInt64 {
    UnsafeMutableRawPointer(self).assumingMemoryBound(to: Atomic<UInt64>.self).pointee
      .wrappingAdd(value, ordering: .acquiringAndReleasing).oldValue
  }
}

extension UnsafeMutablePointer where Pointee == UInt32 {
  /// Adds and returns the value before. Not relaxed: the BPF back end turns a relaxed fetch-and-add into a plain
  /// add even where the old value is used.
  @inlinable @inline(__always)
  func fetchAdd(_ value: UInt32) -> UInt32 {
    UnsafeMutableRawPointer(self).assumingMemoryBound(to: Atomic<UInt32>.self).pointee
      .wrappingAdd(value, ordering: .acquiringAndReleasing).oldValue
  }

  @inlinable @inline(__always)
  func increment() {
    UnsafeMutableRawPointer(self).assumingMemoryBound(to: Atomic<UInt32>.self).pointee
      .wrappingAdd(1, ordering: .relaxed)
  }

  @inlinable @inline(__always)
  func decrement() {
    UnsafeMutableRawPointer(self).assumingMemoryBound(to: Atomic<UInt32>.self).pointee
      .wrappingSubtract(1, ordering: .relaxed)
  }

  @inlinable @inline(__always)
  func compareExchange(_ expected: UInt32, _ desired: UInt32) -> Bool {
    UnsafeMutableRawPointer(self).assumingMemoryBound(to: Atomic<UInt32>.self).pointee
      .compareExchange(expected: expected, desired: desired, ordering: .acquiringAndReleasing).exchanged
  }
}
