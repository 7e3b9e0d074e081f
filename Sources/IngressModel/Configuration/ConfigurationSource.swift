/// A document of a file, by what is to be done with it.
enum ConfigurationSource {
  /// Traefik's file-provider form.
  case dynamic(ConfigurationNode)
  case ingressRoute(KubernetesObject)
  case traefikService(KubernetesObject)
  /// What tells where servers are.
  case inventory(KubernetesObject)

  /// Sorts a document, or the items of a list of them.
  static func sort(_ node: ConfigurationNode, into sources: inout [ConfigurationSource], _ findings: Findings) {
    switch node.content {
    case .null: return
    case .mapping(let entries):
      guard entries.contains(where: { $0.key == "kind" || $0.key == "apiVersion" }) else {
        sources.append(.dynamic(node))
        return
      }
      guard let kind = node["kind"]?.text("'kind'", findings) else {
        if node["kind"] == nil { findings.add(node.place, "'kind' is missing in an object of Kubernetes") }
        return
      }
      if kind == "List" || kind.hasSuffix("List") && node["items"] != nil {
        for item in node["items"]?.list("'items'", findings) ?? [] { sort(item, into: &sources, findings) }
        return
      }
      sort(kind, node, into: &sources, findings)
    default: findings.add(node.place, "a document is to be a mapping, as 'kind: IngressRoute' or 'http:' begin one")
    }
  }

  private static func sort(
    _ kind: String, _ node: ConfigurationNode, into sources: inout [ConfigurationSource], _ findings: Findings
  ) {
    guard let version = node["apiVersion"]?.text("'apiVersion'", findings) else {
      if node["apiVersion"] == nil { findings.add(node.place, "'apiVersion' is missing in an object of Kubernetes") }
      return
    }
    let group = version.split(separator: "/").first.map(String.init) ?? ""
    let place = node["kind"]?.place ?? node.place
    switch (group, kind) {
    case ("traefik.io", _), ("traefik.containo.us", _):
      guard version.hasSuffix("/v1alpha1") else {
        findings.add(node["apiVersion"]?.place, "'\(version)' is not known; known is \(group)/v1alpha1")
        return
      }
      switch kind {
      case "IngressRoute": KubernetesObject(node, findings).map { sources.append(.ingressRoute($0)) }
      case "TraefikService": KubernetesObject(node, findings).map { sources.append(.traefikService($0)) }
      default: findings.add(place, refusal(of: kind))
      }
    case ("v1", "Service"), ("v1", "Endpoints"), ("v1", "Secret"), ("discovery.k8s.io", "EndpointSlice"):
      KubernetesObject(node, findings).map { sources.append(.inventory($0)) }
    case ("networking.k8s.io", "Ingress"), ("extensions", "Ingress"), ("gateway.networking.k8s.io", "HTTPRoute"),
      ("gateway.networking.k8s.io", "GRPCRoute"), ("gateway.networking.k8s.io", "TCPRoute"),
      ("gateway.networking.k8s.io", "TLSRoute"), ("gateway.networking.k8s.io", "UDPRoute"):
      findings.add(place, "\(kind) is not supported; write its routes as an IngressRoute")
    default: break
    }
  }

  private static func refusal(of kind: String) -> String {
    switch kind {
    case "IngressRouteTCP", "IngressRouteUDP":
      "\(kind) is not supported; use a virtual service of svs for TCP and UDP, and take it out of this file"
    case "Middleware", "MiddlewareTCP":
      "\(kind) is not supported; take it and what refers to it out of this file"
    case "TLSOption", "TLSStore", "ServersTransport", "ServersTransportTCP":
      "\(kind) is not supported; take it and what refers to it out of this file"
    default:
      if let near = Spelling.nearest(to: kind, among: ["IngressRoute", "TraefikService"]) {
        "there is no kind '\(kind)'; did you mean \(near)?"
      } else {
        "the kind '\(kind)' is not known; known are IngressRoute and TraefikService"
      }
    }
  }
}

/// An object of Kubernetes.
struct KubernetesObject {
  var kind: String
  var name: ObjectName
  var node: ConfigurationNode
  /// Where its kind stands.
  var place: SourcePlace

  /// Nil, and a finding, for one without a name.
  init?(_ node: ConfigurationNode, _ findings: Findings) {
    guard case .scalar(let kind, _)? = node["kind"]?.content else { return nil }
    self.kind = kind
    self.node = node
    place = node["kind"]?.place ?? node.place
    guard let name = node["metadata"]?["name"] else {
      findings.add(place, "'metadata.name' is missing in this \(kind)")
      return nil
    }
    guard let name = name.text("'metadata.name'", findings) else { return nil }
    var namespace = "default"
    if let node = node["metadata"]?["namespace"] {
      guard let text = node.text("'metadata.namespace'", findings) else { return nil }
      namespace = text
    }
    self.name = ObjectName(namespace: namespace, name: name)
  }
}

/// An object's name, and the namespace in which it is unique.
struct ObjectName: Hashable, CustomStringConvertible {
  var namespace: String
  var name: String

  var description: String { "\(namespace)/\(name)" }
}
