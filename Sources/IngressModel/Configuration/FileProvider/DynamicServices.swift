extension ConfigurationBuilder {
  /// Adds one of `http.services`.
  mutating func addService(_ entry: ConfigurationNode.Entry) {
    let name = entry.key.hasSuffix("@file") ? String(entry.key.dropLast("@file".count)) : entry.key
    let what = "the service '\(ConfigurationNode.excerpt(entry.key))'"
    let fields = Fields(
      entry.value, what, known: ["loadBalancer", "weighted"],
      refused: [
        "mirroring": "write loadBalancer or weighted",
        "failover": "write loadBalancer with a healthCheck; servers that are not well get no requests",
        "highestRandomWeight": "write loadBalancer or weighted",
      ], findings)
    let made: Bool
    switch (fields["loadBalancer"], fields["weighted"]) {
    case (let node?, nil): made = addServers(node, name: name, source: entry.place)
    case (nil, let node?): made = addWeighted(node, name: name, source: entry.place)
    case (nil, nil):
      // Refused forms are findings already.
      if entry.value.isEmpty || fields.entry("loadBalancer") != nil || fields.entry("weighted") != nil {
        findings.add(entry.place, "\(what) has no servers; write loadBalancer: {servers: [{url: http://192.0.2.1:80}]}")
      }
      made = false
    case (_?, _?):
      findings.add(entry.place, "\(what) has both 'loadBalancer' and 'weighted'; write one of them")
      made = false
    }
    if !made { refuse(name) }
  }

  private mutating func addServers(_ node: ConfigurationNode, name: String, source: SourcePlace) -> Bool {
    let fields = Fields(
      node, "'loadBalancer'", known: ["servers"] + ServiceOptions.keys, refused: ServiceOptions.refused, findings)
    guard let list = fields.required("servers", "write servers: [{url: http://192.0.2.1:80}]") else { return false }
    var servers: [Server] = []
    for item in list.list("'servers'", findings) {
      let fields = Fields(
        item, "a server", known: ["url", "weight"],
        refused: ["preservePath": "servers get the path of the request; leave it out", "fenced": "leave it out"],
        findings)
      guard let url = fields.required("url", "write for example url: http://192.0.2.1:80") else { continue }
      guard let text = url.text("'url'", findings), var server = server(text, at: url.place) else { continue }
      if let weight = fields["weight"]?.integer("'weight'", 0...65_535, findings) { server.weight = weight }
      if servers.contains(where: { $0.description == server.description }) {
        findings.add(url.place, "the server \(server) is in this service already; give it more weight instead")
      }
      servers.append(server)
    }
    guard !servers.isEmpty else {
      if list.isEmpty {
        findings.add(list.place, "'servers' is empty; name at least one")
      }
      return false
    }
    var service = BackendService(name: name, members: .servers(servers), source: source)
    ServiceOptions.read(fields, into: &service, findings)
    add(service)
    return true
  }

  private func server(_ text: String, at place: SourcePlace) -> Server? {
    func refuse(_ reason: String) -> Server? {
      findings.add(place, "'\(ConfigurationNode.excerpt(text))' \(reason); write for example http://192.0.2.1:80")
      return nil
    }
    let scheme: Server.Scheme
    var rest: Substring
    if text.hasPrefix("http://") {
      (scheme, rest) = (.http, text.dropFirst(7))
    } else if text.hasPrefix("https://") {
      (scheme, rest) = (.https, text.dropFirst(8))
    } else {
      return refuse(text.hasPrefix("h2c://") ? "is h2c, which is not supported" : "is no URL of http or https")
    }
    if rest.hasSuffix("/") { rest = rest.dropLast() }
    guard !rest.contains(where: { "/?#@".contains($0) }) else {
      return refuse("has more than a host and a port")
    }
    let standard: UInt16 = scheme == .https ? 443 : 80
    let hasPort = rest.last != "]" && rest.contains(":")
    guard let endpoint = BackendOverride.Endpoint(hasPort ? String(rest) : "\(rest):\(standard)") else {
      return refuse("has no host and port")
    }
    return Server(scheme: scheme, host: endpoint.host, port: endpoint.port)
  }

  private mutating func addWeighted(_ node: ConfigurationNode, name: String, source: SourcePlace) -> Bool {
    let fields = Fields(
      node, "'weighted'", known: ["services", "sticky"],
      refused: ["healthCheck": "the services' own health counts; leave it out"], findings)
    guard let list = fields.required("services", "write services: [{name: NAME, weight: 1}]") else { return false }
    var members: [WeightedService] = []
    var places: [SourcePlace] = []
    for item in list.list("'services'", findings) {
      let fields = Fields(item, "a weighted service", known: ["name", "weight"], findings)
      guard let node = fields.required("name", "name a service"), let name = serviceName(node) else { continue }
      let weight = fields["weight"]?.integer("'weight'", 0...65_535, findings) ?? 1
      members.append(WeightedService(name: name, weight: weight))
      places.append(node.place)
    }
    guard !members.isEmpty else {
      if list.isEmpty {
        findings.add(list.place, "'services' is empty; name at least one")
      }
      return false
    }
    var service = BackendService(name: name, members: .services(members), source: source)
    if let node = fields.entry("sticky")?.value {
      service.sticky = ServiceOptions.sticky(node, service: name, findings)
    }
    add(service, membersAt: places)
    return true
  }
}
