import IngressModel
import Netlink

/// Settles services: cluster IPs, node ports, endpoints, names.
struct ServiceBuilder {
  private(set) var ports: [ServicePort] = []
  private(set) var names: [ClusterLayout.NameRecord] = []
  /// Nil for one that is headless.
  private(set) var clusterIPs: [QualifiedName: IPAddress?] = [:]
  /// The cluster IP of the DNS server.
  private(set) var resolver: IPAddress?
  private let description: ClusterDescription
  private let placed: [PlacedPod]
  private let findings: Findings
  private let remarks: Findings
  private var takenAddresses: [IPAddress: String] = [:]
  private var takenNodePorts: [ClusterLayout.Port: String] = [:]
  /// Pods by namespace and one label, so that a service looks at few of them.
  private var podsByLabel: [Label: [Int]] = [:]

  private struct Label: Hashable {
    var namespace: String
    var key: String
    var value: String
  }

  init(_ description: ClusterDescription, placed: [PlacedPod], findings: Findings, remarks: Findings) {
    self.description = description
    self.placed = placed
    self.findings = findings
    self.remarks = remarks
    for (index, pod) in placed.enumerated() {
      for (key, value) in pod.workload.labels {
        podsByLabel[Label(namespace: pod.workload.namespace, key: key, value: value), default: []].append(index)
      }
    }
  }

  mutating func build() {
    claimGiven()
    for service in description.services { assign(service) }
    for workload in description.workloads { addHostPorts(of: workload) }
    names.sort { $0.name < $1.name }
  }

  // MARK: What was given

  /// Addresses and node ports that services ask for go before those that are assigned.
  private mutating func claimGiven() {
    let network = description.serviceNetwork
    // The standard cluster's first: what is told then stands in the user's file.
    let standard = description.services.filter { $0.source?.file == ClusterDescription.standardName }
    let own = description.services.filter { $0.source?.file != ClusterDescription.standardName }
    for service in standard + own {
      let what = "the Service \(service.namespace)/\(service.name)"
      if case .clusterIP(let address) = service.address {
        if !network.contains(address) || address == network.network.address {
          findings.add(
            service.source,
            "\(what) has the cluster IP \(address), which is none of the services' network \(network); give it "
              + "another, or leave clusterIP out")
        } else if let other = takenAddresses.updateValue(what, forKey: address) {
          findings.add(service.source, "\(what) has the cluster IP \(address) of \(other); give one of them another")
        }
      }
      for port in service.ports {
        if let nodePort = port.nodePort {
          claim(nodePort, port.transport, for: what, at: port.source ?? service.source)
        }
      }
    }
    for workload in description.workloads {
      for port in workload.servedPrograms.flatMap(\.ports) {
        guard let hostPort = port.hostPort else { continue }
        claim(
          hostPort, port.transport, for: "the \(workload.kind.rawValue) \(workload.namespace)/\(workload.name)",
          at: workload.source)
      }
    }
  }

  private mutating func claim(
    _ nodePort: UInt16, _ transport: ServicePort.TransportProtocol, for what: String, at place: SourcePlace?
  ) {
    if let other = takenNodePorts.updateValue(what, forKey: .init(transport, nodePort)) {
      findings.add(place, "\(what) has the node port \(nodePort) of \(other); give one of them another")
    }
  }

  // MARK: What is assigned

  /// A free address, found from the owner's name on: it stays the same when services are added or removed.
  private func freeClusterIP(for owner: String) -> IPAddress? {
    let network = description.serviceNetwork
    let count = network.hostCount
    let start = ClusterNames.hash(owner) % count
    for step in 0..<count {
      let candidate = network.host((start + step) % count + 1)
      // The DNS server's usual address is left to it.
      if takenAddresses[candidate] == nil, candidate != network.host(10) { return candidate }
    }
    return nil
  }

  private func freeNodePort(for owner: String) -> UInt16? {
    let range = ClusterDescription.nodePorts
    let start = ClusterNames.hash(owner) % UInt32(range.count)
    for step in 0..<UInt32(range.count) {
      let candidate = range.lowerBound + UInt16((start + step) % UInt32(range.count))
      // Free for both protocols, so that one number never means two services.
      if takenNodePorts[.init(.tcp, candidate)] == nil, takenNodePorts[.init(.udp, candidate)] == nil {
        return candidate
      }
    }
    return nil
  }

