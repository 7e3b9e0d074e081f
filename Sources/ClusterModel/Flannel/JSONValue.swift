/// A value of a JSON text (RFC 8259), its objects' members in the order in which they were written.
package enum JSONValue: Hashable, Sendable {
  case null
  case bool(Bool)
  /// As it was written: who reads it says what it may be.
  case number(String)
  case string(String)
  case array([JSONValue])
  case object([Member])

  package struct Member: Hashable, Sendable {
    package var name: String
    package var value: JSONValue

    package init(_ name: String, _ value: JSONValue) {
      self.name = name
      self.value = value
    }
  }

  /// The member of an object, whatever the case of its name's letters: programs in Go read each other so.
  ///
  /// The last one of several counts; nil where there is none, or this is no object.
  package subscript(name: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    let wanted = Self.folded(name)
    return members.last { Self.folded($0.name) == wanted }?.value
  }

  package var text: String? {
    if case .string(let text) = self { text } else { nil }
  }

  /// A number without a fraction, also one in quotes: 64-bit integers of Protocol Buffers are written so.
  package var integer: Int64? {
    switch self {
    case .number(let text), .string(let text): Int64(text)
    default: nil
    }
  }

  package var elements: [JSONValue]? {
    if case .array(let values) = self { values } else { nil }
  }

  private static func folded(_ name: String) -> [UInt8] {
    name.utf8.map { 0x41...0x5a ~= $0 ? $0 | 0x20 : $0 }
  }
}

extension JSONValue {
  /// The text without a blank in it, as Go's `json.Marshal` writes it.
  package var compact: String {
    switch self {
    case .null: "null"
    case .bool(let value): value ? "true" : "false"
    case .number(let text): text
    case .string(let text): Self.quoted(text)
    case .array(let values): "[" + values.map(\.compact).joined(separator: ",") + "]"
    case .object(let members):
      "{" + members.map { "\(Self.quoted($0.name)):\($0.value.compact)" }.joined(separator: ",") + "}"
    }
  }

  private static func quoted(_ text: String) -> String {
    var made = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": made += "\\\""
      case "\\": made += "\\\\"
      case "\n": made += "\\n"
      case "\r": made += "\\r"
      case "\t": made += "\\t"
      // What Go escapes too, for texts that get into HTML.
      case "\u{0}"..."\u{1f}", "<", ">", "&", "\u{2028}", "\u{2029}":
        let digits = String(scalar.value, radix: 16)
        made += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: made.unicodeScalars.append(scalar)
      }
    }
    return made + "\""
  }
}
