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

  mutating func key(_ name: String) {
    string(name)
    bytes.append(UInt8(ascii: ":"))
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
    var text = text
    text.withUTF8 { source in
      var index = 0
      while index < source.count {
        let byte = source[index]
        index += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"):
          bytes.append(UInt8(ascii: "\\"))
          bytes.append(byte)
        case 0..<0x20, 0x7f: escape(high: 0, low: byte, into: &bytes)
        case 0xc2 where index < source.count && source[index] < 0xa0:
          escape(high: 0, low: source[index], into: &bytes)
          index += 1
        case 0xe2 where index + 1 < source.count && source[index] == 0x80 && (0xa8...0xa9).contains(source[index + 1]):
          escape(high: 0x20, low: source[index + 1] - 0x80, into: &bytes)
          index += 2
        default: bytes.append(byte)
        }
      }
    }
  }

  private static func escape(high: UInt8, low: UInt8, into bytes: inout [UInt8]) {
    bytes.write("\\u")
    bytes.writeHexadecimal(high)
    bytes.writeHexadecimal(low)
  }
}
