/// A JSON value (RFC 8259) whose members keep their order, as iperf3 sends them over its control connection.
public enum JSON: Hashable, Sendable {
  case null
  case bool(Bool)
  case integer(Int64)
  /// Every number that is no `Int64`: iperf3 3.12 writes -1 as 18446744073709551615.
  case number(Double)
  case string(String)
  case array([JSON])
  case object([Member])

  public struct Member: Hashable, Sendable {
    public var name: String
    public var value: JSON
  }

  /// An object of the members in this order; those without a value are left out.
  public static func object(_ members: KeyValuePairs<String, JSON?>) -> JSON {
    .object(members.compactMap { member in member.value.map { Member(name: member.key, value: $0) } })
  }

  /// The first member of an object with this name.
  public subscript(name: String) -> JSON? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.name == name }?.value
  }

  /// A whole number. What iperf3 writes as 2^64 - 1 is -1; fractions and what `Int64` does not hold are none.
  public var whole: Int64? {
    switch self {
    case .integer(let value): value
    case .number(let value) where value == 18446744073709551615.0: -1
    case .number(let value): Int64(exactly: value)
    default: nil
    }
  }

  /// A number as floating point.
  public var real: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  public var text: String? {
    guard case .string(let value) = self else { return nil }
    return value
  }

  /// JSON's true; iperf3 also writes 1.
  public var isTrue: Bool { self == .bool(true) || self == .integer(1) }

  public var elements: [JSON] {
    guard case .array(let values) = self else { return [] }
    return values
  }

  /// Puts a member at the end of an object.
  public mutating func append(_ name: String, _ value: JSON?) {
    guard case .object(var members) = self, let value else { return }
    members.append(Member(name: name, value: value))
    self = .object(members)
  }
}

extension JSON {
  /// The text in one line, as it goes over the wire.
  public var compact: String {
    switch self {
    case .array(let values): "[" + values.map(\.compact).joined(separator: ",") + "]"
    case .object(let members):
      "{" + members.map { Self.quoted($0.name) + ":" + $0.value.compact }.joined(separator: ",") + "}"
    default: plain
    }
  }

  /// The text over several lines with tabs, laid out as iperf3 prints it.
  public func indented(depth: Int = 0) -> String {
    switch self {
    case .array(let values): "[" + values.map { $0.indented(depth: depth + 1) }.joined(separator: ", ") + "]"
    case .object(let members):
      "{\n"
        + members.map { member in
          Self.tabs(depth + 1) + Self.quoted(member.name) + ":\t" + member.value.indented(depth: depth + 1)
        }.joined(separator: ",\n") + (members.isEmpty ? "" : "\n") + Self.tabs(depth) + "}"
    default: plain
    }
  }

  private static func tabs(_ count: Int) -> String { String(repeating: "\t", count: count) }

  private var plain: String {
    switch self {
    case .null: "null"
    case .bool(let value): value ? "true" : "false"
    case .integer(let value): String(value)
    case .number(let value) where !value.isFinite: "null"
    case .number(let value): Int64(exactly: value).map { String($0) } ?? "\(value)"
    case .string(let value): Self.quoted(value)
    case .array, .object: compact
    }
  }

  private static func quoted(_ value: String) -> String {
    var result = "\""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      case _ where scalar.value < 0x20:
        let hex = String(scalar.value, radix: 16)
        result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}
