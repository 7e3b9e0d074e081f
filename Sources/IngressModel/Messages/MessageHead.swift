/// The head of a request or a response: where its parts stand in the bytes that it was read from.
///
/// One is used again and again, so that its list of fields keeps its memory.
public struct MessageHead: Sendable {
  public struct Field: Sendable {
    public var name: Range<Int>
    /// Without blanks around it.
    public var value: Range<Int>
    public var known: KnownField
    /// The whole line with its end.
    public var line: Range<Int>
  }

  public var fields: [Field] = []
  /// Bytes to the end of the empty line.
  public var length = 0
  /// 0 or 1, of HTTP/1.
  public var minorVersion = 1
  public var framing = BodyFraming.none
  /// Whether the connection stays after this message, as far as its sender is concerned.
  public var keepsAlive = true
  /// The sender's `Connection` header names `upgrade`.
  public var wantsUpgrade = false
  /// Some `Connection` header names fields beside the usual words.
  public var namesFields = false

  // Of a request.
  public var method = 0..<0
  public var target = 0..<0
  /// Of the target: the path without query.
  public var path = 0..<0
  /// Without the question mark; nil without one.
  public var query: Range<Int>?
  /// Host and port as they stand in the target or in the Host field.
  public var authority = 0..<0
  /// `authority` without its port and brackets.
  public var host = 0..<0

  // Of a response.
  public var status = 0

  public init() { fields.reserveCapacity(32) }

  mutating func clear() {
    fields.removeAll(keepingCapacity: true)
    length = 0
    minorVersion = 1
    framing = .none
    keepsAlive = true
    wantsUpgrade = false
    namesFields = false
    (method, target, path, query, authority, host) = (0..<0, 0..<0, 0..<0, nil, 0..<0, 0..<0)
    status = 0
  }

  /// The first field of a kind.
  public func first(_ known: KnownField) -> Field? { fields.first { $0.known == known } }
}
