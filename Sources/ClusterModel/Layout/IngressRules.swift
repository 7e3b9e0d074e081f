import IngressModel
import Netlink

/// A file for `svs ingress`: the cluster's IngressRoutes as they were read, and where their services are.
///
/// Services are named by their cluster IPs, not their pods: the director at the ingress's node spreads connections over
/// the pods that are ready at that moment, and the file holds when a deployment is scaled.
struct IngressRules {
  private(set) var text = ""
  private var writer = YAMLWriter()
  private let services: [QualifiedName: ClusterDescription.Service]
  private let remarks: Findings

  static let header = "# The routes of this cluster's ingress, and the cluster IPs of the services they name."

  /// An ingress wants at least one route; nobody asks for a host of this domain (RFC 2606).
  private static let nothing = [
    "---", "# There are no IngressRoutes: whatever is asked for is answered with 404.", "http:",
    "  routers: {none: {rule: \"Host(`none.invalid`)\", service: none}}",
    "  services: {none: {loadBalancer: {servers: [{url: \"http://127.0.0.1:9\"}]}}}",
  ]

  init(_ description: ClusterDescription, clusterIPs: [QualifiedName: IPAddress?], remarks: Findings) {
    self.remarks = remarks
    services = Dictionary(
      description.services.map { (QualifiedName(namespace: $0.namespace, name: $0.name), $0) }
    ) { first, _ in first }
    var named: Set<QualifiedName> = []
    var secrets: Set<QualifiedName> = []
    var documents: [(ConfigurationNode, ClusterDescription.RouteObject)] = []
    for object in description.routeObjects where object.kind != "Secret" {
      if let secret = object.node["spec"]?["tls"]?["secretName"], case .scalar(let name, _) = secret.content {
        secrets.insert(.init(namespace: object.namespace, name: name))
      }
      let node = resolved(object.node, namespace: object.namespace, named: &named)
      documents.append((node, object))
    }
    writer.add(Self.header)
    for name in named.sorted() {
      if let service = services[name] { add(service, clusterIP: clusterIPs[name] ?? nil) }
    }
    for object in description.routeObjects
    where object.kind == "Secret" && secrets.contains(.init(namespace: object.namespace, name: object.name)) {
      documents.append((object.node, object))
    }
    if !description.routeObjects.contains(where: { $0.kind == "IngressRoute" }) {
      Self.nothing.forEach { writer.add($0) }
    }
    for (node, object) in documents { writer.add(document: Self.withoutStatus(node, at: object.source)) }
    text = writer.text
  }

  /// Where a line of the text came from.
  func place(line: Int) -> SourcePlace? { writer.place(line: line) }

  private mutating func add(_ service: ClusterDescription.Service, clusterIP: IPAddress?) {
    let place = service.source
    for line in [
      "---", "apiVersion: v1", "kind: Service", "metadata: {name: \(service.name), namespace: \(service.namespace)}",
      "spec:", "  clusterIP: \(clusterIP.map(\.description) ?? "None")",
      service.ports.isEmpty ? "  ports: []" : "  ports:",
    ] { writer.add(line, from: place) }
    for port in service.ports where port.transport == .tcp {
      let name = port.name.map { ", name: \(ConfigurationNode.quoted($0))" } ?? ""
      writer.add("  - {port: \(port.number)\(name)}", from: port.source ?? place)
    }
  }

  /// What the API server writes into an object is nothing for a file.
  private static func withoutStatus(_ node: ConfigurationNode, at place: SourcePlace) -> ConfigurationNode {
    guard case .mapping(let entries) = node.content else { return node }
    var made = node
    made.content = .mapping(entries.filter { $0.key != "status" })
    made.place = place
    return made
  }

  // MARK: Namespaces of services

