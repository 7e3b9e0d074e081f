/// A router's rule: what was written, and what it means.
///
/// The grammar is Traefik's of version 2: matchers such as ``Host(`example.com`)``, joined by `&&`, `||`, `!` and
/// parentheses, `&&` binding closer than `||`. Texts stand in backticks, as they are, or in double quotes, with Go's
/// escapes. Several texts in one matcher are alternatives, but for `Query`, where all must be so.
public struct Rule: Sendable {
  /// Longest rule, in bytes.
  public static let lengthLimit = 65_536
  /// Parentheses and negations inside each other.
  public static let depthLimit = 64

  /// As it was written; its length is the default priority.
  public let text: String
  let expression: RuleExpression

  /// Reads a rule.
  public init(_ text: String) throws(RuleError) {
    self.text = text
    expression = try RuleParser.parse(text)
  }

  /// Whether a request fulfils it.
  ///
  /// Rules of Host, Path, PathPrefix and Method allocate nothing. The time is bounded whatever the request holds; see
  /// `RegularExpression`.
  public func matches(_ request: some RequestView) -> Bool {
    expression.matches(request)
  }
}

/// A rule's text is its meaning.
extension Rule: Hashable {
  public static func == (one: Rule, other: Rule) -> Bool { one.text == other.text }
  public func hash(into hasher: inout Hasher) { hasher.combine(text) }
}

/// What is wrong with a rule, and where.
public struct RuleError: Error, Hashable, CustomStringConvertible {
  /// From 1, in characters of the rule.
  public var column: Int
  /// A sentence without its end, which says what to do.
  public var reason: String

  public init(column: Int, reason: String) {
    self.column = column
    self.reason = reason
  }

  public var description: String { "column \(column): \(reason)" }
}
