import IngressModel
import Netlink

extension ClusterReader {
  /// Most nodes of a cluster; each is a network namespace with links of its own.
  static let nodeLimit = 250
  static let replicas = 0...ClusterDescription.replicaLimit

  /// Reads the document that is the cluster itself.
  mutating func readCluster(_ node: ConfigurationNode) {
    if let first = clusterDocument {
      findings.add(node.place, "the cluster is described in \(first) already; an object of Kubernetes needs a 'kind'")
      return
    }
    clusterDocument = node.place
    let fields = Fields(
      node, "the cluster", known: ["name", "nodes", "networks", "domain", "outside", "deployments"],
      refused: [
        "services": "write them as manifests, 'kind: Service', behind a line '---'",
        "pods": "write them as manifests, 'kind: Pod', behind a line '---'",
        "backend": "it is networks.pods.Backend",
      ], findings)
    description.places[.name] = fields.place(of: "name")
    if let node = fields["name"] {
      description.name = name(node, "the cluster's name", limit: ClusterNames.hostLimit) ?? description.name
    }
    if let node = fields["networks"] { readNetworks(node) }
    if let node = fields["nodes"] { readNodes(node) }
    if let node = fields["domain"], let text = node.text("'domain'", findings) {
      if ClusterNames.isDomain(text) {
        description.domain = text
      } else {
        findings.add(
          node.place, "'domain' is to be a name as cluster.local; it is '\(ConfigurationNode.excerpt(text))'")
      }
      description.places[.domain] = node.place
    }
    if let node = fields["outside"] {
      description.outside = address(node, "'outside'")
      description.places[.outside] = node.place
    }
    for item in fields["deployments"]?.list("'deployments'", findings) ?? [] { readSetting(item) }
  }

