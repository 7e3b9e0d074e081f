import IngressModel

extension ClusterReader {
  /// Kinds that something is done with.
  private static let kinds = [
    "Deployment", "Pod", "Service", "Namespace", "ConfigMap", "IngressRoute", "TraefikService", "Secret",
  ]

  /// Sorts an object of Kubernetes by its kind.
  mutating func readObject(_ node: ConfigurationNode, kind: String, at place: SourcePlace) {
    guard let version = node["apiVersion"]?.text("'apiVersion'", findings) else {
      if node["apiVersion"] == nil {
        findings.add(place, "'apiVersion' is missing in this \(ConfigurationNode.excerpt(kind))")
      }
      return
    }
    guard let name = objectName(node, kind: kind, at: place) else { return }
    defer { noteIgnored(in: "the \(ConfigurationNode.excerpt(kind)) \(name)") }
    let group = version.contains("/") ? String(version.prefix { $0 != "/" }) : ""
    if let right = Self.version(of: kind, otherThan: version, group: group) {
      findings.add(place, "a \(kind) is not of '\(ConfigurationNode.excerpt(version))'; write apiVersion: \(right)")
    }
    switch (group, kind) {
    case ("apps", "Deployment"), ("extensions", "Deployment"):
      if claim(kind, name, at: place) { readDeployment(node, name, at: place) }
    case ("", "Pod"): if claim(kind, name, at: place) { readPod(node, name, at: place) }
    case ("", "Service"): if claim(kind, name, at: place) { readService(node, name, at: place) }
    case ("", "Namespace"): break
    case ("", "ConfigMap"): if claim(kind, name, at: place) { readConfigMap(node, name, at: place) }
    case ("traefik.io", _), ("traefik.containo.us", _), ("", "Secret"):
      if claim(kind, name, at: place) { addRouteObject(node, kind: kind, name, at: place) }
    case ("networking.k8s.io", "Ingress"), ("extensions", "Ingress"), ("gateway.networking.k8s.io", "HTTPRoute"):
      findings.add(place, "\(kind) is not supported; write its routes as an IngressRoute")
    case ("apps", "Pod"), ("", "Deployment"), ("apps", "Service"), ("", "IngressRoute"), ("", "TraefikService"):
      let right = ["Deployment": "apps/v1", "Pod": "v1", "Service": "v1"][kind] ?? "traefik.io/v1alpha1"
      findings.add(place, "a \(kind) is not of '\(ConfigurationNode.excerpt(version))'; write apiVersion: \(right)")
    default:
      if !Self.passedOver.contains(kind), let near = Spelling.nearest(to: kind, among: Self.kinds) {
        findings.add(place, "there is no kind '\(ConfigurationNode.excerpt(kind))'; did you mean \(near)?")
      } else {
        remarks.add(place, "the \(ConfigurationNode.excerpt(kind)) \(name) has no effect here")
      }
    }
  }

  /// What to write where a kind of this group has no such version; nil where it has.
  ///
  /// Those that Kubernetes had before are read: their fields that are looked at are the same.
  private static func version(of kind: String, otherThan version: String, group: String) -> String? {
    switch (group, kind) {
    case ("apps", "Deployment"), ("extensions", "Deployment"):
      ["apps/v1", "apps/v1beta1", "apps/v1beta2", "extensions/v1beta1"].contains(version) ? nil : "apps/v1"
    case ("", "Pod"), ("", "Service"), ("", "Namespace"), ("", "ConfigMap"), ("", "Secret"):
      version == "v1" ? nil : "v1"
    default: nil
    }
  }

  /// Kinds that are near to others in spelling, and are meant.
  private static let passedOver: Set = [
    "PodList", "Node", "ReplicaSet", "DaemonSet", "StatefulSet", "Endpoints", "Secrets",
  ]

  private func objectName(_ node: ConfigurationNode, kind: String, at place: SourcePlace) -> QualifiedName? {
    let kind = ConfigurationNode.excerpt(kind)
    guard let metadata = node["metadata"], let nameNode = metadata["name"] else {
      findings.add(place, "'metadata.name' is missing in this \(kind)")
      return nil
    }
    guard let name = nameNode.text("'metadata.name'", findings) else { return nil }
    var made = QualifiedName(namespace: "default", name: name)
    if let node = metadata["namespace"] {
      guard let namespace = self.name(node, "the namespace") else { return nil }
      made.namespace = namespace
    }
    guard ["Deployment", "Pod", "Service"].contains(kind) else { return made }
    // A wrong name is told, and what else is wrong with the object too.
    if self.name(nameNode, "the name of this \(kind)") == nil { made.name = ConfigurationNode.excerpt(name) }
    return made
  }

  /// flannel's own ConfigMap is the pods' network; others are for programs that do not run here.
  private mutating func readConfigMap(_ node: ConfigurationNode, _ name: QualifiedName, at place: SourcePlace) {
    guard name.name == "kube-flannel-cfg" else {
      remarks.add(place, "the ConfigMap \(name) has no effect here")
      return
    }
    guard let data = node["data"], let text = data["net-conf.json"] else {
      findings.add(
        place, "'net-conf.json' is missing in the data of the ConfigMap \(name); it has flannel's Network and Backend")
      return
    }
    guard let json = text.text("'net-conf.json'", findings) else { return }
    // As flannel, which reads nothing else.
    readPodNetwork(json: json, at: text.place)
  }

  private mutating func addRouteObject(
    _ node: ConfigurationNode, kind: String, _ name: QualifiedName, at place: SourcePlace
  ) {
    description.routeObjects.removeAll { ($0.kind, $0.namespace, $0.name) == (kind, name.namespace, name.name) }
    description.routeObjects.append(
      .init(kind: kind, namespace: name.namespace, name: name.name, node: node, source: place))
  }
}
