import IngressModel
import Netlink

extension ClusterReader {
  /// Kubernetes' own for `sessionAffinity: ClientIP` without a time: three hours.
  private static let affinitySeconds: UInt32 = 10_800
  /// Most ports of one service.
  private static let portLimit = 256

  mutating func readService(_ node: ConfigurationNode, _ name: QualifiedName, at place: SourcePlace) {
    let what = "the Service \(name)"
    let top = fields(node, what, known: ["spec"], silent: ["apiVersion", "kind", "metadata", "status"])
    guard let spec = top.required("spec", "write its selector and ports") else { return }
    let noBalancer = "there is no load balancer in front of the nodes"
    let fields = fields(
      spec, "'spec' of \(what)",
      known: [
        "type", "clusterIP", "clusterIPs", "ports", "selector", "sessionAffinity", "sessionAffinityConfig",
        "externalName",
      ],
      noted: [
        "externalIPs": "services are reached at their cluster IP and at node ports",
        "loadBalancerIP": noBalancer, "loadBalancerClass": noBalancer, "loadBalancerSourceRanges": noBalancer,
        "trafficDistribution": "a cluster IP leads to all pods",
        "publishNotReadyAddresses": "only pods that are ready are endpoints",
        "healthCheckNodePort": "nodes are not asked how they are",
      ],
      silent: [
        "ipFamilies", "ipFamilyPolicy", "allocateLoadBalancerNodePorts", "externalTrafficPolicy",
        "internalTrafficPolicy",
      ])
    for key in ["externalTrafficPolicy", "internalTrafficPolicy"] {
      // Cluster is what is done, and what the API server writes where nothing was said.
      if case .scalar("Local", _)? = fields[key]?.content {
        remarks.add(fields.place(of: key), "'\(key)' of \(what) has no effect here: connections go to all pods")
      }
    }
    var made = ClusterDescription.Service(
      namespace: name.namespace, name: name.name, ports: [], selector: [:], source: place)
    if let node = fields["type"] {
      let type = node.word(
        "'type'",
        ["ClusterIP": "ClusterIP", "NodePort": "NodePort", "LoadBalancer": "LoadBalancer", "ExternalName": ""],
        findings)
      guard let type else { return }
      if type.isEmpty {
        remarks.add(node.place, "\(what) has no effect here: the cluster's DNS has no names of others (ExternalName)")
        return
      }
      made.hasNodePorts = type != "ClusterIP"
      if type == "LoadBalancer" { remarks.add(node.place, "\(what) is served as a NodePort: \(noBalancer)") }
    }
    readClusterIP(fields, what: what, into: &made)
    made.selector = labels(fields["selector"], "'selector'", isStrict: true)
    if fields["selector"] == nil || made.selector.isEmpty {
      remarks.add(place, "\(what) has no selector, and no endpoints here")
    }
    readAffinity(fields, what: what, into: &made)
    readPorts(fields, what: what, into: &made)
    let index = description.services[..<baseServices].firstIndex {
      ($0.namespace, $0.name) == (made.namespace, made.name)
    }
    if let index { description.services[index] = made } else { description.services.append(made) }
  }

  private func readClusterIP(_ fields: Fields, what: String, into made: inout ClusterDescription.Service) {
    var node = fields["clusterIP"]
    if node == nil, let list = fields["clusterIPs"] { node = list.list("'clusterIPs'", findings).first }
    guard let node else { return }
    if case .scalar("None", _) = node.content {
      made.address = .headless
      if made.hasNodePorts {
        findings.add(
          node.place, "\(what) has no cluster IP, and so no node ports; write type: ClusterIP, or an address")
      }
    } else if !node.isEmpty, let address = address(node, "'clusterIP' of \(what)") {
      made.address = .clusterIP(address)
    }
  }

