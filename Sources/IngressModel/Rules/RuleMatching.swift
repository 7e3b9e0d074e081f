extension RuleExpression {
  func matches(_ request: some RequestView) -> Bool {
    switch self {
    case .matcher(let matcher): matcher.matches(request)
    case .not(let inner): !inner.matches(request)
    case .all(let parts): parts.allSatisfy { $0.matches(request) }
    case .any(let parts): parts.contains { $0.matches(request) }
    }
  }
}

extension RuleMatcher {
  func matches(_ request: some RequestView) -> Bool {
    switch self {
    case .host(let hosts):
      let host = HostName.canonical(request.host)
      return hosts.contains { $0 == host }
    case .hostPattern(let patterns):
      let host = request.host
      return patterns.contains { $0.matches(host) }
    case .client(let prefixes):
      let client = request.client
      return prefixes.contains { $0.contains(client) }
    case .path(let patterns):
      let path = request.path
      return patterns.contains { $0.isAll(of: path) }
    case .pathPrefix(let patterns):
      let path = request.path
      return patterns.contains { $0.isStart(of: path) }
    case .method(let methods):
      let method = request.method
      return methods.contains { $0 == method }
    case .header(let name, let value):
      let values = request.values(of: name)
      guard let value else { return !values.isEmpty }
      return values.contains { $0.utf8.elementsEqual(value.utf8) }
    case .headerPattern(let name, let pattern):
      return request.values(of: name).contains { pattern.matches($0) }
    case .query(let demands):
      guard let query = request.query else { return false }
      return demands.allSatisfy { $0.isFulfilled(by: query) }
    }
  }
}

/// Paths are compared byte by byte; strings would take different spellings of one character for the same.
extension PathPattern {
  fileprivate func isAll(of path: String) -> Bool {
    switch self {
    case .literal(let text): text.utf8.count == path.utf8.count && path.utf8.starts(with: text.utf8)
    case .template(let expression): expression.matches(path)
    }
  }

  fileprivate func isStart(of path: String) -> Bool {
    switch self {
    case .literal(let text): path.utf8.starts(with: text.utf8)
    case .template(let expression): expression.matches(path)
    }
  }
}

extension QueryDemand {
  /// Of a name that comes several times the first value counts, as with Traefik.
  fileprivate func isFulfilled(by query: Substring) -> Bool {
    for parameter in query.utf8.split(separator: UInt8(ascii: "&")) {
      let name = parameter.prefix { $0 != UInt8(ascii: "=") }
      guard Self.decoded(name) == self.name else { continue }
      let value = Self.decoded(parameter.dropFirst(name.count + 1))
      switch self.value {
      case .any: return true
      case .exactly(let expected): return value == expected
      case .template(let expression): return value.withUnsafeBufferPointer(expression.matches(bytes:))
      }
    }
    return false
  }

  /// Without `+` and `%20` (WHATWG URL, application/x-www-form-urlencoded); what is no escape stays.
  private static func decoded(_ text: Substring.UTF8View) -> [UInt8] {
    var made: [UInt8] = []
    var rest = text
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%"), let value = PercentEncoding.value(of: rest) {
        made.append(value)
        rest = rest.dropFirst(2)
      } else {
        made.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
      }
    }
    return made
  }
}
