import DataplaneTypes

/// A frame as two pointers; every access is checked against its end.
public struct Packet {
  public var start: UnsafeMutableRawPointer
  public var end: UnsafeMutableRawPointer

  @inlinable public init(start: UnsafeMutableRawPointer, end: UnsafeMutableRawPointer) {
    self.start = start
    self.end = end
  }

  @inlinable public var count: Int {
    @inline(__always) get { Int(bitPattern: UInt(bitPattern: end) &- UInt(bitPattern: start)) }
  }

  /// The header at an offset the compiler knows, or nil where the frame is too short.
  @inlinable @inline(__always)
  public func at<T>(_ offset: Int, _: T.Type = T.self) -> UnsafeMutablePointer<T>? {
    let p = start + offset
    if p + MemoryLayout<T>.size > end { return nil }
    return p.assumingMemoryBound(to: T.self)
  }

  /// As `at`, for an offset found at run time, at most 511: the barrier keeps the checked pointer from being
  /// computed anew after the check, which the verifier would not accept.
  @inlinable @inline(__always)
  public func at<T>(dynamic offset: Int, _: T.Type = T.self) -> UnsafeMutablePointer<T>? {
    let p = svs_opaque(start + (offset & 511))
    if p + MemoryLayout<T>.size > end { return nil }
    return p.assumingMemoryBound(to: T.self)
  }
}
