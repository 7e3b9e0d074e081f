/// Columns of text, counted in bytes as printf(3) counts.
extension String {
  /// Appends a text flush left; one that is wider than its column is not cut.
  mutating func append(_ text: String, left width: Int) {
    self += text
    appendBlanks(width - text.utf8.count)
  }

  /// Appends a text flush right.
  mutating func append(_ text: String, right width: Int) {
    appendBlanks(width - text.utf8.count)
    self += text
  }

  /// The first bytes of a text.
  func cut(to length: Int) -> String {
    utf8.count <= length ? self : String(decoding: utf8.prefix(length), as: UTF8.self)
  }

  private mutating func appendBlanks(_ count: Int) {
    if count > 0 { self += String(repeating: " ", count: count) }
  }

  /// Appends a counter in nine columns: rounded to K, M, G or T where it would not fit, unless exact values are asked.
  mutating func append(counter: UInt64, exact: Bool) {
    if exact {
      let digits = String(counter)
      append(digits, right: max(9, digits.utf8.count + 1))
      return
    }
    let (value, unit): (UInt64, String) =
      switch counter {
      case ..<100_000_000: (counter, "")
      case ..<1_000_000_000: (counter / 1000, "K")
      case ..<100_000_000_000: (counter / 1_000_000, "M")
      case ..<100_000_000_000_000: (counter / 1_000_000_000, "G")
      default: (counter / 1_000_000_000_000, "T")
      }
    append(String(value) + unit, right: 9)
  }
}