  /// The object with a namespace at each service that is in another than the object's and does not say so.
  ///
  /// Traefik looks for such a service in the route's own namespace only; people who keep everything in one file, or run
  /// a Traefik that watches all namespaces, mean the one that is there.
  private func resolved(
    _ node: ConfigurationNode, namespace: String, named: inout Set<QualifiedName>
  ) -> ConfigurationNode {
    var made = node
    made.change("spec") { spec in
      spec.change("routes") { routes in
        routes.changeItems { route in
          route.change("services") { list in list.changeItems { resolve(&$0, namespace: namespace, named: &named) } }
        }
      }
      spec.change("weighted") { weighted in
        weighted.change("services") { list in list.changeItems { resolve(&$0, namespace: namespace, named: &named) } }
      }
    }
    return made
  }

  private func resolve(_ node: inout ConfigurationNode, namespace: String, named: inout Set<QualifiedName>) {
    guard case .mapping(var entries) = node.content, let nameNode = node["name"],
      case .scalar(let name, _) = nameNode.content
    else { return }
    if case .scalar("TraefikService", _)? = node["kind"]?.content { return }
    var wanted = QualifiedName(namespace: namespace, name: name)
    if case .scalar(let given, _)? = node["namespace"]?.content {
      wanted.namespace = given
    } else if services[wanted] == nil {
      let others = services.keys.filter { $0.name == name }.sorted()
      let found = others.first { $0.namespace == "default" } ?? (others.count == 1 ? others.first : nil)
      if let found {
        remarks.add(
          nameNode.place,
          "there is no Service \(wanted); \(found) is taken, as 'namespace: \(found.namespace)' would say")
        wanted = found
        if var entry = entries.first(where: { $0.key == "name" }) {
          entry.key = "namespace"
          entry.value.content = .scalar(found.namespace, isQuoted: true)
          entries.removeAll { $0.key == "namespace" }
          entries.append(entry)
          node.content = .mapping(entries)
        }
      }
    }
    named.insert(wanted)
    if services[wanted] == nil, !name.hasSuffix("@internal") {
      remarks.add(nameNode.place, "there is no Service \(wanted): requests for it are answered with 502")
    }
    if let sticky = node["sticky"] {
      remarks.add(
        sticky.place,
        "the ingress reaches \(wanted) by its cluster IP, which is one server to it: this cookie keeps no client at "
          + "one pod")
    }
  }
}

extension ConfigurationNode {
  /// Changes a member, if there is one.
  fileprivate mutating func change(_ key: String, _ body: (inout ConfigurationNode) -> Void) {
    guard case .mapping(var entries) = content, let index = entries.firstIndex(where: { $0.key == key }) else { return }
    body(&entries[index].value)
    content = .mapping(entries)
  }

  fileprivate mutating func changeItems(_ body: (inout ConfigurationNode) -> Void) {
    guard case .list(var items) = content else { return }
    for index in items.indices { body(&items[index]) }
    content = .list(items)
  }
}

extension ClusterDescription {
  /// Reads the IngressRoutes as the ingress will, so that what it would refuse is refused now, where it stands.
  func checkRoutes(_ findings: Findings, notes: Findings) {
    guard let first = routeObjects.first(where: { $0.kind != "Secret" }) else { return }
    let example: [QualifiedName: IPAddress?] = Dictionary(
      services.map { service in
        let isHeadless = service.address == .headless
        return (
          QualifiedName(namespace: service.namespace, name: service.name), isHeadless ? nil : serviceNetwork.host(1)
        )
      }
    ) { first, _ in first }
    let rules = IngressRules(self, clusterIPs: example, remarks: Findings())
    do throws(IngressConfigurationError) {
      let made = try IngressConfiguration.read(
        texts: [.init(name: "the ingress's rules", text: rules.text)], domain: domain)
      for router in made.routers {
        let place = rules.place(line: router.source.line) ?? first.source
        if router.isTLS {
          notes.add(
            place,
            "the router \(router.name) takes requests by TLS only, for which the cluster's ingress has no entry point")
        } else if !router.entryPoints.isEmpty, !router.entryPoints.contains("web") {
          notes.add(
            place,
            "the router \(router.name) is for the entry points \(router.entryPoints.joined(separator: ", ")), and the "
              + "cluster's ingress has only 'web': it gets no requests")
        }
      }
    } catch {
      for finding in error.findings {
        findings.add(finding.place.flatMap { rules.place(line: $0.line) } ?? first.source, finding.message)
      }
    }
  }
}
