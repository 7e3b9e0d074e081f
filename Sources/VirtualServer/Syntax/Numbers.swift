/// Decimal numbers as strtol(3) reads them: blanks and a sign may lead, nothing may follow.
enum Decimal {
  /// The number, or nil for no digits, for anything after them, and for what 64 bits cannot hold.
  static func whole(_ text: String) -> Int? {
    let (value, rest) = leading(text)
    return rest.isEmpty ? value : nil
  }

  /// A number between two bounds, or nil.
  static func whole(_ text: String, in range: ClosedRange<Int>) -> Int? {
    guard let value = whole(text), range.contains(value) else { return nil }
    return value
  }

  /// The number a text begins with, as atoi(3) has it: 0 where there is none, cut to 32 bits.
  static func prefix(_ text: String) -> Int32 {
    Int32(truncatingIfNeeded: leading(text, saturating: true).value ?? 0)
  }

  private static func leading(_ text: String, saturating: Bool = false) -> (value: Int?, rest: Substring.UTF8View) {
    var bytes = text.utf8[...]
    while let byte = bytes.first, isBlank(byte) { bytes = bytes.dropFirst() }
    var negative = false
    if let sign = bytes.first, sign == UInt8(ascii: "-") || sign == UInt8(ascii: "+") {
      negative = sign == UInt8(ascii: "-")
      bytes = bytes.dropFirst()
    }
    var value: Int?
    var overflow = false
    while let byte = bytes.first, let digit = digit(byte) {
      let (product, over1) = (value ?? 0).multipliedReportingOverflow(by: 10)
      let (sum, over2) =
        negative ? product.subtractingReportingOverflow(digit) : product.addingReportingOverflow(digit)
      overflow = overflow || over1 || over2
      value = overflow ? 0 : sum
      bytes = bytes.dropFirst()
    }
    if overflow { value = saturating ? (negative ? Int.min : Int.max) : nil }
    return (value, Substring(bytes).utf8)
  }

  private static func digit(_ byte: UInt8) -> Int? {
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") ? Int(byte - UInt8(ascii: "0")) : nil
  }

  private static func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) }
}
