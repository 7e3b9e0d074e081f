import IngressModel

extension ConfigurationNode {
  /// The same values as JSON.
  var json: String {
    switch content {
    case .null: return "null"
    case .scalar(let text, let isQuoted):
      let isPlain = ["true", "false"].contains(text) || Self.isNumber(text)
      return isPlain && !isQuoted ? text : Self.quoted(text)
    case .list(let items): return "[\(items.map(\.json).joined(separator: ", "))]"
    case .mapping(let entries):
      return "{\(entries.map { "\(Self.quoted($0.key)): \($0.value.json)" }.joined(separator: ", "))}"
    }
  }

  /// A number as JSON writes it, without fractions and exponents: none of the keys here has them.
  private static func isNumber(_ text: String) -> Bool {
    let digits = text.utf8.first == UInt8(ascii: "-") ? text.utf8.dropFirst() : text.utf8[...]
    return (1...18).contains(digits.count) && digits.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }
      && (digits.count == 1 || digits.first != UInt8(ascii: "0"))
  }

  /// A text in double quotes, as both JSON and YAML read it.
  static func quoted(_ text: String) -> String {
    var made = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": made += "\\\""
      case "\\": made += "\\\\"
      case "\n": made += "\\n"
      case "\r": made += "\\r"
      case "\t": made += "\\t"
      default:
        // Control characters and what YAML takes for a line's end.
        if scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) || scalar.value == 0x2028
          || scalar.value == 0x2029 || scalar.value == 0xFEFF
        {
          let digits = String(scalar.value, radix: 16)
          made += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
        } else {
          made.unicodeScalars.append(scalar)
        }
      }
    }
    return made + "\""
  }
}

/// Writes nodes as YAML that reads as the same nodes, and remembers where each line came from.
struct YAMLWriter {
  private(set) var lines: [String] = []
  private(set) var places: [SourcePlace?] = []

  var text: String { lines.isEmpty ? "" : lines.joined(separator: "\n") + "\n" }

  /// Where a line of the text, counted from 1, came from.
  func place(line: Int) -> SourcePlace? { places.indices.contains(line - 1) ? places[line - 1] : nil }

  mutating func add(_ line: String, from place: SourcePlace? = nil) {
    lines.append(line)
    places.append(place)
  }

  mutating func add(document node: ConfigurationNode) {
    add("---", from: node.place)
    if case .mapping(let entries) = node.content { add(entries, indent: "", first: "") }
  }

  private mutating func add(_ entries: [ConfigurationNode.Entry], indent: String, first: String) {
    var lead = first
    for entry in entries {
      add(
        entry.value, lead: lead + Self.scalar(entry.key, isQuoted: false) + ":", indent: indent + "  ", at: entry.place)
      lead = indent
    }
  }

  private mutating func add(_ node: ConfigurationNode, lead: String, indent: String, at place: SourcePlace) {
    switch node.content {
    case .null: add(lead, from: place)
    case .scalar(let text, let isQuoted): add("\(lead) \(Self.scalar(text, isQuoted: isQuoted))", from: node.place)
    case .list(let items):
      guard !items.isEmpty else { return add("\(lead) []", from: place) }
      add(lead, from: place)
      for item in items {
        if case .mapping(let entries) = item.content, !entries.isEmpty {
          add(entries, indent: indent + "  ", first: indent + "- ")
        } else {
          add(item, lead: indent + "-", indent: indent + "  ", at: item.place)
        }
      }
    case .mapping(let entries):
      guard !entries.isEmpty else { return add("\(lead) {}", from: place) }
      add(lead, from: place)
      add(entries, indent: indent, first: indent)
    }
  }

  /// Plain where nothing could be taken for something else.
  private static func scalar(_ text: String, isQuoted: Bool) -> String {
    let isPlain =
      !isQuoted && text.utf8.first.map { isWord($0) } == true
      && text.utf8.allSatisfy {
        isWord($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "/")
      }
      && !["null", "Null", "NULL"].contains(text)
    return isPlain ? text : ConfigurationNode.quoted(text)
  }

  private static func isWord(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"),
      UInt8(ascii: "_"):
      true
    default: false
    }
  }
}
