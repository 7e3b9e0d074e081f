/// Words of a rule.
enum RuleToken: Hashable, Sendable {
  case name(String)
  case text(String)
  case opening, closing, comma, and, or, not, end
}

/// Splits a rule into words.
struct RuleLexer {
  private var input: Substring.UnicodeScalarView
  /// Of the next character, from 1.
  private var column = 1

  init(_ text: String) { input = Substring(text).unicodeScalars }

  /// The next word, and the column of its first character.
  mutating func next() throws(RuleError) -> (token: RuleToken, column: Int) {
    while let space = input.first, " \t\r\n".unicodeScalars.contains(space) { advance() }
    let start = column
    guard let first = input.first else { return (.end, start) }
    advance()
    switch first {
    case "(": return (.opening, start)
    case ")": return (.closing, start)
    case ",": return (.comma, start)
    case "!": return (.not, start)
    case "&", "|":
      guard input.first == first else {
        throw RuleError(column: start, reason: "a single '\(first)'; write '\(first)\(first)'")
      }
      advance()
      return (first == "&" ? .and : .or, start)
    case "`": return (.text(try raw(from: start)), start)
    case "\"": return (.text(try quoted(from: start)), start)
    case "'":
      throw RuleError(column: start, reason: "texts stand in backticks or double quotes, not in single quotes")
    case _ where Self.isLetter(first):
      var name = String(first)
      while let letter = input.first, Self.isLetter(letter) || ("0"..."9").contains(letter) {
        name.unicodeScalars.append(letter)
        advance()
      }
      return (.name(name), start)
    default:
      throw RuleError(column: start, reason: "'\(first)' has no meaning here")
    }
  }

  private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
    ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || scalar == "_"
  }

  private mutating func advance() {
    input.removeFirst()
    column += 1
  }

  private mutating func raw(from start: Int) throws(RuleError) -> String {
    var text = ""
    while let scalar = input.first {
      advance()
      if scalar == "`" { return text }
      text.unicodeScalars.append(scalar)
    }
    throw RuleError(column: start, reason: "a text that is not closed; put a backtick at its end")
  }

  private mutating func quoted(from start: Int) throws(RuleError) -> String {
    var bytes: [UInt8] = []
    while let scalar = input.first {
      let place = column
      advance()
      switch scalar {
      case "\"":
        guard let text = String(validating: bytes, as: UTF8.self) else {
          throw RuleError(column: start, reason: "a text whose escapes make no UTF-8")
        }
        return text
      case "\n": throw RuleError(column: start, reason: "a text in double quotes that goes over lines")
      case "\\": try escape(to: &bytes, from: place)
      default: bytes.append(contentsOf: Array(String(scalar).utf8))
      }
    }
    throw RuleError(column: start, reason: "a text that is not closed; put a double quote at its end")
  }

  /// What Go's string literals know behind a backslash.
  private mutating func escape(to bytes: inout [UInt8], from start: Int) throws(RuleError) {
    let scalar = input.first
    if scalar != nil { advance() }
    switch scalar {
    case "a": bytes.append(0x07)
    case "b": bytes.append(0x08)
    case "f": bytes.append(0x0c)
    case "n": bytes.append(0x0a)
    case "r": bytes.append(0x0d)
    case "t": bytes.append(0x09)
    case "v": bytes.append(0x0b)
    case "\\", "\"": bytes.append(scalar == "\"" ? 0x22 : 0x5c)
    case "x": bytes.append(UInt8(truncatingIfNeeded: try digits(2, from: start)))
    case "u", "U":
      guard let made = Unicode.Scalar(try digits(scalar == "u" ? 4 : 8, from: start)) else {
        throw RuleError(column: start, reason: "an escape of no character")
      }
      bytes.append(contentsOf: Array(String(made).utf8))
    default:
      throw RuleError(
        column: start,
        reason: "an unknown escape; write '\\\\' for a backslash, or put the text in backticks, which know no escapes")
    }
  }

  private mutating func digits(_ count: Int, from start: Int) throws(RuleError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<count {
      guard let digit = input.first.flatMap({ Character($0).hexDigitValue }) else {
        throw RuleError(column: start, reason: "an escape with fewer than \(count) hexadecimal digits")
      }
      value = value << 4 | UInt32(truncatingIfNeeded: digit)
      advance()
    }
    return value
  }
}
