/// What is wrong with a text that should be JSON.
package struct JSONFault: Error, Hashable, Sendable, CustomStringConvertible {
  /// Counted from 1, as editors do.
  package var line: Int
  package var column: Int
  package var problem: String

  package var description: String { "line \(line), column \(column): \(problem)" }
}

extension JSONValue {
  /// Reads one value with nothing but white space around it.
  ///
  /// - Throws: for what is no JSON, and for values nested deeper than 32 levels, which nobody writes.
  package init(parsing text: some StringProtocol) throws(JSONFault) { try self.init(parsing: Array(text.utf8)) }

  package init(parsing bytes: [UInt8]) throws(JSONFault) {
    var reader = JSONReader(bytes: bytes)
    self = try reader.value(depth: 0)
    reader.skipBlanks()
    guard reader.next == nil else { throw reader.fault("something follows the value") }
  }
}

/// Reads what others wrote.
private struct JSONReader {
  private let bytes: [UInt8]
  private var place = 0

  private static let deepest = 32

  init(bytes: [UInt8]) { self.bytes = bytes }

  var next: UInt8? { place < bytes.count ? bytes[place] : nil }

  func fault(_ problem: String) -> JSONFault {
    let before = bytes[..<place]
    let lines = before.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    return JSONFault(line: max(1, lines.count), column: (lines.last?.count ?? 0) + 1, problem: problem)
  }

  mutating func skipBlanks() {
    while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d { place += 1 }
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard next == byte else { return false }
    place += 1
    return true
  }

  mutating func value(depth: Int) throws(JSONFault) -> JSONValue {
    guard depth < Self.deepest else { throw fault("more than \(Self.deepest) levels") }
    skipBlanks()
    switch next {
    case UInt8(ascii: "{"): return try object(depth: depth)
    case UInt8(ascii: "["): return try array(depth: depth)
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "-"), .some(UInt8(ascii: "0")...UInt8(ascii: "9")): return .number(try number())
    case nil: throw fault("the text ends where a value should be")
    default:
      for (word, meaning) in [("true", JSONValue.bool(true)), ("false", .bool(false)), ("null", .null)] {
        guard bytes[place...].starts(with: word.utf8) else { continue }
        place += word.utf8.count
        return meaning
      }
      throw fault("no value of JSON")
    }
  }

  private mutating func object(depth: Int) throws(JSONFault) -> JSONValue {
    var members: [JSONValue.Member] = []
    place += 1
    skipBlanks()
    if take(UInt8(ascii: "}")) { return .object(members) }
    repeat {
      skipBlanks()
      guard next == UInt8(ascii: "\"") else { throw fault("a name in double quotes is missing") }
      let name = try string()
      skipBlanks()
      guard take(UInt8(ascii: ":")) else { throw fault("the colon after a name is missing") }
      members.append(JSONValue.Member(name, try value(depth: depth + 1)))
    } while try goesOn(until: UInt8(ascii: "}"))
    return .object(members)
  }

  private mutating func array(depth: Int) throws(JSONFault) -> JSONValue {
    var values: [JSONValue] = []
    place += 1
    skipBlanks()
    if take(UInt8(ascii: "]")) { return .array(values) }
    repeat { values.append(try value(depth: depth + 1)) } while try goesOn(until: UInt8(ascii: "]"))
    return .array(values)
  }

  private mutating func goesOn(until end: UInt8) throws(JSONFault) -> Bool {
    skipBlanks()
    if take(UInt8(ascii: ",")) { return true }
    guard take(end) else { throw fault("a comma or '\(Character(Unicode.Scalar(end)))' is missing") }
    return false
  }

  /// -?(0|[1-9][0-9]*)(.[0-9]+)?([eE][+-]?[0-9]+)?
  private mutating func number() throws(JSONFault) -> String {
    let start = place
    _ = take(UInt8(ascii: "-"))
    if !take(UInt8(ascii: "0")) { try digits() }
    if take(UInt8(ascii: ".")) { try digits() }
    if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
      if !take(UInt8(ascii: "+")) { _ = take(UInt8(ascii: "-")) }
      try digits()
    }
    return String(decoding: bytes[start..<place], as: UTF8.self)
  }

  private mutating func digits() throws(JSONFault) {
    let start = place
    while let byte = next, UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte { place += 1 }
    guard place > start else { throw fault("a digit is missing") }
  }

  private mutating func string() throws(JSONFault) -> String {
    place += 1
    var content: [UInt8] = []
    while let byte = next {
      switch byte {
      case UInt8(ascii: "\""):
        place += 1
        return String(decoding: content, as: UTF8.self)
      case UInt8(ascii: "\\"): content += try escaped()
      case ..<0x20: throw fault("a line end or control character inside quotes")
      default:
        content.append(byte)
        place += 1
      }
    }
    throw fault("a quote is not closed")
  }

  private mutating func escaped() throws(JSONFault) -> [UInt8] {
    place += 1
    let byte = next
    place += 1
    switch byte {
    case UInt8(ascii: "n"): return [0x0a]
    case UInt8(ascii: "t"): return [0x09]
    case UInt8(ascii: "r"): return [0x0d]
    case UInt8(ascii: "b"): return [0x08]
    case UInt8(ascii: "f"): return [0x0c]
    case .some(UInt8(ascii: "\"")), .some(UInt8(ascii: "\\")), .some(UInt8(ascii: "/")): return [byte ?? 0]
    case UInt8(ascii: "u"): return Array(String(Character(try codePoint())).utf8)
    default:
      place = min(place, bytes.count)
      throw fault("an escape that JSON does not have")
    }
  }

  /// Of two escapes, where the first is half of a character beyond the first 65,536 (RFC 8259, section 7).
  private mutating func codePoint() throws(JSONFault) -> Unicode.Scalar {
    let unit = try fourDigits()
    guard 0xd800...0xdbff ~= unit else { return Unicode.Scalar(unit) ?? "\u{fffd}" }
    let before = place
    if take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) {
      let low = try fourDigits()
      if 0xdc00...0xdfff ~= low {
        return Unicode.Scalar(0x10000 + (unit - 0xd800) << 10 + (low - 0xdc00)) ?? "\u{fffd}"
      }
    }
    place = before
    return "\u{fffd}"
  }

  private mutating func fourDigits() throws(JSONFault) -> UInt32 {
    var unit: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
        throw fault("an escape of fewer than four digits")
      }
      unit = unit << 4 | UInt32(digit)
      place += 1
    }
    return unit
  }
}
