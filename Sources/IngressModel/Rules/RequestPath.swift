/// One spelling for each path, so that rules cannot be evaded by another (RFC 3986 section 6.2.2).
public enum RequestPath {
  /// The path in its plain spelling, the very same string where it is plain already.
  ///
  /// Escapes of letters, digits and `-._~` are decoded, dot segments and empty segments removed; all other escapes stay
  /// as they are, so that `%2F` remains no slash. What rules are asked with and what the server gets is to be the same
  /// string: `/%61dmin`, `//admin` and `/x/../admin` are `/admin` to most servers.
  ///
  /// Nil for a path that does not begin with a slash, or leaves its root by `..`.
  public static func normalized(_ path: String) -> String? {
    guard path.utf8.first == slash else { return nil }
    guard !isPlain(path.utf8) else { return path }
    var segments: [[UInt8]] = []
    var endsOpen = false
    for segment in decodedUnreserved(path.utf8).split(separator: slash, omittingEmptySubsequences: false).dropFirst() {
      endsOpen = segment.isEmpty || segment.elementsEqual([dot]) || segment.elementsEqual([dot, dot])
      if !endsOpen {
        segments.append(Array(segment))
      } else if segment.count == 2 {
        guard segments.popLast() != nil else { return nil }
      }
    }
    var made: [UInt8] = []
    for segment in segments { made += [slash] + segment }
    if endsOpen || made.isEmpty { made.append(slash) }
    return String(decoding: made, as: UTF8.self)
  }

  private static let slash = UInt8(ascii: "/")
  private static let dot = UInt8(ascii: ".")
  private static let percent = UInt8(ascii: "%")

  /// Without escapes, and without a dot or a slash behind a slash.
  private static func isPlain(_ bytes: String.UTF8View) -> Bool {
    var isBehindSlash = false
    for byte in bytes {
      if byte == percent || (isBehindSlash && (byte == slash || byte == dot)) { return false }
      isBehindSlash = byte == slash
    }
    return true
  }

  private static func decodedUnreserved(_ bytes: String.UTF8View) -> [UInt8] {
    var made: [UInt8] = []
    var rest = bytes[...]
    while let byte = rest.popFirst() {
      if byte == percent, let value = PercentEncoding.value(of: rest),
        ByteSet.word.contains(value) || value == dot || value == UInt8(ascii: "-") || value == UInt8(ascii: "~")
      {
        made.append(value)
        rest = rest.dropFirst(2)
      } else {
        made.append(byte)
      }
    }
    return made
  }
}

/// Two hexadecimal digits for a byte (RFC 3986 section 2.1).
enum PercentEncoding {
  /// The byte whose digits a text starts with; nil where it starts with none.
  static func value(of text: Substring.UTF8View) -> UInt8? {
    guard let first = text.first, let second = text.dropFirst().first, let high = digit(first), let low = digit(second)
    else { return nil }
    return high << 4 | low
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - 48
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - 87
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - 55
    default: nil
    }
  }
}
