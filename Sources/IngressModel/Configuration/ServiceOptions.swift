/// What a service may say about its servers, in each of the forms.
struct ServiceOptions {
  static let keys = [
    "sticky", "healthCheck", "passHostHeader", "responseForwarding", "strategy", "retries", "circuitBreaker",
    "proxyProtocol",
  ]

  static let refused = [
    "serversTransport": "all servers are reached in the same way; leave it out"
  ]

  /// Sets what the fields say.
  static func read(_ fields: Fields, into service: inout BackendService, _ findings: Findings) {
    if let node = fields.entry("sticky")?.value { service.sticky = sticky(node, service: service.name, findings) }
    if let node = fields["healthCheck"] { service.healthCheck = healthCheck(node, findings) }
    if let flag = fields["passHostHeader"]?.flag("'passHostHeader'", findings) { service.passesHostHeader = flag }
    if let node = fields["responseForwarding"] {
      // Every part of a response is sent on at once, which is the most a flush interval can ask for.
      let inner = Fields(node, "'responseForwarding'", known: ["flushInterval"], findings)
      if let interval = inner["flushInterval"] {
        let text = interval.text("'flushInterval'", findings) ?? "-1"
        if text.first != "-", GoDuration.parse(text) == nil {
          findings.add(interval.place, "'flushInterval' is to be a duration, as 100ms")
        }
      }
    }
    if let node = fields["strategy"], let strategy = strategy(node, findings) { service.strategy = strategy }
    if let retries = fields["retries"]?.integer("'retries'", 0...10, findings) { service.retries = retries }
    if let node = fields["circuitBreaker"] { service.breaker = breaker(node, findings) }
    if let node = fields["proxyProtocol"] { service.proxyProtocol = proxyProtocol(node, findings) }
  }

  private static func strategy(_ node: ConfigurationNode, _ findings: Findings) -> BackendService.Strategy? {
    node.word(
      "'strategy'",
      [
        "RoundRobin": .weightedRoundRobin, "wrr": .weightedRoundRobin, "LeastConnections": .leastConnections,
        "SourceHash": .sourceHash,
      ], findings)
  }

  /// A cookie's options; `sticky: {cookie: {}}` is one with all defaults.
  static func sticky(_ node: ConfigurationNode, service: String, _ findings: Findings) -> StickyCookie? {
    let fields = Fields(node, "'sticky'", known: ["cookie"], findings)
    guard let entry = fields.entry("cookie") else {
      findings.add(node.place, "'cookie' is missing in 'sticky'; write sticky: {cookie: {}}")
      return nil
    }
    let cookie = Fields(
      entry.value, "'cookie'", known: ["name", "secure", "httpOnly", "sameSite"],
      refused: [
        "maxAge": "the cookie ends with the browser's session; leave it out",
        "path": "the cookie is for all paths; leave it out",
        "domain": "the cookie is for the host of the request; leave it out",
      ], findings)
    var made = StickyCookie(name: StickyCookieName.standard(service: service))
    if let name = cookie["name"]?.text("'name'", findings) { made.name = StickyCookieName.allowed(name) }
    if let flag = cookie["secure"]?.flag("'secure'", findings) { made.isSecure = flag }
    if let flag = cookie["httpOnly"]?.flag("'httpOnly'", findings) { made.isHTTPOnly = flag }
    if let node = cookie["sameSite"] {
      made.sameSite = node.word("'sameSite'", ["none": .none, "lax": .lax, "strict": .strict], findings)
    }
    return made
  }

  private static func healthCheck(_ node: ConfigurationNode, _ findings: Findings) -> HealthCheck? {
    let fields = Fields(
      node, "'healthCheck'",
      known: ["path", "scheme", "port", "hostname", "method", "interval", "timeout", "status", "headers"],
      refused: [
        "followRedirects": "a redirect counts as well, and is not followed; leave it out",
        "mode": "servers are asked over HTTP; leave it out",
        "unhealthyInterval": "'interval' is for well and unwell servers; leave it out",
      ], findings)
    guard let path = fields.required("path", "write for example path: /health")?.text("'path'", findings) else {
      return nil
    }
    guard path.hasPrefix("/"), isHeaderText(path), !path.contains(" ") else {
      findings.add(fields.place(of: "path"), "'path' is to start with '/' and have no spaces; it is '\(path)'")
      return nil
    }
    var made = HealthCheck(path: path)
    if let node = fields["scheme"] { made.scheme = scheme(node, findings) }
    if let port = fields["port"]?.integer("'port'", 1...65_535, findings) { made.port = UInt16(port) }
    if let name = fields["hostname"], let text = name.text("'hostname'", findings) {
      if HostName.isPlausible(text) || BackendOverride.Endpoint(text) != nil {
        made.hostname = text
      } else {
        findings.add(name.place, "'hostname' is no host: '\(ConfigurationNode.excerpt(text))'")
      }
    }
    if let node = fields["method"], let method = node.text("'method'", findings) {
      made.method = method.uppercasedASCII
      if !isToken(method) { findings.add(node.place, "'method' is no method: '\(ConfigurationNode.excerpt(method))'") }
    }
    if let duration = fields["interval"]?.duration("'interval'", findings) { made.interval = duration }
    if let duration = fields["timeout"]?.duration("'timeout'", findings) { made.timeout = duration }
    if let status = fields["status"]?.integer("'status'", 100...599, findings) { made.status = status }
    for entry in fields["headers"]?.entries("'headers'", findings) ?? [] {
      guard let value = entry.value.text("the header '\(entry.key)'", findings) else { continue }
      guard isToken(entry.key), isHeaderText(value) else {
        findings.add(entry.place, "'\(ConfigurationNode.excerpt(entry.key))' and its value make no header field")
        continue
      }
      made.headers[entry.key] = value
    }
    return made
  }

  static func scheme(_ node: ConfigurationNode, _ findings: Findings) -> Server.Scheme? {
    if case .scalar("h2c", _) = node.content {
      findings.add(node.place, "the scheme h2c is not supported; servers are spoken to in HTTP/1.1: write http")
      return nil
    }
    return node.word("'scheme'", ["http": .http, "https": .https], findings)
  }

  private static func breaker(_ node: ConfigurationNode, _ findings: Findings) -> CircuitBreaker {
    let fields = Fields(node, "'circuitBreaker'", known: ["failures", "pause"], findings)
    var made = CircuitBreaker()
    if let failures = fields["failures"]?.integer("'failures'", 1...1_000_000, findings) { made.failures = failures }
    if let pause = fields["pause"]?.duration("'pause'", findings) { made.pause = pause }
    return made
  }

  private static func proxyProtocol(_ node: ConfigurationNode, _ findings: Findings) -> ProxyProtocolVersion? {
    let fields = Fields(node, "'proxyProtocol'", known: ["version"], findings)
    // Traefik's TCP services take version 2 where none is given.
    guard let version = fields["version"] else { return .v2 }
    return version.integer("'version'", 1...2, findings).flatMap(ProxyProtocolVersion.init)
  }

  /// RFC 9110 section 5.6.2.
  private static func isToken(_ text: String) -> Bool {
    !text.isEmpty && StickyCookieName.allowed(text) == text
  }

  /// Without line ends and other control characters, which would begin another header field.
  private static func isHeaderText(_ text: String) -> Bool { text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7f } }
}