  private func readAffinity(_ fields: Fields, what: String, into made: inout ClusterDescription.Service) {
    var isByClient = false
    if let node = fields["sessionAffinity"] {
      isByClient = node.word("'sessionAffinity'", ["ClientIP": true, "None": false], findings) ?? false
    }
    var seconds = Self.affinitySeconds
    if let node = fields["sessionAffinityConfig"] {
      let keys = Fields(node, "'sessionAffinityConfig'", known: ["clientIP"], findings)
      if let node = keys["clientIP"] {
        let keys = Fields(node, "'clientIP'", known: ["timeoutSeconds"], findings)
        if let node = keys["timeoutSeconds"] {
          // Kubernetes' own bound: a day.
          seconds = UInt32(number(node, "'timeoutSeconds'", 1...86_400) ?? 1)
        }
      }
      if !isByClient {
        findings.add(node.place, "'sessionAffinityConfig' of \(what) needs sessionAffinity: ClientIP")
      }
    }
    if isByClient { made.affinitySeconds = seconds }
  }

  private func readPorts(_ fields: Fields, what: String, into made: inout ClusterDescription.Service) {
    guard let list = fields["ports"] else {
      if made.address != .headless {
        findings.add(fields.place, "'ports' is missing in 'spec' of \(what); write for example ports: [{port: 80}]")
      }
      return
    }
    let items = list.list("'ports'", findings)
    guard items.count <= Self.portLimit else {
      findings.add(list.place, "\(what) has \(items.count) ports; a service here has at most \(Self.portLimit)")
      return
    }
    var names: Set<String> = []
    var numbers: Set<ClusterLayout.Port> = []
    for item in items {
      guard let port = servicePort(item, of: what, hasNodePorts: made.hasNodePorts) else { continue }
      if !numbers.insert(.init(port.transport, port.number)).inserted {
        findings.add(item.place, "\(what) has the port \(port.number) twice; leave one of them out")
      }
      if let name = port.name {
        if !names.insert(name).inserted {
          findings.add(item.place, "two ports of \(what) are called '\(name)'; give one another name")
        }
      } else if items.count > 1 {
        findings.add(item.place, "a port of \(what) has no name; where there are several each needs one")
      }
      made.ports.append(port)
    }
  }

  private func servicePort(
    _ node: ConfigurationNode, of what: String, hasNodePorts: Bool
  ) -> ClusterDescription.Service.Port? {
    let fields = fields(
      node, "a port of \(what)", known: ["name", "port", "targetPort", "nodePort", "protocol"], silent: ["appProtocol"])
    let given = fields.required("port", "write its number").flatMap { self.number($0, "'port'", 1...65_535) }
    let transport = self.transport(fields, of: what)
    // All is looked at, so that all that is wrong is told.
    let number = UInt16(given ?? 1)
    var made = ClusterDescription.Service.Port(number, transport: transport ?? .tcp, source: node.place)
    made.name = fields["name"].flatMap { name($0, "the name of a port of \(what)") }
    if let node = fields["targetPort"], let text = node.text("'targetPort'", findings) {
      if text.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) {
        made.target = .number(self.number(node, "'targetPort'", 1...65_535).map { UInt16($0) } ?? number)
      } else {
        made.target = .name(text)
      }
    }
    if let node = fields["nodePort"] { made.nodePort = nodePort(node, of: what, isWanted: hasNodePorts) }
    return given == nil || transport == nil ? nil : made
  }

  private func nodePort(_ node: ConfigurationNode, of what: String, isWanted: Bool) -> UInt16? {
    guard let number = self.number(node, "'nodePort'", Int.min...Int.max), number != 0 else { return nil }
    let range = ClusterDescription.nodePorts
    if !isWanted { findings.add(node.place, "'nodePort' of \(what) needs type: NodePort") }
    guard let port = UInt16(exactly: number), range.contains(port) else {
      findings.add(
        node.place,
        "'nodePort' of \(what) is to be from \(range.lowerBound) to \(range.upperBound), or left out; it is \(number)")
      return nil
    }
    return isWanted ? port : nil
  }
}

extension ClusterDescription {
  /// Node ports, as Kubernetes has them unless told otherwise.
  public static let nodePorts: ClosedRange<UInt16> = 30_000...32_767
}
