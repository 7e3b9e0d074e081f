/// Writes JSON (RFC 8259) into bytes: the caller says what comes, commas come by themselves.
struct JSONWriter {
  var bytes: [UInt8]
  private var needsComma = false

  init(into bytes: consuming [UInt8] = []) { self.bytes = bytes }

  mutating func object(_ body: (inout JSONWriter) -> Void) { nest(UInt8(ascii: "{"), UInt8(ascii: "}"), body) }
  mutating func array(_ body: (inout JSONWriter) -> Void) { nest(UInt8(ascii: "["), UInt8(ascii: "]"), body) }

  mutating func array<Elements: Sequence>(
    _ elements: Elements, _ write: (inout JSONWriter, Elements.Element) -> Void
  ) {
    array { json in for element in elements { write(&json, element) } }
  }

  /// The name of an object's member, which is a word of the code's own: nothing in it needs escaping.
  mutating func key(_ name: String) {
    separate()
    bytes.append(UInt8(ascii: "\""))
    bytes.write(name)
    bytes.write("\":")
    needsComma = false
  }

  mutating func string(_ text: String) {
    separate()
    bytes.append(UInt8(ascii: "\""))
    Self.escape(text, into: &bytes)
    bytes.append(UInt8(ascii: "\""))
  }

  mutating func number(_ number: UInt64) {
    separate()
    bytes.write(number)
  }

  mutating func number(_ number: Int) {
    separate()
    bytes.write(number)
  }

  /// A decimal fraction: see ``Swift/Array/write(_:decimals:)``.
  mutating func number(_ number: UInt64, decimals: Int) {
    separate()
    bytes.write(number, decimals: decimals)
  }

  mutating func bool(_ value: Bool) {
    separate()
    bytes.write(value ? "true" : "false")
  }

  mutating func null() {
    separate()
    bytes.write("null")
  }

  private mutating func nest(_ open: UInt8, _ close: UInt8, _ body: (inout JSONWriter) -> Void) {
    separate()
    bytes.append(open)
    needsComma = false
    body(&self)
    bytes.append(close)
    needsComma = true
  }

  private mutating func separate() {
    if needsComma { bytes.append(UInt8(ascii: ",")) }
    needsComma = true
  }

  /// Also escapes what terminals and line readers take for more than a character: DEL, C1, U+2028 and U+2029.
  private static func escape(_ text: String, into bytes: inout [UInt8]) {
    bytes.write(text) { rest in
      switch rest[rest.startIndex] {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"), 0..<0x20, 0x7f: 1
      case 0xc2: rest.count > 1 && rest[rest.startIndex + 1] < 0xa0 ? 2 : 0
      case 0xe2: rest.count > 2 && rest[rest.startIndex + 1] == 0x80 && isSeparator(rest[rest.startIndex + 2]) ? 3 : 0
      default: 0
      }
    } as: { special, bytes in
      let first = special[special.startIndex]
      switch special.count {
      case 2: escape(high: 0, low: special[special.startIndex + 1], into: &bytes)
      case 3: escape(high: 0x20, low: special[special.startIndex + 2] - 0x80, into: &bytes)
      default:
        if first < 0x20 || first == 0x7f { return escape(high: 0, low: first, into: &bytes) }
        bytes.append(UInt8(ascii: "\\"))
        bytes.append(first)
      }
    }
  }

  /// Whether a byte after E2 80 makes U+2028 or U+2029.
  private static func isSeparator(_ byte: UInt8) -> Bool { byte == 0xa8 || byte == 0xa9 }

  private static func escape(high: UInt8, low: UInt8, into bytes: inout [UInt8]) {
    bytes.write("\\u")
    bytes.writeHexadecimal(high)
    bytes.writeHexadecimal(low)
  }
}
