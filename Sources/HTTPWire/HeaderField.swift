/// A header field that can be sent: its name is a token, and its value holds no control characters (RFC 9110, section 5).
package struct HeaderField: Hashable, Sendable {
  package let name: String
  package let value: String

  /// Nil where it is none.
  package init?(name: String, value: String) {
    // A line end would begin another field, or another request.
    guard HeaderField.isToken(name), value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 9 }) else { return nil }
    (self.name, self.value) = (name, value)
  }

  /// Takes `Name: value` apart; blanks around the value are not of it (RFC 9110, section 5.5).
  package init?(line: String) {
    let bytes = Array(line.utf8)
    guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")) else { return nil }
    var value = bytes[(colon + 1)...].drop { $0 == 0x20 || $0 == 9 }
    while value.last == 0x20 || value.last == 9 { value.removeLast() }
    self.init(name: String(decoding: bytes[..<colon], as: UTF8.self), value: String(decoding: value, as: UTF8.self))
  }

  /// Whether a text is a token (RFC 9110, section 5.6.2), as methods and names of fields are.
  package static func isToken(_ text: String) -> Bool {
    !text.isEmpty
      && text.utf8.allSatisfy {
        ($0 >= 0x30 && $0 <= 0x39) || ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7A) || marks.contains($0)
      }
  }

  private static let marks = Set("!#$%&'*+-.^_`|~".utf8)
}
