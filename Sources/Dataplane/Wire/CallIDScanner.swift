import DataplaneTypes

/// Looks for the Call-ID of a SIP message (RFC 3261, sections 7.3 and 20.8), byte by byte, and hashes it.
///
/// Header names have no case and may be written short; blanks may stand before and after the colon.
public struct CallIDScanner {
  @usableFromInline enum Phase {
    /// At the beginning of a line, in what may be the name.
    @inlinable static var name: UInt32 { 0 }
    @inlinable static var restOfLine: UInt32 { 1 }
    @inlinable static var colon: UInt32 { 2 }
    @inlinable static var blanks: UInt32 { 3 }
    @inlinable static var value: UInt32 { 4 }
    @inlinable static var over: UInt32 { 5 }
  }

  /// The message's first line is no header.
  @usableFromInline var phase = Phase.restOfLine
  @usableFromInline var matched: UInt32 = 0
  @usableFromInline var length: UInt32 = 0
  // Two hashes by FNV-1a, which differ in where they begin.
  @usableFromInline var first: UInt64 = 0xcbf2_9ce4_8422_2325
  @usableFromInline var second: UInt64 = 0x9ae1_6a3b_2f90_404f

  @inlinable @inline(__always) public init() {}

  /// The most bytes of a Call-ID that count.
  @inlinable static var limit: UInt32 { 255 }
  /// "call-id", its first letter in the lowest byte.
  @inlinable static var name: UInt64 { 0x64_692d_6c6c_6163 }

  /// Takes the next byte; false when nothing that comes later matters.
  @inlinable @inline(__always)
  public mutating func step(_ byte: UInt8) -> Bool {
    let isEnd = byte == 0x0d || byte == 0x0a
    let isBlank = byte == 0x20 || byte == 0x09
    if phase == Phase.restOfLine {
      if byte == 0x0a {
        phase = Phase.name
        matched = 0
      }
    } else if phase == Phase.name {
      let letter = byte | 0x20
      if isEnd, matched == 0 { return false }
      if letter == UInt8(truncatingIfNeeded: Self.name >> (UInt64(matched & 7) &* 8)) {
        matched &+= 1
        if matched == 7 { phase = Phase.colon }
      } else if matched == 0, letter == 0x69 {
        phase = Phase.colon
      } else {
        phase = byte == 0x0a ? Phase.name : Phase.restOfLine
        matched = 0
      }
    } else if phase == Phase.colon {
      if byte == 0x3a {
        phase = Phase.blanks
      } else if !isBlank {
        phase = Phase.restOfLine
      }
    } else if phase == Phase.blanks, isBlank {
      return true
    } else if isEnd || isBlank {
      phase = Phase.over
      return false
    } else {
      phase = Phase.value
      first = (first ^ UInt64(byte)) &* 0x100_0000_01b3
      second = (second ^ UInt64(byte)) &* 0x100_0000_01b3
      length &+= 1
      return length < Self.limit
    }
    return true
  }

  /// The hash of the Call-ID, where there was one.
  @inlinable @inline(__always)
  public func result(_ hash: inout svs_addr) -> Bool {
    if length == 0 { return false }
    hash = svs_addr(
      w0: UInt32(truncatingIfNeeded: first), w1: UInt32(truncatingIfNeeded: first >> 32),
      w2: UInt32(truncatingIfNeeded: second), w3: UInt32(truncatingIfNeeded: second >> 32))
    return true
  }
}
