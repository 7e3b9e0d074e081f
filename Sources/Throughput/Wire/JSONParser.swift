/// What is wrong with a text that should be JSON, and at which octet.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
  public var offset: Int
  public var problem: String

  public var description: String { "\(problem) at octet \(offset)" }
}

extension JSON {
  /// Reads one value with nothing but white space around it.
  ///
  /// - Throws: `JSONError` for what is no JSON and for values nested deeper than 32 levels, which no peer sends.
  public init(parsing bytes: [UInt8]) throws(JSONError) {
    var parser = JSONParser(bytes: bytes)
    parser.skipBlanks()
    self = try parser.value(depth: 0)
    parser.skipBlanks()
    guard parser.next == nil else { throw parser.error("something follows the value") }
  }
}

/// Reads JSON from octets that a peer chose.
private struct JSONParser {
  let bytes: [UInt8]
  var place = 0

  static let deepest = 32

  init(bytes: [UInt8]) { self.bytes = bytes }

  var next: UInt8? { place < bytes.count ? bytes[place] : nil }

  func error(_ problem: String) -> JSONError { JSONError(offset: place, problem: problem) }

  mutating func skipBlanks() {
    while let byte = next, byte == 0x20 || 0x09...0x0a ~= byte || byte == 0x0d { place += 1 }
  }

  mutating func value(depth: Int) throws(JSONError) -> JSON {
    guard depth < Self.deepest else { throw error("more than \(Self.deepest) levels") }
    switch next {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "-"), .some(UInt8(ascii: "0")...UInt8(ascii: "9")): return try number()
    default: throw error("no value")
    }
  }

  private mutating func word(_ word: StaticString, _ meaning: JSON) throws(JSONError) -> JSON {
    let expected = word.withUTF8Buffer { Array($0) }
    guard bytes.dropFirst(place).starts(with: expected) else { throw error("an unknown word") }
    place += expected.count
    return meaning
  }

  private mutating func object(depth: Int) throws(JSONError) -> JSON {
    var members: [JSON.Member] = []
    place += 1
    skipBlanks()
    if next == UInt8(ascii: "}") {
      place += 1
      return .object(members)
    }
    while true {
      skipBlanks()
      guard next == UInt8(ascii: "\"") else { throw error("a member without a name") }
      let name = try string()
      skipBlanks()
      guard next == UInt8(ascii: ":") else { throw error("a member without a colon") }
      place += 1
      skipBlanks()
      members.append(JSON.Member(name: name, value: try value(depth: depth + 1)))
      if try !continues(to: UInt8(ascii: "}")) { return .object(members) }
    }
  }

  private mutating func array(depth: Int) throws(JSONError) -> JSON {
    var values: [JSON] = []
    place += 1
    skipBlanks()
    if next == UInt8(ascii: "]") {
      place += 1
      return .array(values)
    }
    while true {
      skipBlanks()
      values.append(try value(depth: depth + 1))
      if try !continues(to: UInt8(ascii: "]")) { return .array(values) }
    }
  }

  /// After an element: a comma, or the end.
  private mutating func continues(to end: UInt8) throws(JSONError) -> Bool {
    skipBlanks()
    guard let byte = next, byte == UInt8(ascii: ",") || byte == end else { throw error("neither a comma nor an end") }
    place += 1
    return byte != end
  }

  private mutating func number() throws(JSONError) -> JSON {
    let start = place
    while let byte = next, isPartOfNumber(byte) { place += 1 }
    let text = String(decoding: bytes[start..<place], as: UTF8.self)
    if let whole = Int64(text) { return .integer(whole) }
    guard let real = Double(text), real.isFinite else {
      place = start
      throw error("no number")
    }
    return Int64(exactly: real).map { .integer($0) } ?? .number(real)
  }

  private func isPartOfNumber(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "."),
      UInt8(ascii: "e"), UInt8(ascii: "E"):
      true
    default: false
    }
  }

  private mutating func string() throws(JSONError) -> String {
    place += 1
    var content: [UInt8] = []
    while let byte = next {
      place += 1
      switch byte {
      case UInt8(ascii: "\""): return String(decoding: content, as: UTF8.self)
      case UInt8(ascii: "\\"): content += try escaped()
      default: content.append(byte)
      }
    }
    throw error("a string without an end")
  }

  private mutating func escaped() throws(JSONError) -> [UInt8] {
    guard let byte = next else { throw error("a string without an end") }
    place += 1
    switch byte {
    case UInt8(ascii: "n"): return [0x0a]
    case UInt8(ascii: "t"): return [0x09]
    case UInt8(ascii: "r"): return [0x0d]
    case UInt8(ascii: "b"): return [0x08]
    case UInt8(ascii: "f"): return [0x0c]
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
    case UInt8(ascii: "u"):
      let unit = try hexadecimal()
      // Two escapes for one character beyond the first 65,536 (RFC 8259, section 7).
      if 0xd800...0xdbff ~= unit, bytes.dropFirst(place).starts(with: [UInt8(ascii: "\\"), UInt8(ascii: "u")]) {
        let before = place
        place += 2
        let low = try hexadecimal()
        if 0xdc00...0xdfff ~= low, let both = Unicode.Scalar(0x10000 + (unit - 0xd800) << 10 + (low - 0xdc00)) {
          return Array(String(Character(both)).utf8)
        }
        place = before
      }
      return Array(String(Character(Unicode.Scalar(unit) ?? "\u{fffd}")).utf8)
    default: throw error("an unknown escape")
    }
  }

  private mutating func hexadecimal() throws(JSONError) -> UInt32 {
    guard place + 4 <= bytes.count,
      let unit = UInt32(String(decoding: bytes[place..<place + 4], as: UTF8.self), radix: 16)
    else { throw error("an escape without four digits") }
    place += 4
    return unit
  }
}
