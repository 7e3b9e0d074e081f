extension ConfigurationBuilder {
  /// Adds the routers of an IngressRoute, and the services they name.
  mutating func addIngressRoute(_ object: KubernetesObject) {
    guard claim(object.name, at: object.place) else { return }
    let top = Fields(
      object.node, "this IngressRoute", known: ["apiVersion", "kind", "metadata", "spec", "status"], findings)
    guard let node = top.required("spec", "write its routes") else { return }
    let spec = Fields(
      node, "'spec'", known: ["entryPoints", "routes", "tls"],
      refused: ["parentRefs": "routes stand for themselves; leave it out"], findings)
    let entryPoints = spec["entryPoints"]?.texts("'entryPoints'", findings) ?? []
    var isTLS = false
    if let tls = spec.entry("tls") {
      isTLS = readRouterTLS(tls, known: ["secretName"])
      if let secret = tls.value["secretName"] { addSecret(secret, namespace: object.name.namespace) }
    }
    guard let routes = spec.required("routes", "write for example routes: [{kind: Rule, match: …, services: […]}]")
    else { return }
    for (index, node) in routes.list("'routes'", findings).enumerated() {
      addRoute(node, name: "\(object.name)#\(index + 1)", of: object, entryPoints: entryPoints, isTLS: isTLS)
    }
  }

  private mutating func addRoute(
    _ node: ConfigurationNode, name: String, of object: KubernetesObject, entryPoints: [String], isTLS: Bool
  ) {
    let fields = Fields(
      node, "a route", known: ["kind", "match", "priority", "services"],
      refused: [
        "middlewares": "requests are forwarded as they are; leave it out",
        "syntax": "rules are those of Traefik 2; leave it out",
        "observability": "all routers are in logs and metrics; leave it out",
      ], findings)
    if let kind = fields["kind"], let text = kind.text("'kind'", findings), text != "Rule" {
      findings.add(kind.place, "a route's 'kind' is to be Rule; it is '\(ConfigurationNode.excerpt(text))'")
    }
    let rule = fields.required("match", "write for example match: Host(`example.com`)").flatMap { self.rule($0) }
    let priority = fields["priority"]?.integer("'priority'", .min ... .max, findings)
    guard let list = fields.required("services", "write for example services: [{name: NAME, port: 80}]") else { return }
    let items = list.list("'services'", findings)
    if list.isEmpty { findings.add(list.place, "'services' is empty; name at least one") }
    let references = items.compactMap { serviceReference($0, namespace: object.name.namespace) }
    guard let rule, references.count == items.count, let first = references.first else { return }
    var service = first.service.name
    if references.count > 1 {
      service = name
      add(
        BackendService(name: name, members: .services(references.map(\.service)), source: node.place),
        membersAt: references.map(\.place))
    }
    add(
      Router(
        name: name, entryPoints: entryPoints, rule: rule, priority: priority == 0 ? nil : priority, service: service,
        isTLS: isTLS, source: node.place), serviceAt: first.place)
  }

  /// Adds a TraefikService; only weighted ones are supported.
  mutating func addTraefikService(_ object: KubernetesObject) {
    let top = Fields(
      object.node, "this TraefikService", known: ["apiVersion", "kind", "metadata", "spec", "status"], findings)
    let name = object.name.description
    guard let node = top.required("spec", "write spec: {weighted: {services: […]}}") else { return refuse(name) }
    let spec = Fields(
      node, "'spec'", known: ["weighted"],
      refused: [
        "mirroring": "only 'weighted' is", "failover": "only 'weighted' is",
        "highestRandomWeight": "only 'weighted' is",
      ], findings)
    guard let node = spec["weighted"] else {
      // A refused form is a finding already.
      if node.isEmpty || spec.entry("weighted") != nil {
        findings.add(node.place, "'weighted' is missing in 'spec'; write weighted: {services: […]}")
      }
      return refuse(name)
    }
    let fields = Fields(node, "'weighted'", known: ["services", "sticky"], findings)
    guard let list = fields.required("services", "write for example services: [{name: NAME, port: 80, weight: 1}]")
    else { return refuse(name) }
    let items = list.list("'services'", findings)
    if list.isEmpty { findings.add(list.place, "'services' is empty; name at least one") }
    let references = items.compactMap { serviceReference($0, namespace: object.name.namespace) }
    guard !items.isEmpty, references.count == items.count else { return refuse(name) }
    var service = BackendService(name: name, members: .services(references.map(\.service)), source: object.place)
    if let node = fields.entry("sticky")?.value {
      service.sticky = ServiceOptions.sticky(node, service: name, findings)
    }
    add(service, membersAt: references.map(\.place))
  }

  /// Reads one of `services`, and adds the service of its servers; nil, and a finding, where it cannot be.
  private mutating func serviceReference(
    _ node: ConfigurationNode, namespace: String
  ) -> (service: WeightedService, place: SourcePlace)? {
    let fields = Fields(
      node, "a service",
      known: ["name", "kind", "namespace", "port", "scheme", "weight", "nativeLB"] + ServiceOptions.keys,
      refused: ServiceOptions.refused.merging([
        "nodePortLB": "give the nodes' addresses with --backend",
        "middlewares": "requests are forwarded as they are; leave it out",
      ]) { first, _ in first }, findings)
    guard let nameNode = fields.required("name", "name a Service"), let name = nameNode.text("'name'", findings) else {
      return nil
    }
    var isOfTraefik = false
    if let node = fields["kind"] {
      guard let kind = node.word("'kind'", ["Service": false, "TraefikService": true], findings) else { return nil }
      isOfTraefik = kind
    }
    let weight = fields["weight"]?.integer("'weight'", 0...65_535, findings) ?? 1
    var object = ObjectName(namespace: namespace, name: name)
    if let node = fields["namespace"] {
      guard let text = node.text("'namespace'", findings) else { return nil }
      object.namespace = text
    }
    if name.hasSuffix("@internal") {
      findings.add(
        nameNode.place, "'\(name)' is a service inside of Traefik, which does not exist here; leave its route out")
      return nil
    }
    guard !isOfTraefik else {
      for key in ["port", "scheme", "nativeLB"] + ServiceOptions.keys where fields.entry(key) != nil {
        findings.add(fields.place(of: key), "'\(key)' is not for a TraefikService; say it in that object")
      }
      return (WeightedService(name: object.description, weight: weight), nameNode.place)
    }
    guard let service = service(object, fields, at: nameNode.place) else { return nil }
    return (WeightedService(name: share(service), weight: weight), nameNode.place)
  }

  private mutating func service(_ object: ObjectName, _ fields: Fields, at place: SourcePlace) -> BackendService? {
    var scheme: Server.Scheme?
    if let node = fields["scheme"] {
      scheme = ServiceOptions.scheme(node, findings)
      if scheme == nil { return nil }
    }
    let usesClusterIP = fields["nativeLB"]?.flag("'nativeLB'", findings) ?? false
    guard let portNode = fields.required("port", "write the port of the Service"),
      let port = portNode.text("'port'", findings)
    else { return nil }
    do throws(KubernetesInventory.Unknown) {
      let servers = try inventory.servers(of: object, port: port, scheme: scheme, usesClusterIP: usesClusterIP)
      var service = BackendService(name: "\(object):\(port)", members: .servers(servers), source: place)
      ServiceOptions.read(fields, into: &service, findings)
      return service
    } catch {
      if !findings.isIncomplete { findings.add(portNode.place, error.reason) }
      return nil
    }
  }

  private mutating func addSecret(_ node: ConfigurationNode, namespace: String) {
    guard let name = node.text("'secretName'", findings) else { return }
    do throws(KubernetesInventory.Unknown) {
      add(try inventory.certificate(in: ObjectName(namespace: namespace, name: name)))
    } catch {
      if !findings.isIncomplete { findings.add(error.place ?? node.place, error.reason) }
    }
  }
}
