/// The matchers, by the names that rules have for them.
enum RuleMatcherName: String, CaseIterable {
  case host = "Host"
  case hostHeader = "HostHeader"
  case hostRegexp = "HostRegexp"
  case clientIP = "ClientIP"
  case path = "Path"
  case pathPrefix = "PathPrefix"
  case method = "Method"
  case headers = "Headers"
  case headersRegexp = "HeadersRegexp"
  case query = "Query"

  /// Takes each name as Traefik does: as documented, in lower case, in upper case, and with only its first letter great.
  init(_ name: String, column: Int) throws(RuleError) {
    let known = Self.allCases.first { matcher in
      let lower = matcher.rawValue.lowercasedASCII
      return [
        matcher.rawValue, lower, matcher.rawValue.uppercasedASCII, lower.prefix(1).uppercased() + lower.dropFirst(),
      ]
      .contains(name)
    }
    guard let known else { throw RuleError(column: column, reason: Self.refusal(of: name)) }
    self = known
  }

  private static func refusal(of name: String) -> String {
    switch name.lowercasedASCII {
    case "header": return "'\(name)' is of Traefik 3; write Headers"
    case "headerregexp": return "'\(name)' is of Traefik 3; write HeadersRegexp"
    case "pathregexp": return "'\(name)' is of Traefik 3; write Path or PathPrefix with {NAME:PATTERN}"
    case "queryregexp": return "'\(name)' is of Traefik 3; write Query(`KEY={NAME:PATTERN}`)"
    case "hostsni", "hostsniregexp", "alpn": return "'\(name)' is for TCP routers, which are not supported; write Host"
    default:
      let names = allCases.map(\.rawValue)
      if let near = Spelling.nearest(to: name, among: names) {
        return "there is no matcher '\(name)'; did you mean \(near)?"
      }
      return "there is no matcher '\(name)'; there are \(names.joined(separator: ", "))"
    }
  }

  /// The matcher of these values.
  func expression(_ arguments: [RuleArgument], at column: Int) throws(RuleError) -> RuleExpression {
    switch self {
    case .host, .hostHeader: return .matcher(.host(try Self.each(arguments, Self.host)))
    case .hostRegexp: return .matcher(.hostPattern(try Self.each(arguments, Self.hostPattern)))
    case .clientIP:
      return .matcher(
        .client(
          try Self.each(arguments) { argument throws(RuleError) in
            guard let prefix = AddressPrefix(argument.text) else {
              throw RuleError(
                column: argument.column,
                reason:
                  "'\(argument.text)' is no address and no network; write 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32")
            }
            return prefix
          }))
    case .path:
      return .matcher(.path(try Self.each(arguments) { a throws(RuleError) in try Self.path(a, isPrefix: false) }))
    case .pathPrefix:
      return .matcher(.pathPrefix(try Self.each(arguments) { a throws(RuleError) in try Self.path(a, isPrefix: true) }))
    case .method: return .matcher(.method(arguments.map(\.text.uppercasedASCII)))
    case .headers, .headersRegexp: return try headers(arguments, at: column)
    case .query: return .matcher(.query(try Self.each(arguments, Self.query)))
    }
  }

  private static func each<Value>(
    _ arguments: [RuleArgument], _ make: (RuleArgument) throws(RuleError) -> Value
  ) throws(RuleError) -> [Value] {
    var made: [Value] = []
    for argument in arguments where !argument.text.isEmpty { made.append(try make(argument)) }
    return made
  }

  // MARK: Values

  private static func host(_ argument: RuleArgument) throws(RuleError) -> String {
    let text = argument.text
    func refused(_ reason: String) -> RuleError { RuleError(column: argument.column, reason: reason) }
    guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) else {
      throw refused("a host of other than ASCII characters; write its Punycode form, xn--…")
    }
    guard !text.utf8.contains(where: { "/`\"\\".utf8.contains($0) }) else {
      throw refused("'\(text)' is no host; paths belong into Path or PathPrefix")
    }
    guard !text.utf8.contains(where: { "{}*".utf8.contains($0) }) else {
      throw refused("Host takes no patterns; write HostRegexp(`{name:.+}.example.com`)")
    }
    if AddressPrefix(HostName.canonical(text)) == nil, text.utf8.contains(UInt8(ascii: ":")) {
      throw refused("hosts are compared without their port; leave the port out")
    }
    return HostName.canonical(text.lowercasedASCII)
  }

  private static func hostPattern(_ argument: RuleArgument) throws(RuleError) -> RegularExpression {
    try RuleTemplate(argument, hole: "[^.]+") { literal in
      guard literal.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && !"^$*+?()[]|\\/".utf8.contains($0) }) else {
        return "a host's pattern stands in braces, as in {name:[a-z]+}.example.com; '\(literal)' is outside of them"
      }
      return nil
    }
    .expression(ignoringCase: true, isPrefix: false)
  }

  private static func path(_ argument: RuleArgument, isPrefix: Bool) throws(RuleError) -> PathPattern {
    guard argument.text.hasPrefix("/") else {
      throw RuleError(column: argument.column, reason: "a path starts with '/': '\(argument.text)' does not")
    }
    let template = try RuleTemplate(argument, hole: "[^/]+")
    if let literal = template.literal { return .literal(literal) }
    return .template(try template.expression(isPrefix: isPrefix))
  }

  /// Name and value by turns; all pairs must be so.
  private func headers(_ arguments: [RuleArgument], at column: Int) throws(RuleError) -> RuleExpression {
    guard arguments.count.isMultiple(of: 2) else {
      throw RuleError(
        column: column, reason: "\(rawValue) takes a name and a value, as in \(rawValue)(`X-Version`, `2`)")
    }
    var pairs: [RuleExpression] = []
    for index in stride(from: 0, to: arguments.count, by: 2) {
      let name = arguments[index].text
      let value = arguments[index + 1]
      guard !name.isEmpty, name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f && $0 != UInt8(ascii: ":") }) else {
        throw RuleError(column: arguments[index].column, reason: "'\(name)' is no name of a header field")
      }
      guard !value.text.isEmpty else {
        pairs.append(.matcher(.header(name: name, value: nil)))
        continue
      }
      guard self == .headersRegexp else {
        pairs.append(.matcher(.header(name: name, value: value.text)))
        continue
      }
      do throws(RegularExpressionError) {
        pairs.append(.matcher(.headerPattern(name: name, try RegularExpression(value.text))))
      } catch {
        throw RuleError(column: value.column, reason: error.reason)
      }
    }
    return pairs.count == 1 ? pairs[0] : .all(pairs)
  }

  private static func query(_ argument: RuleArgument) throws(RuleError) -> QueryDemand {
    guard let equals = argument.text.firstIndex(of: "="), equals > argument.text.startIndex else {
      throw RuleError(
        column: argument.column,
        reason: "Query takes KEY=VALUE, as in Query(`mobile=true`); write `KEY=` for any value")
    }
    let name = Array(argument.text[..<equals].utf8)
    var value = argument
    value.text = String(argument.text[argument.text.index(after: equals)...])
    guard !value.text.isEmpty else { return QueryDemand(name: name, value: .any) }
    let template = try RuleTemplate(value, hole: ".*")
    if let literal = template.literal { return QueryDemand(name: name, value: .exactly(Array(literal.utf8))) }
    return QueryDemand(name: name, value: .template(try template.expression(isPrefix: false)))
  }
}
