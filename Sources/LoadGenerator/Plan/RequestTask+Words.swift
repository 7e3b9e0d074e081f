import HTTPWire

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
    guard HeaderField.isToken(method) else {
      throw .badWord(word, why: "a method is one word of letters, such as GET, POST or PURGE")
    }
    guard !method.utf8.contains(where: { 0x61...0x7A ~= $0 }) else {
      throw .badWord(word, why: "methods are told apart by their case; write \(method.uppercased())")
    }
    // It has no path, and makes a tunnel of the connection.
    guard method != "CONNECT" else { throw .badWord(word, why: "no load can be made with it") }
  }
}

extension RequestTask.Header {
  /// A header as the command line says it: `Name: value`.
  public init(_ text: String) throws(LoadError) {
    guard let field = HeaderField(line: text) else { throw .badWord("-H '\(text)'", why: "write 'Name: value'") }
    self.init(name: field.name, value: field.value)
    if let mistake { throw .badWord("-H '\(text)'", why: mistake) }
  }

  /// What is wrong with it, wherever it is written: it must be one that can be sent, and is sent as it stands.
  var mistake: String? {
    guard HeaderField(name: name, value: value) != nil else { return "'\(name)' and its value are no header" }
    guard !value.contains("${") else {
      return "'\(value)' would be sent as it is: only paths and bodies have variables"
    }
    return nil
  }
}
