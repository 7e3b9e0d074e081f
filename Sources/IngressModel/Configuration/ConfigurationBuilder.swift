/// Puts a configuration together, from all sources.
struct ConfigurationBuilder {
  private(set) var configuration = IngressConfiguration()
  var inventory: KubernetesInventory
  let findings: Findings
  /// Where names were given, of routers, and of objects that make services.
  private var routerPlaces: [String: SourcePlace] = [:]
  private var routePlaces: [ObjectName: SourcePlace] = [:]
  /// Who refers to which service.
  private var references: [(service: String, place: SourcePlace)] = []

  init(overrides: [BackendOverride], domain: String, findings: Findings) {
    inventory = KubernetesInventory(overrides: overrides, domain: domain)
    self.findings = findings
  }

  mutating func add(_ source: ConfigurationSource) {
    switch source {
    case .dynamic(let node): addDynamic(node)
    case .ingressRoute(let object): addIngressRoute(object)
    case .traefikService(let object): addTraefikService(object)
    case .inventory: break
    }
  }

  /// Whether this IngressRoute is the first of its name.
  mutating func claim(_ name: ObjectName, at place: SourcePlace) -> Bool {
    if let first = routePlaces[name] {
      findings.add(place, "the IngressRoute \(name) is in \(first) already; give one of them another name")
      return false
    }
    routePlaces[name] = place
    return true
  }

  mutating func add(_ router: Router, serviceAt place: SourcePlace) {
    if let first = routerPlaces[router.name] {
      findings.add(router.source, "the router '\(router.name)' is in \(first) already; give one of them another name")
      return
    }
    routerPlaces[router.name] = router.source
    configuration.routers.append(router)
    references.append((router.service, place))
  }

  mutating func add(_ service: BackendService, membersAt places: [SourcePlace] = []) {
    if let first = configuration.services[service.name] {
      findings.add(
        service.source, "the service '\(service.name)' is in \(first.source) already; give one of them another name")
      return
    }
    configuration.services[service.name] = service
    guard case .services(let members) = service.members else { return }
    for (index, member) in members.enumerated() {
      references.append((member.name, index < places.count ? places[index] : service.source))
    }
  }

  /// Adds a service that several routes may refer to, each with options of its own; the same ones are one service.
  ///
  /// Returns its name: that of the service, with a number behind it for the second and later sets of options.
  mutating func share(_ service: BackendService) -> String {
    var made = service
    var number = 1
    while let other = configuration.services[made.name] {
      var same = other
      same.source = made.source
      if same == made { return made.name }
      number += 1
      made.name = "\(service.name)#\(number)"
    }
    configuration.services[made.name] = made
    return made.name
  }

  mutating func add(_ certificate: CertificateFiles) {
    if !configuration.certificates.contains(certificate) { configuration.certificates.append(certificate) }
  }

  /// Looks at what can only be seen when all is read.
  mutating func finish(files: [String]) {
    for (service, place) in references where configuration.services[service] == nil && !findings.isIncomplete {
      // A service that was refused has its finding already.
      guard !refused.contains(service) || findings.all.isEmpty else { continue }
      let near = Spelling.nearest(to: service, among: configuration.services.keys.sorted())
      findings.add(
        place,
        "there is no service '\(service)'; \(near.map { "did you mean \($0)?" } ?? "add it to one of the files")")
    }
    findCircles()
    if configuration.routers.isEmpty, findings.all.isEmpty {
      findings.add(
        files.first.map { SourcePlace(file: $0, line: 1) },
        "there are no routes in the files; add an IngressRoute, or http.routers")
    }
    configuration.notes += inventory.unusedOverrides.map {
      ConfigurationFinding(nil, "--backend \($0): no route of the files refers to this service")
    }
  }

  /// Names of services that stand in a file, but could not be read.
  private var refused: Set<String> = []

  mutating func refuse(_ service: String) { refused.insert(service) }

  /// Weighted services are to end at servers, and soon.
  private mutating func findCircles() {
    var waiting: [String: [String]] = [:]
    for service in configuration.services.values {
      if case .services(let members) = service.members { waiting[service.name] = members.map(\.name) }
    }
    for _ in 0..<Self.levelLimit {
      waiting = waiting.filter { _, members in members.contains { waiting[$0] != nil } }
    }
    for name in waiting.keys.sorted() {
      findings.add(
        configuration.services[name]?.source,
        "the weighted service '\(name)' refers to itself, by its services or theirs, or more than \(Self.levelLimit) deep; "
          + "let it refer to services with servers")
    }
  }

  /// Weighted services in weighted services.
  private static let levelLimit = 8
}
