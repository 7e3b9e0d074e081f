/// What the files say about where servers are, and what the command line says instead.
struct KubernetesInventory {
  /// What is asked for and not there.
  struct Unknown: Error {
    var reason: String
    var place: SourcePlace?
  }

  private let overrides: [BackendOverride]
  private var usedOverrides: Set<BackendOverride> = []
  private let domain: String
  private var services: [ObjectName: (service: KubernetesService, place: SourcePlace)] = [:]
  /// Of Endpoints objects; slices go before them.
  private var endpoints: [ObjectName: (subsets: [EndpointSubset], place: SourcePlace)] = [:]
  /// By the name of their service.
  private var slices: [ObjectName: [EndpointSubset]] = [:]
  private var slicePlaces: [ObjectName: SourcePlace] = [:]
  private var secrets: [ObjectName: KubernetesObject] = [:]

  init(overrides: [BackendOverride], domain: String) {
    self.overrides = overrides
    self.domain = domain.split(separator: ".").joined(separator: ".")
  }

  mutating func add(_ object: KubernetesObject, _ findings: Findings) {
    func isFirst(_ other: SourcePlace?) -> Bool {
      guard let other else { return true }
      findings.add(object.place, "the \(object.kind) \(object.name) is in \(other) already; keep one of them")
      return false
    }
    switch object.kind {
    case "Service":
      guard isFirst(services[object.name]?.place) else { return }
      services[object.name] = (KubernetesService(object, findings), object.place)
    case "Endpoints":
      guard isFirst(endpoints[object.name]?.place) else { return }
      endpoints[object.name] = (EndpointSubset.ofEndpoints(object, findings), object.place)
    case "EndpointSlice":
      guard isFirst(slicePlaces[object.name]) else { return }
      slicePlaces[object.name] = object.place
      guard let label = object.node["metadata"]?["labels"]?["kubernetes.io/service-name"],
        let service = label.text("the label 'kubernetes.io/service-name'", findings)
      else { return }
      slices[ObjectName(namespace: object.name.namespace, name: service), default: []]
        .append(EndpointSubset(slice: object, findings))
    case "Secret":
      guard isFirst(secrets[object.name]?.place) else { return }
      secrets[object.name] = object
    default: break
    }
  }

  /// Those that no route referred to.
  var unusedOverrides: [BackendOverride] { overrides.filter { !usedOverrides.contains($0) } }

  /// Where the servers of a Service are: as the command line says, else as its endpoints do, else its address, else its
  /// name in the cluster's DNS.
  mutating func servers(
    of name: ObjectName, port: String, scheme: Server.Scheme?, usesClusterIP: Bool
  ) throws(Unknown) -> [Server] {
    let ofThisPort = overrides.filter { $0.name == name.name && $0.port == port }
    if let override = ofThisPort.last(where: { $0.namespace == name.namespace })
      ?? ofThisPort.last(where: { $0.namespace == nil })
    {
      usedOverrides.insert(override)
      let scheme = scheme ?? Self.scheme(port: UInt16(port), name: port)
      return override.servers.map { Server(scheme: scheme, host: $0.host, port: $0.port) }
    }
    let found = try servicePort(port, of: name)
    let scheme = scheme ?? Self.scheme(port: found.number, name: found.name)
    if let external = services[name]?.service.externalName {
      return [Server(scheme: scheme, host: external, port: found.number)]
    }
    if !usesClusterIP, let known = endpointServers(of: name, port: found, scheme: scheme) { return known }
    let address = services[name]?.service.clusterIP
    return [Server(scheme: scheme, host: address ?? dnsName(of: name), port: found.number)]
  }

  private func dnsName(of name: ObjectName) -> String {
    "\(name.name).\(name.namespace).svc\(domain.isEmpty ? "" : ".\(domain)")"
  }

  /// As Traefik guesses it.
  private static func scheme(port: UInt16?, name: String?) -> Server.Scheme {
    port == 443 || name?.hasPrefix("https") == true ? .https : .http
  }

  private func servicePort(_ port: String, of name: ObjectName) throws(Unknown) -> KubernetesService.Port {
    let number = UInt16(port).flatMap { $0 > 0 ? $0 : nil }
    if let (service, place) = services[name], !(service.ports.isEmpty && service.externalName != nil && number != nil) {
      if let found = service.ports.first(where: { number != nil ? $0.number == number : $0.name == port }) {
        return found
      }
      let known = service.ports.map { port in port.name.map { "\($0) (\(port.number))" } ?? "\(port.number)" }
      throw Unknown(
        reason: "the Service \(name) in \(place) has no port \(port); "
          + (known.isEmpty ? "it has none" : "it has \(known.joined(separator: ", "))"))
    }
    if let number { return .init(name: nil, number: number) }
    let known = (slices[name] ?? endpoints[name]?.subsets ?? []).flatMap(\.ports)
    if let found = known.first(where: { $0.name == port }) { return found }
    guard !port.utf8.allSatisfy({ ByteSet.digits.contains($0) || $0 == UInt8(ascii: "-") }) else {
      throw Unknown(
        reason: "a port is a number from 1 to 65535, or a name; '\(ConfigurationNode.excerpt(port))' is none")
    }
    throw Unknown(
      reason:
        "the port '\(ConfigurationNode.excerpt(port))' is a name, and the files have no Service \(name) that tells its number; "
        + "add it, write the number, or give the servers with --backend \(name):\(port)=HOST:PORT")
  }

  /// Nil where the files have no endpoints of this port.
  private func endpointServers(
    of name: ObjectName, port: KubernetesService.Port, scheme: Server.Scheme
  ) -> [Server]? {
    let hasService = services[name] != nil
    var made: [Server] = []
    for subset in slices[name] ?? endpoints[name]?.subsets ?? [] {
      // A Service's port and its endpoints' have the same name; without the Service only the number can tell.
      let matching = subset.ports.first {
        hasService ? $0.name == port.name : ($0.number == port.number || subset.ports.count == 1)
      }
      guard let matching else { continue }
      for address in subset.addresses {
        let server = Server(scheme: scheme, host: address, port: matching.number)
        if !made.contains(server) { made.append(server) }
      }
    }
    return made.isEmpty ? nil : made
  }

  /// The certificate in a Secret.
  func certificate(in name: ObjectName) throws(Unknown) -> CertificateFiles {
    guard let secret = secrets[name] else {
      throw Unknown(
        reason:
          "the Secret \(name) is not in the files; add it, or write tls: {} and give the certificate as a file in "
          + "tls.certificates")
    }
    if case .scalar(let type, _)? = secret.node["type"]?.content, type != "kubernetes.io/tls" {
      throw Unknown(
        reason: "the Secret \(name) is of type '\(ConfigurationNode.excerpt(type))'; routes need kubernetes.io/tls",
        place: secret.place)
    }
    return CertificateFiles(
      certificate: try pem("tls.crt", in: secret), key: try pem("tls.key", in: secret), isInline: true,
      place: secret.place)
  }

  private func pem(_ key: String, in secret: KubernetesObject) throws(Unknown) -> String {
    var text: String?
    if case .scalar(let plain, _)? = secret.node["stringData"]?[key]?.content {
      text = plain
    } else if case .scalar(let encoded, _)? = secret.node["data"]?[key]?.content {
      text = Base64.decode(encoded).flatMap { String(validating: $0, as: UTF8.self) }
    }
    guard let text, text.contains("-----BEGIN ") else {
      throw Unknown(
        reason: "the Secret \(secret.name) has no PEM text in Base64 as '\(key)' of its data",
        place: secret.node["data"]?[key]?.place ?? secret.place)
    }
    return text
  }
}
