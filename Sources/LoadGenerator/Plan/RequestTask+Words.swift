extension RequestTask {
  /// The request of a URL, as the command line says it.
  ///
  /// - Parameters:
  ///   - method: GET, or POST with a body, where it is nil.
  ///   - path: the URL's path with its query.
  public init(method: String?, urlPath path: String, body: String?) throws(LoadError) {
    if let method { try RequestTask.check(method) }
    if let mistake = Template.mistake(in: path) { throw .badURL(path, why: mistake) }
    if let body, let mistake = Template.mistake(in: body) { throw .badWord("--data '\(body)'", why: mistake) }
    self.init(method: method ?? (body == nil ? "GET" : "POST"), path: path, body: body)
  }

  /// A method is a token, and what servers know is written in capitals (RFC 9110, section 9.1).
  private static func check(_ method: String) throws(LoadError) {
    let word = "--method '\(method)'"
    guard RequestTask.isToken(method) else {
      throw .badWord(word, why: "a method is one word of letters, such as GET, POST or PURGE")
    }
    guard !method.utf8.contains(where: { 0x61...0x7A ~= $0 }) else {
      throw .badWord(word, why: "methods are told apart by their case; write \(method.uppercased())")
    }
    // It has no path, and makes a tunnel of the connection.
    guard method != "CONNECT" else { throw .badWord(word, why: "no load can be made with it") }
  }

  /// Whether a text is a token (RFC 9110, section 5.6.2).
  static func isToken(_ text: String) -> Bool {
    let marks = Set("!#$%&'*+-.^_`|~".utf8)
    return !text.isEmpty
      && text.utf8.allSatisfy {
        ($0 >= 0x30 && $0 <= 0x39) || ($0 | 0x20 >= 0x61 && $0 | 0x20 <= 0x7A) || marks.contains($0)
      }
  }
}

extension RequestTask.Header {
  /// A header as the command line says it: `Name: value`.
  public init(_ text: String) throws(LoadError) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    self.init(name: String(parts[0]), value: parts.count > 1 ? String(parts[1].drop { $0 == " " }) : "")
    guard parts.count == 2, isValid else { throw .badWord("-H '\(text)'", why: "write 'Name: value'") }
  }

  /// Whether it can be sent: a token, and a value without line ends (RFC 9110, section 5).
  public var isValid: Bool {
    RequestTask.isToken(name) && value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 9 }
  }
}
