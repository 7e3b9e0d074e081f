/// What routing needs of a Service; the rest of the object is not looked at.
struct KubernetesService {
  struct Port: Hashable {
    /// Nil for the only port of a service.
    var name: String?
    var number: UInt16
  }

  /// Of a Service of type ExternalName.
  var externalName: String?
  /// Nil for one without ("None"), and where the file does not tell.
  var clusterIP: String?
  var ports: [Port] = []

  init(_ object: KubernetesObject, _ findings: Findings) {
    let spec = object.node["spec"]
    ports = (spec?["ports"]?.list("'ports'", findings) ?? []).compactMap { Port($0, "port", findings) }
    if let node = spec?["clusterIP"], let text = node.text("'clusterIP'", findings), text != "None" {
      if ClientAddress(parsing: text) != nil {
        clusterIP = text
      } else {
        findings.add(node.place, "'clusterIP' is to be an address or None; it is '\(ConfigurationNode.excerpt(text))'")
      }
    }
    guard case .scalar("ExternalName", _)? = spec?["type"]?.content else { return }
    guard let node = spec?["externalName"] else {
      findings.add(object.place, "'externalName' is missing in the Service \(object.name)")
      return
    }
    guard let text = node.text("'externalName'", findings) else { return }
    externalName = HostName.canonical(text)
    if !HostName.isPlausible(text) {
      findings.add(node.place, "'externalName' is no host: '\(ConfigurationNode.excerpt(text))'")
    }
  }
}

extension KubernetesService.Port {
  /// Reads a port; nil for one of another protocol than TCP, and for one without a number.
  fileprivate init?(_ node: ConfigurationNode, _ key: String, _ findings: Findings) {
    if case .scalar(let text, _)? = node["protocol"]?.content, text != "TCP" { return nil }
    guard let number = node[key]?.integer("'\(key)'", 1...65_535, findings) else { return nil }
    self.number = UInt16(number)
    name = node["name"]?.text("'name'", findings)
  }
}

/// Addresses that serve the same ports.
struct EndpointSubset {
  var addresses: [String]
  var ports: [KubernetesService.Port]

  /// The subsets of an Endpoints object; only addresses that are ready.
  static func ofEndpoints(_ object: KubernetesObject, _ findings: Findings) -> [EndpointSubset] {
    (object.node["subsets"]?.list("'subsets'", findings) ?? []).map { subset in
      EndpointSubset(
        addresses: (subset["addresses"]?.list("'addresses'", findings) ?? []).compactMap { address in
          address["ip"].flatMap { Self.address($0, findings) }
        },
        ports: (subset["ports"]?.list("'ports'", findings) ?? []).compactMap { .init($0, "port", findings) })
    }
  }

  private init(addresses: [String], ports: [KubernetesService.Port]) {
    self.addresses = addresses
    self.ports = ports
  }

  /// An EndpointSlice; endpoints are ready unless they say they are not.
  init(slice object: KubernetesObject, _ findings: Findings) {
    addresses = (object.node["endpoints"]?.list("'endpoints'", findings) ?? []).flatMap { endpoint -> [String] in
      if case .scalar("false", _)? = endpoint["conditions"]?["ready"]?.content { return [] }
      return (endpoint["addresses"]?.list("'addresses'", findings) ?? []).compactMap { Self.address($0, findings) }
    }
    ports = (object.node["ports"]?.list("'ports'", findings) ?? []).compactMap { .init($0, "port", findings) }
  }

  private static func address(_ node: ConfigurationNode, _ findings: Findings) -> String? {
    guard let text = node.text("an address", findings) else { return nil }
    guard HostName.isPlausible(text) else {
      findings.add(node.place, "'\(ConfigurationNode.excerpt(text))' is no address")
      return nil
    }
    return text
  }
}
