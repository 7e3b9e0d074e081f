/// Base64 (RFC 4648 section 4), as Secrets have it.
enum Base64 {
  /// The bytes; white space is skipped. Nil for what is no Base64.
  static func decode(_ text: String) -> [UInt8]? {
    var made: [UInt8] = []
    var bits: UInt32 = 0
    var (count, padding) = (0, 0)
    for byte in text.utf8 where !ByteSet.space.contains(byte) {
      let value: UInt8
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"): value = byte - 65
      case UInt8(ascii: "a")...UInt8(ascii: "z"): value = byte - 71
      case UInt8(ascii: "0")...UInt8(ascii: "9"): value = byte + 4
      case UInt8(ascii: "+"): value = 62
      case UInt8(ascii: "/"): value = 63
      case UInt8(ascii: "="):
        padding += 1
        continue
      default: return nil
      }
      guard padding == 0 else { return nil }
      bits = bits << 6 | UInt32(value)
      count += 1
      if count % 4 != 1 { made.append(UInt8(truncatingIfNeeded: bits >> [0, 0, 4, 2][count % 4])) }
    }
    guard count % 4 != 1, padding <= 2, (count + padding) % 4 == 0 else { return nil }
    return made
  }
}
