import DataplaneTypes

/// The Internet checksum, summed and updated word by word (RFC 1071, RFC 1624).
///
/// Works on words as they stand in memory: the sum is the same in either byte order.
public struct Checksum {
  public var sum: UInt64

  @inlinable @inline(__always) public init() { sum = 0 }

  /// Starts from a checksum field that is to be updated.
  @inlinable @inline(__always) public init(updating field: UInt16) { sum = UInt64(~field) }

  @inlinable @inline(__always) public mutating func add(_ word: UInt16) { sum &+= UInt64(word) }

  @inlinable @inline(__always) public mutating func add(_ word: UInt32) { sum &+= UInt64(word) }

  @inlinable @inline(__always) public mutating func add(_ other: Checksum) { sum &+= other.sum }

  @inlinable @inline(__always) public mutating func add(_ address: svs_addr) {
    add(address.w0)
    add(address.w1)
    add(address.w2)
    add(address.w3)
  }

  @inlinable @inline(__always) public mutating func replace(_ old: UInt16, by new: UInt16) {
    sum &+= UInt64(~old) &+ UInt64(new)
  }

  @inlinable @inline(__always) public mutating func replace(_ old: UInt32, by new: UInt32) {
    sum &+= UInt64(~old) &+ UInt64(new)
  }

  @inlinable @inline(__always) public mutating func replace(_ old: svs_addr, by new: svs_addr) {
    replace(old.w0, by: new.w0)
    replace(old.w1, by: new.w1)
    replace(old.w2, by: new.w2)
    replace(old.w3, by: new.w3)
  }

  /// The sum folded to 16 bits, not complemented: what a partial checksum holds.
  @inlinable public var folded: UInt16 {
    @inline(__always) get {
      var s = (sum & 0xffff_ffff) &+ (sum >> 32)
      // 33 bits at most: in 16-bit words 65,535 twice and 1.
      s = (s & 0xffff) &+ (s >> 16 & 0xffff) &+ (s >> 32)
      s = (s & 0xffff) &+ (s >> 16)
      s = (s & 0xffff) &+ (s >> 16)
      return UInt16(truncatingIfNeeded: s)
    }
  }

  /// What goes into a header's checksum field.
  @inlinable public var field: UInt16 {
    @inline(__always) get { ~folded }
  }
}
