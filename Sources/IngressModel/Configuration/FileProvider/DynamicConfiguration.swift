extension ConfigurationBuilder {
  private static let staticKeys = [
    "entryPoints", "providers", "api", "log", "accessLog", "metrics", "tracing", "certificatesResolvers", "global",
    "ping", "serversTransport", "hostResolver", "experimental", "pilot", "hub", "core",
  ]

  /// Adds a document in the form of Traefik's file provider: `http:` and `tls:`.
  mutating func addDynamic(_ node: ConfigurationNode) {
    var refused = Dictionary(
      uniqueKeysWithValues: Self.staticKeys.map {
        ($0, "it is of Traefik's static configuration; options of the command say this here")
      })
    for key in ["tcp", "udp"] {
      refused[key] = "use a virtual service of svs for TCP and UDP, and take it out of this file"
    }
    let top = Fields(node, "the file", known: ["http", "tls"], refused: refused, findings)
    if let node = top["http"] {
      let http = Fields(
        node, "'http'", known: ["routers", "services"],
        refused: [
          "middlewares": "take them and what refers to them out of this file",
          "serversTransports": "take them and what refers to them out of this file",
          "models": "take them out of this file",
        ], findings)
      for entry in http["services"]?.entries("'services'", findings) ?? [] { addService(entry) }
      for entry in http["routers"]?.entries("'routers'", findings) ?? [] { addRouter(entry) }
    }
    if let node = top["tls"] { addTLS(node) }
  }

  /// Names of this form may say where they come from.
  private func localName(_ name: String) -> String {
    name.hasSuffix("@file") ? String(name.dropLast("@file".count)) : name
  }

  /// The name of the service that a node refers to.
  mutating func serviceName(_ node: ConfigurationNode?) -> String? {
    guard let node, let text = node.text("'service'", findings) else { return nil }
    if text.hasSuffix("@internal") {
      findings.add(
        node.place, "'\(text)' is a service inside of Traefik, which does not exist here; leave its router out")
      return nil
    }
    return localName(text)
  }

  private mutating func addRouter(_ entry: ConfigurationNode.Entry) {
    let what = "the router '\(ConfigurationNode.excerpt(entry.key))'"
    let fields = Fields(
      entry.value, what, known: ["rule", "service", "entryPoints", "priority", "tls"],
      refused: [
        "middlewares": "requests are forwarded as they are; leave it out",
        "ruleSyntax": "rules are those of Traefik 2; leave it out",
        "observability": "all routers are in logs and metrics; leave it out",
      ], findings)
    let ruleNode = fields.required("rule", "write for example rule: PathPrefix(`/`)")
    let serviceNode = fields.required("service", "name one of http.services")
    var isTLS = false
    if let tls = fields.entry("tls") { isTLS = readRouterTLS(tls) }
    let entryPoints = fields["entryPoints"]?.texts("'entryPoints'", findings) ?? []
    let priority = fields["priority"]?.integer("'priority'", .min ... .max, findings)
    guard let rule = ruleNode.flatMap({ rule($0) }), let serviceNode, let service = serviceName(serviceNode) else {
      return
    }
    add(
      Router(
        name: localName(entry.key), entryPoints: entryPoints, rule: rule, priority: priority == 0 ? nil : priority,
        service: service, isTLS: isTLS, source: entry.place), serviceAt: serviceNode.place)
  }

  /// A rule; a finding that tells its column where it is none.
  func rule(_ node: ConfigurationNode) -> Rule? {
    guard let text = node.text("the rule", findings) else { return nil }
    do throws(RuleError) {
      return try Rule(text)
    } catch {
      findings.add(node.place, "the rule '\(ConfigurationNode.excerpt(text))', \(error)")
      return nil
    }
  }

  /// What a router says of TLS; whether it is for requests over TLS.
  func readRouterTLS(_ entry: ConfigurationNode.Entry, known: [String] = []) -> Bool {
    guard !entry.value.isNull else {
      findings.add(entry.place, "'tls' has no value; write tls: {} for requests over TLS, or leave it out")
      return false
    }
    _ = Fields(
      entry.value, "'tls'", known: known,
      refused: [
        "certResolver":
          "certificates come from files: write tls: {} here, and give them in tls.certificates or a Secret",
        "domains": "it is for certResolver, which is not supported; leave it out",
        "options": "there are no options for TLS; leave it out",
        "store": "there is one store of certificates; leave it out",
      ].filter { !known.contains($0.key) }, findings)
    return true
  }

  private mutating func addTLS(_ node: ConfigurationNode) {
    let tls = Fields(
      node, "'tls'", known: ["certificates"],
      refused: [
        "options": "there are no options for TLS; leave it out",
        "stores": "there is one store of certificates; give them in tls.certificates",
      ], findings)
    for item in tls["certificates"]?.list("'certificates'", findings) ?? [] {
      let fields = Fields(
        item, "a certificate", known: ["certFile", "keyFile"],
        refused: ["stores": "there is one store of certificates; leave it out"], findings)
      let certificate = fields.required("certFile", "name a PEM file")?.text("'certFile'", findings)
      let key = fields.required("keyFile", "name a PEM file")?.text("'keyFile'", findings)
      guard let certificate, let key else { continue }
      let inline = [certificate, key].map { $0.hasPrefix("-----BEGIN") }
      guard inline[0] == inline[1] else {
        findings.add(item.place, "'certFile' and 'keyFile' are to be both paths, or both PEM text")
        continue
      }
      add(CertificateFiles(certificate: certificate, key: key, isInline: inline[0], place: item.place))
    }
  }
}
