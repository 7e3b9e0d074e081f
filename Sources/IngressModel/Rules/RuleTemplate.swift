/// A text with holes, `{NAME}` or `{NAME:PATTERN}`, as Path, PathPrefix, HostRegexp and Query take it.
struct RuleTemplate {
  private enum Part {
    case literal(Substring)
    /// The pattern of a hole.
    case hole(String)
  }

  private var parts: [Part] = []
  private let column: Int

  /// Reads a template; `hole` is the pattern of a hole that has none, `objection` says what is wrong with a text between.
  init(
    _ argument: RuleArgument, hole: String, objection: (Substring) -> String? = { _ in nil }
  ) throws(RuleError) {
    column = argument.column
    var rest = argument.text[...]
    while let opening = rest.firstIndex(where: { $0 == "{" || $0 == "}" }) {
      guard rest[opening] == "{", let closing = Self.end(of: rest[opening...]) else {
        throw RuleError(column: column, reason: "a brace without its counterpart in '\(argument.text)'")
      }
      try add(rest[..<opening], objection)
      let inner = rest[rest.index(after: opening)..<closing]
      let name = inner.prefix { $0 != ":" }
      let pattern = name.endIndex == inner.endIndex ? hole[...] : inner[inner.index(after: name.endIndex)...]
      guard !name.isEmpty, !pattern.isEmpty else {
        throw RuleError(
          column: column, reason: "'{\(inner)}' lacks a name or a pattern; write {NAME:PATTERN} or {NAME}")
      }
      parts.append(.hole(String(pattern)))
      rest = rest[rest.index(after: closing)...]
    }
    try add(rest, objection)
  }

  private mutating func add(_ literal: Substring, _ objection: (Substring) -> String?) throws(RuleError) {
    guard !literal.isEmpty else { return }
    if let reason = objection(literal) { throw RuleError(column: column, reason: reason) }
    parts.append(.literal(literal))
  }

  /// Where the brace at the start is closed; patterns have braces too.
  private static func end(of text: Substring) -> String.Index? {
    var depth = 0
    for index in text.indices {
      if text[index] == "{" { depth += 1 }
      if text[index] == "}" { depth -= 1 }
      if depth == 0 { return index }
    }
    return nil
  }

  /// The text, where there are no holes.
  var literal: String? {
    switch (parts.count, parts.first) {
    case (0, _): ""
    case (1, .literal(let text)): String(text)
    default: nil
    }
  }

  /// Matches the whole of an input, or its beginning.
  func expression(ignoringCase: Bool = false, isPrefix: Bool) throws(RuleError) -> RegularExpression {
    do throws(RegularExpressionError) {
      var nodes: [RegularExpressionNode] = [.assertion(.textStart)]
      for part in parts {
        switch part {
        case .literal(let text): nodes.append(.literal(text, ignoringCase: ignoringCase))
        case .hole(let pattern):
          nodes.append(try RegularExpressionParser.parse(pattern, ignoringCase: ignoringCase))
        }
      }
      if !isPrefix { nodes.append(.assertion(.textEnd)) }
      return try RegularExpression(node: .sequence(nodes))
    } catch {
      throw RuleError(column: column, reason: error.reason)
    }
  }
}
