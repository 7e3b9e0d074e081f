/// Classes of bytes (RFC 9110, section 5.6).
enum Characters {
  /// Of tokens: bit N of the word is the byte N.
  private static let low: UInt64 = 0x03ff_6cfa_0000_0000
  private static let high: UInt64 = 0x57ff_ffff_c7ff_fffe

  @inline(__always)
  static func isToken(_ byte: UInt8) -> Bool {
    if byte < 64 { return low >> UInt64(byte) & 1 != 0 }
    return byte < 128 && high >> UInt64(byte - 64) & 1 != 0
  }
}

/// Paths that a server could take for others than the rules did.
enum PathCheck {
  /// Whether a segment is `.` or `..`, its dots written as they are or encoded (RFC 3986, sections 3.3 and 6.2.2.3).
  static func climbs(_ path: UnsafeBufferPointer<UInt8>) throws(HeadFault) -> Bool {
    var dots = 0
    var others = false
    var index = 0
    while index < path.count {
      let byte = path[index]
      switch byte {
      // Some servers take a backslash for a slash.
      case 47, 92:
        if !others, dots == 1 || dots == 2 { return true }
        dots = 0
        others = false
      case 46: dots += 1
      case 37:
        guard index + 2 < path.count, let high = hex(path[index + 1]), let low = hex(path[index + 2]) else {
          throw .badTarget
        }
        let value = high << 4 | low
        if value == 0 { throw .badTarget }
        if value == 46 {
          dots += 1
        } else if value == 59 {
          if !others, dots == 1 || dots == 2 { return true }
          others = true
        } else if value == 0xc0 || value == 0xc1 {
          // The long spelling of a short character, as of a dot: no UTF-8, but some servers read it.
          throw .badTarget
        } else if value == 47 || value == 92 {
          if !others, dots == 1 || dots == 2 { return true }
          dots = 0
          others = false
        } else {
          others = true
        }
        index += 2
      // Parameters of a segment end its name for some servers.
      case 59:
        if !others, dots == 1 || dots == 2 { return true }
        others = true
      default: others = true
      }
      index += 1
    }
    return !others && (dots == 1 || dots == 2)
  }

  private static func hex(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 48...57: byte - 48
    case 65...70: byte - 55
    case 97...102: byte - 87
    default: nil
    }
  }
}
