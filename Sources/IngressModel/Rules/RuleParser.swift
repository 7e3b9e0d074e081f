/// Makes expressions of rules.
///
/// By recursive descent, no deeper than `Rule.depthLimit`: "((((…" must not cost the stack.
struct RuleParser {
  private var lexer: RuleLexer
  private var token = RuleToken.end
  private var column = 1
  private var depth = 0

  static func parse(_ text: String) throws(RuleError) -> RuleExpression {
    guard text.utf8.count <= Rule.lengthLimit else {
      throw RuleError(
        column: 1,
        reason: "the rule has \(text.utf8.count) bytes, and \(Rule.lengthLimit) is the most; split the router")
    }
    var parser = RuleParser(lexer: RuleLexer(text))
    try parser.advance()
    guard parser.token != .end else {
      throw RuleError(column: 1, reason: "the rule is empty; write for example PathPrefix(`/`) for all requests")
    }
    let expression = try parser.alternatives()
    switch parser.token {
    case .end: return expression
    case .closing: throw parser.error("a ')' that closes nothing")
    default: throw parser.error("'&&' or '||' is missing before this")
    }
  }

  private init(lexer: RuleLexer) { self.lexer = lexer }

  private mutating func advance() throws(RuleError) { (token, column) = try lexer.next() }

  private func error(_ reason: String) -> RuleError { RuleError(column: column, reason: reason) }

  private mutating func alternatives() throws(RuleError) -> RuleExpression {
    var parts = [try conjunction()]
    while token == .or {
      try advance()
      parts.append(try conjunction())
    }
    return parts.count == 1 ? parts[0] : .any(parts)
  }

  private mutating func conjunction() throws(RuleError) -> RuleExpression {
    var parts = [try operand()]
    while token == .and {
      try advance()
      parts.append(try operand())
    }
    return parts.count == 1 ? parts[0] : .all(parts)
  }

  private mutating func operand() throws(RuleError) -> RuleExpression {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Rule.depthLimit else {
      throw error("more than \(Rule.depthLimit) parentheses and negations inside each other")
    }
    switch token {
    case .not:
      try advance()
      return .not(try operand())
    case .opening:
      let start = column
      try advance()
      let inner = try alternatives()
      guard token == .closing else { throw unclosed(from: start) }
      try advance()
      return inner
    case .name(let name):
      let start = column
      try advance()
      return try matcher(name, at: start)
    case .text: throw error("a text outside of a matcher; write for example Host(`example.com`)")
    case .end: throw error("the rule ends where a matcher should follow")
    default: throw error("a matcher should stand here, for example Host(`example.com`)")
    }
  }

  private func unclosed(from start: Int) -> RuleError {
    token == .end
      ? RuleError(column: start, reason: "a '(' that is not closed")
      : error("'&&', '||' or ')' is missing before this")
  }

  private mutating func matcher(_ name: String, at start: Int) throws(RuleError) -> RuleExpression {
    let kind = try RuleMatcherName(name, column: start)
    guard token == .opening else { throw error("'(' is missing behind \(name)") }
    try advance()
    var arguments: [RuleArgument] = []
    while token != .closing {
      guard case .text(let text) = token else {
        guard token != .end else { throw RuleError(column: start, reason: "\(name)( is not closed") }
        throw error("\(name) takes texts in backticks or double quotes")
      }
      arguments.append(RuleArgument(text: text, column: column))
      try advance()
      if token == .comma {
        try advance()
      } else if token != .closing {
        guard token != .end else { throw RuleError(column: start, reason: "\(name)( is not closed") }
        throw error("',' or ')' is missing before this")
      }
    }
    try advance()
    guard arguments.contains(where: { !$0.text.isEmpty }) else {
      throw RuleError(column: start, reason: "\(name) without a value matches nothing; give it one")
    }
    return try kind.expression(arguments, at: start)
  }
}

/// A text in a matcher's parentheses, and where it stands in the rule.
struct RuleArgument {
  var text: String
  var column: Int
}
