/// Base64 (RFC 4648, section 4), as the JSON of Protocol Buffers has bytes.
enum Base64Text {
  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
  private static let padding = UInt8(ascii: "=")

  static func encode(_ text: String) -> String {
    let bytes = Array(text.utf8)
    var made: [UInt8] = []
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = bytes[start..<min(start + 3, bytes.count)]
      let bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
      made += (0..<4).map { $0 <= group.count ? alphabet[bits >> (18 - 6 * $0) & 63] : padding }
    }
    return String(decoding: made, as: UTF8.self)
  }

  /// Nil for what is no Base64, or no text in UTF-8.
  static func decode(_ text: String) -> String? {
    var made: [UInt8] = []
    var (bits, count) = (0, 0)
    let digits = Array(text.utf8)
    let end = digits.lastIndex { $0 != padding }.map { $0 + 1 } ?? 0
    guard digits.count % 4 == 0, digits.count - end <= 2 else { return nil }
    for digit in digits[..<end] {
      guard let value = value(of: digit) else { return nil }
      bits = (bits << 6 | value) & 0xffff
      count += 1
      if count % 4 != 1 { made.append(UInt8(truncatingIfNeeded: bits >> [0, 0, 4, 2][count % 4])) }
    }
    return String(validating: made, as: UTF8.self)
  }

  private static func value(of digit: UInt8) -> Int? {
    switch digit {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): Int(digit) - 65
    case UInt8(ascii: "a")...UInt8(ascii: "z"): Int(digit) - 71
    case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(digit) + 4
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}