  private mutating func assign(_ service: ClusterDescription.Service) {
    let name = QualifiedName(namespace: service.namespace, name: service.name)
    let record = "\(service.name).\(service.namespace).svc.\(description.domain)"
    let pods = pods(of: service)
    if pods.isEmpty, !service.selector.isEmpty, !isWaiting(service) {
      remarks.add(
        service.source,
        "no pods have the labels \(Self.text(service.selector)) of the Service \(name): it has no endpoints")
    }
    let address: IPAddress
    switch service.address {
    case .headless:
      clusterIPs[name] = .some(nil)
      names.append(.init(record, pods.map { placed[$0].address }))
      return
    case .clusterIP(let given): address = given
    case .assigned:
      guard let free = freeClusterIP(for: name.description) else {
        findings.add(
          service.source,
          "the services' network \(description.serviceNetwork) has no address left for the Service \(name); give it a "
            + "shorter prefix")
        return
      }
      address = free
      takenAddresses[free] = "the Service \(name)"
    }
    clusterIPs[name] = address
    names.append(.init(record, [address]))
    for port in service.ports { add(port, of: service, at: address, pods: pods) }
    if service.ports.contains(where: { $0.number == 53 && $0.transport == .udp }),
      resolver == nil || (service.namespace, service.name) == ("kube-system", "kube-dns")
    {
      let isResolver = description.workloads.contains { workload in
        workload.programs.contains { $0.kind == .resolver } && Self.matches(service, workload)
      }
      if isResolver { resolver = address }
    }
  }

  private mutating func add(
    _ port: ClusterDescription.Service.Port, of service: ClusterDescription.Service, at address: IPAddress, pods: [Int]
  ) {
    var made = ServicePort(
      name: .init(
        namespace: service.namespace, service: service.name, port: service.ports.count > 1 ? port.name : nil),
      transport: port.transport, clusterIP: address, port: port.number, nodePort: port.nodePort,
      affinitySeconds: service.affinitySeconds, endpoints: [])
    if service.hasNodePorts, made.nodePort == nil {
      let what = "the Service \(service.namespace)/\(service.name)"
      guard let free = freeNodePort(for: "\(what) \(port.transport) \(port.number)") else {
        findings.add(
          port.source ?? service.source,
          "there are no node ports left for \(what): \(ClusterDescription.nodePorts.count) are taken")
        return
      }
      takenNodePorts[.init(port.transport, free)] = what
      made.nodePort = free
    }
    for index in pods {
      guard let number = placed[index].port(port.target, port.transport) else { continue }
      made.endpoints.append(Endpoint(placed[index].address, port: number))
    }
    if made.endpoints.isEmpty, !pods.isEmpty {
      let target =
        switch port.target {
        case .name(let name): "called '\(ConfigurationNode.excerpt(name))'"
        case .number(let number): "\(number) in a container in which something runs"
        }
      remarks.add(
        port.source ?? service.source,
        "no pod of the Service \(service.namespace)/\(service.name) has a \(port.transport == .tcp ? "TCP" : "UDP") "
          + "port \(target): port \(port.number) has no endpoints")
    }
    ports.append(made)
  }

  /// A port of the nodes that a container asks for is a service of its own.
  private mutating func addHostPorts(of workload: ClusterDescription.Workload) {
    var address: IPAddress?
    for port in workload.servedPrograms.flatMap(\.ports) {
      guard let hostPort = port.hostPort else { continue }
      guard let clusterIP = address ?? freeClusterIP(for: "hostport \(workload.namespace)/\(workload.name)") else {
        findings.add(
          workload.source,
          "the services' network \(description.serviceNetwork) has no address left for the hostPort of "
            + "\(workload.namespace)/\(workload.name); give it a shorter prefix")
        return
      }
      address = clusterIP
      takenAddresses[clusterIP] = "the hostPort of \(workload.namespace)/\(workload.name)"
      let isOfThis = { (pod: PlacedPod) in
        pod.workload.kind == workload.kind && pod.workload.namespace == workload.namespace
          && pod.workload.name == workload.name
      }
      ports.append(
        ServicePort(
          name: .init(namespace: workload.namespace, service: workload.name, port: "hostport-\(hostPort)"),
          transport: port.transport, clusterIP: clusterIP, port: hostPort, nodePort: hostPort,
          endpoints: placed.filter(isOfThis).map { Endpoint($0.address, port: port.number) }))
    }
  }

  // MARK: Selectors

  private static func text(_ labels: [String: String]) -> String {
    labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ", ")
  }

  private static func matches(_ service: ClusterDescription.Service, _ workload: ClusterDescription.Workload) -> Bool {
    !service.selector.isEmpty && service.namespace == workload.namespace
      && service.selector.allSatisfy { workload.labels[$0.key] == $0.value }
  }

  /// Whether it is for a deployment that has no pods at the moment.
  private func isWaiting(_ service: ClusterDescription.Service) -> Bool {
    description.workloads.contains { $0.replicas == 0 && Self.matches(service, $0) }
  }

  private func pods(of service: ClusterDescription.Service) -> [Int] {
    let lists = service.selector.map { label in
      podsByLabel[Label(namespace: service.namespace, key: label.key, value: label.value)] ?? []
    }
    guard let shortest = lists.min(by: { $0.count < $1.count }) else { return [] }
    return shortest.filter { Self.matches(service, placed[$0].workload) }
  }
}
