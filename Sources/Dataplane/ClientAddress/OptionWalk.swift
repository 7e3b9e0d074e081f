import DataplaneTypes

/// The walk along a TCP header's options on the bench, which changes them in place: what is taken out becomes fillers.
public enum OptionWalk {
  /// A step handles at least one byte, or four of an option that is moved.
  @inlinable public static var steps: UInt32 { 48 }

  /// Looks at one option, or goes on with one; false at the end.
  @inlinable @inline(__always)
  public static func step(_ bench: UnsafeMutablePointer<svs_workbench>) -> Bool {
    let at = bench.pointee.at
    let end = bench.pointee.end
    if at >= end { return false }
    if bench.pointee.erasing != 0 {
      bench.pointee.erasing &-= 1
      bench.pointee.at = at &+ 1
      set(bench, at, TCPOption.none)
      return true
    }
    if bench.pointee.edges != 0 {
      bench.pointee.edges &-= 1
      bench.pointee.at = at &+ 4
      moveEdge(bench, at)
      return true
    }
    let kind = byte(bench, at)
    if kind == TCPOption.end {
      // What is appended must not stand behind the end.
      if bench.pointee.fills == 0 { return false }
      bench.pointee.erasing = end &- at
      return true
    }
    if kind == TCPOption.none {
      bench.pointee.at = at &+ 1
      return true
    }
    let length = UInt32(byte(bench, at &+ 1))
    // Receivers look no farther than an option that does not fit.
    if length < 2 || at &+ length > end {
      // What is appended would become the rest of it.
      if bench.pointee.blanks_toa == 0, bench.pointee.fills == 0 { return false }
      bench.pointee.erasing = end &- at
      return true
    }
    if kind == TCPOption.toa { bench.pointee.found_toa = 1 }
    if kind == TCPOption.toa && bench.pointee.blanks_toa != 0
      || kind == TCPOption.fastOpen && bench.pointee.blanks_fast_open != 0
    {
      // The first byte at once: every step has one, and 40 are all there are.
      set(bench, at, TCPOption.none)
      bench.pointee.at = at &+ 1
      bench.pointee.erasing = length &- 1
      bench.pointee.erased &+= 1
      return true
    }
    if kind == TCPOption.selectiveAck, bench.pointee.shift != 0 {
      bench.pointee.edges = (length &- 2) >> 2
      bench.pointee.at = at &+ 2
      return true
    }
    if kind == TCPOption.maximumSegmentSize, length == 4 {
      let size = UInt32(byte(bench, at &+ 2)) << 8 | UInt32(byte(bench, at &+ 3))
      // RFC 879: 536 is what everybody takes; smaller ones are somebody's wish.
      let cut = size > bench.pointee.cut &+ 64 ? size &- bench.pointee.cut : size
      set(bench, at &+ 2, UInt8(truncatingIfNeeded: cut >> 8))
      set(bench, at &+ 3, UInt8(truncatingIfNeeded: cut))
    }
    bench.pointee.at = at &+ length
    return true
  }

  /// An edge of a block (RFC 2018, section 3) goes where its byte stands in the client's own stream.
  @inlinable @inline(__always)
  static func moveEdge(_ bench: UnsafeMutablePointer<svs_workbench>, _ at: UInt32) {
    let high = UInt32(byte(bench, at)) << 24 | UInt32(byte(bench, at &+ 1)) << 16
    let edge = high | UInt32(byte(bench, at &+ 2)) << 8 | UInt32(byte(bench, at &+ 3))
    let shift = Shift(
      first: bench.pointee.first, by: bench.pointee.shift, isSettled: bench.pointee.settled != 0)
    let moved = shift.toClient(edge)
    set(bench, at, UInt8(truncatingIfNeeded: moved >> 24))
    set(bench, at &+ 1, UInt8(truncatingIfNeeded: moved >> 16))
    set(bench, at &+ 2, UInt8(truncatingIfNeeded: moved >> 8))
    set(bench, at &+ 3, UInt8(truncatingIfNeeded: moved))
  }

  @inlinable @inline(__always)
  static func byte(_ bench: UnsafeMutablePointer<svs_workbench>, _ at: UInt32) -> UInt8 {
    UnsafeMutableRawPointer(bench.pointer(to: \.after).unsafelyUnwrapped)
      .load(fromByteOffset: Int(at & 63), as: UInt8.self)
  }

  @inlinable @inline(__always)
  static func set(_ bench: UnsafeMutablePointer<svs_workbench>, _ at: UInt32, _ value: UInt8) {
    UnsafeMutableRawPointer(bench.pointer(to: \.after).unsafelyUnwrapped)
      .storeBytes(of: value, toByteOffset: Int(at & 63), as: UInt8.self)
  }
}

/// The client's stream as the server sees it: its bytes come after those of a header.
public struct Shift {
  /// Of the client's first byte.
  public let first: UInt32
  public let by: UInt32
  /// Whether the server has all of the header: then every number is behind it, however far the stream has gone.
  public let isSettled: Bool

  @inlinable @inline(__always) public init(first: UInt32, by: UInt32, isSettled: Bool) {
    self.first = first
    self.by = by
    self.isSettled = isSettled
  }

  /// How far behind the first byte a number stands, in the arithmetic of sequence numbers (RFC 9293, section 3.4).
  @inlinable @inline(__always)
  public func distance(_ number: UInt32) -> Int32 { Int32(bitPattern: number &- first) }

  /// A sequence number of the server's view in the client's; all of the header is at the first byte.
  @inlinable @inline(__always)
  public func toClient(_ number: UInt32) -> UInt32 {
    if isSettled { return number &- by }
    let distance = distance(number)
    if distance <= 0 { return number }
    return distance >= Int32(bitPattern: by) ? number &- by : first
  }
}