  private mutating func readNetworks(_ node: ConfigurationNode) {
    let fields = Fields(node, "'networks'", known: ["nodes", "pods", "services"], findings)
    if let node = fields["nodes"] {
      description.nodeNetwork = prefix(node, "the nodes' network") ?? description.nodeNetwork
      description.places[.nodeNetwork] = node.place
      // Addresses of the standard cluster would be outside of it.
      description.outside = nil
      for index in description.nodes.indices { description.nodes[index].address = nil }
    }
    if let node = fields["services"] {
      description.serviceNetwork = prefix(node, "the services' network") ?? description.serviceNetwork
      description.places[.serviceNetwork] = node.place
    }
    guard let node = fields["pods"] else { return }
    let start = node.place
    if case .scalar = node.content {
      guard let prefix = prefix(node, "the pods' network") else { return }
      let backend = description.podNetwork.backend
      readPodNetwork(json: #"{"Network": "\#(prefix)", "Backend": {"Type": "vxlan"}}"#, at: start)
      description.podNetwork.backend = backend
    } else if case .mapping = node.content {
      readPodNetwork(json: node.json, at: start)
    } else {
      findings.add(
        start, "the pods' network is to be a network as 10.244.0.0/16, or the keys of flannel's net-conf.json")
    }
  }

  /// Takes flannel's `net-conf.json`.
  mutating func readPodNetwork(json: String, at place: SourcePlace) {
    description.places[.podNetwork] = place
    do {
      description.podNetwork = try FlannelConfiguration(json: json)
    } catch {
      for line in "\(error)".split(separator: "\n") { findings.add(place, String(line)) }
    }
  }

  private mutating func readNodes(_ node: ConfigurationNode) {
    let items = node.list("'nodes'", findings)
    guard items.count <= Self.nodeLimit else {
      findings.add(node.place, "there are \(items.count) nodes; a cluster here has at most \(Self.nodeLimit)")
      return
    }
    guard !items.isEmpty else {
      if case .list = node.content { findings.add(node.place, "'nodes' is empty; name at least one") }
      return
    }
    description.nodes = items.compactMap { item in
      if case .scalar = item.content {
        return name(item, "a node's name", limit: ClusterNames.hostLimit).map { .init($0, source: item.place) }
      }
      let fields = Fields(item, "a node", known: ["name", "address", "role", "roles", "labels"], findings)
      guard let nameNode = fields.required("name", "write its name"),
        let name = name(nameNode, "a node's name", limit: ClusterNames.hostLimit)
      else { return nil }
      var made = ClusterDescription.Node(name, source: nameNode.place)
      made.address = fields["address"].flatMap { address($0, "the node's address") }
      made.roles = fields["roles"]?.texts("'roles'", findings) ?? []
      if let role = fields["role"]?.text("'role'", findings) { made.roles.append(role) }
      made.labels = labels(fields["labels"], "'labels'")
      return made
    }
  }

  private mutating func readSetting(_ node: ConfigurationNode) {
    let fields = Fields(
      node, "a deployment",
      known: ["name", "namespace", "replicas", "nodes", "labels", "program", "ports"],
      refused: ["node": "write nodes: [NAME]", "image": "write program:, or the Deployment as a manifest"], findings)
    guard let nameNode = fields.required("name", "write the Deployment's name"),
      let name = name(nameNode, "a deployment's name")
    else { return }
    let namespace = fields["namespace"].flatMap { self.name($0, "a namespace") } ?? "default"
    guard claim("setting of the deployment", .init(namespace: namespace, name: name), at: node.place) else { return }
    var setting = ClusterDescription.DeploymentSetting(namespace: namespace, name: name, source: nameNode.place)
    if let node = fields["replicas"] { setting.replicas = node.integer("'replicas'", Self.replicas, findings) }
    if let node = fields["nodes"] { setting.nodes = node.texts("'nodes'", findings) }
    if let node = fields["labels"] { setting.labels = labels(node, "'labels'") }
    let ports = (fields["ports"]?.list("'ports'", findings) ?? []).compactMap { clusterFilePort($0) }
    if let node = fields["program"] {
      setting.programs = program(node, name: name, ports: ports).map { [$0] }
    } else if let node = fields["ports"] {
      findings.add(node.place, "'ports' says what 'program' listens on; write 'program', or ports in the manifest")
    }
    description.settings.removeAll { ($0.namespace, $0.name) == (namespace, name) }
    description.settings.append(setting)
  }

  /// `8000`, or `{port: 53, name: dns, protocol: UDP, hostPort: 53}`.
  private func clusterFilePort(_ node: ConfigurationNode) -> ClusterDescription.ContainerPort? {
    if case .mapping = node.content {
      let fields = Fields(node, "a port", known: ["port", "name", "protocol", "hostPort"], findings)
      guard let number = fields.required("port", "write its number")?.integer("'port'", 1...65_535, findings) else {
        return nil
      }
      return .init(
        UInt16(number), name: fields["name"]?.text("'name'", findings),
        transport: fields["protocol"]?.word("'protocol'", ["TCP": .tcp, "UDP": .udp], findings) ?? .tcp,
        hostPort: fields["hostPort"]?.integer("'hostPort'", 1...65_535, findings).map { UInt16($0) })
    }
    return node.integer("a port", 1...65_535, findings).map { .init(UInt16($0)) }
  }

  private func program(
    _ node: ConfigurationNode, name: String, ports: [ClusterDescription.ContainerPort]
  ) -> ClusterDescription.Program? {
    if case .list = node.content {
      let words = node.texts("'program'", findings)
      guard !words.isEmpty else { return .init(name: name, kind: .none, ports: ports) }
      return .init(name: name, kind: .command(words), ports: ports)
    }
    guard let text = node.text("'program'", findings) else { return nil }
    return ProgramChoice.named(text, name: name, ports: ports, at: node.place, findings)
  }
}

extension ClusterDescription {
  /// Most pods of a deployment: in files, and by `svs cluster scale`.
  public static let replicaLimit = 1_000

  /// Puts what the cluster file says of deployments on the manifests', and makes those that have none.
  mutating func applySettings(_ findings: Findings) {
    for setting in settings {
      let found = workloads.firstIndex {
        ($0.kind, $0.namespace, $0.name) == (.deployment, setting.namespace, setting.name)
      }
      if found == nil, setting.programs == nil {
        findings.add(
          setting.source,
          "there is no Deployment \(setting.namespace)/\(setting.name) in the files, so that nothing tells what runs "
            + "in it; add its manifest, or write 'program'")
        continue
      }
      let index = found ?? workloads.count
      if found == nil {
        workloads.append(
          Workload(
            namespace: setting.namespace, name: setting.name, labels: ["app": setting.name], source: setting.source))
      }
      if let replicas = setting.replicas { workloads[index].replicas = replicas }
      if let nodes = setting.nodes { workloads[index].nodes = nodes }
      if let labels = setting.labels { workloads[index].labels.merge(labels) { _, new in new } }
      if let programs = setting.programs {
        if var program = programs.first, program.ports.isEmpty {
          // The manifest's ports, with their names, if it has any.
          let known = workloads[index].programs.flatMap(\.ports)
          if !known.isEmpty { program.ports = known }
          workloads[index].programs = [program]
        } else {
          workloads[index].programs = programs
        }
      }
    }
  }
}
