import IngressModel
import Netlink

/// A pod with its place, and the deployment it is of.
struct PlacedPod {
  var name: String
  var node: String
  var address: IPAddress
  var workload: ClusterDescription.Workload

  /// The layout's value; an ingress gets its rules.
  func pod(rules: String) -> ClusterLayout.Pod {
    ClusterLayout.Pod(
      namespace: workload.namespace, name: name, node: node, address: address, labels: workload.labels,
      programs: workload.programs.compactMap { program in
        let ports = program.ports.map { ClusterLayout.Port($0.transport, $0.number) }
        let kind: ClusterLayout.Program.Kind
        switch program.kind {
        case .webApp(let port): kind = .webApp(port: port)
        case .resolver: kind = .resolver
        case .ingress(let entryPort, let statusPort):
          kind = .ingress(rules: rules, entryPort: entryPort, statusPort: statusPort)
        case .command(let words): kind = .command(words)
        case .none: return nil
        }
        return ClusterLayout.Program(name: program.name, kind: kind, ports: ports)
      })
  }

  /// The number of a port that a service names; nil where no container has it.
  func port(_ target: ClusterDescription.Service.Target, _ transport: ServicePort.TransportProtocol) -> UInt16? {
    switch target {
    case .number(let number):
      func has(_ program: ClusterDescription.Program) -> Bool {
        program.ports.contains { $0.number == number && $0.transport == transport }
      }
      // A port need not be written down to be listened at; one that is written down elsewhere is not meant.
      let isElsewhere = workload.programs.contains(where: has)
      return !isElsewhere || workload.servedPrograms.contains { $0.ports.isEmpty || has($0) } ? number : nil
    case .name(let name):
      for program in workload.servedPrograms {
        if let found = program.ports.first(where: { $0.name == name && $0.transport == transport }) {
          return found.number
        }
      }
      return nil
    }
  }
}

extension ClusterDescription.Workload {
  /// The containers at whose ports something may listen.
  ///
  /// In a pod where nothing runs these are all: commands run inside may listen. Beside a program that runs, a container
  /// without one is none of them.
  var servedPrograms: [ClusterDescription.Program] {
    let running = programs.filter { $0.kind != .none }
    return running.isEmpty ? programs : running
  }
}

/// Gives each pod a node and an address: in turn, those that are placed already where they are.
struct PodPlacer {
  private(set) var pods: [PlacedPod] = []
  private let description: ClusterDescription
  private let nodes: [ClusterLayout.Node]
  private let findings: Findings
  /// Of each node, the host numbers given, and where the search goes on.
  private var taken: [String: Set<UInt32>] = [:]
  private var cursors: [String: UInt32] = [:]

  /// The bridge has host 1.
  private static let firstHost: UInt32 = 2
  /// Most pods of a cluster.
  static let podLimit = 50_000

  init(_ description: ClusterDescription, nodes: [ClusterLayout.Node], findings: Findings) {
    self.description = description
    self.nodes = nodes
    self.findings = findings
    cursors = description.lastHosts
  }

  mutating func place() {
    var total = 0
    for workload in description.workloads {
      let limit = ClusterDescription.replicaLimit
      guard (0...limit).contains(workload.replicas) else {
        findings.add(
          workload.source,
          "\(what(workload)) is to have \(workload.replicas) pods; write a number from 0 to \(limit)")
        return
      }
      total += workload.replicas
    }
    guard total <= Self.podLimit else {
      findings.add(nil, "the cluster is to have \(total) pods; here it has at most \(Self.podLimit)")
      return
    }
    let names = podNames()
    let candidates = description.workloads.map { self.candidates(for: $0) }
    guard findings.all.isEmpty else { return }
    // Where pods are already goes before what is given now.
    var kept: [String: ClusterDescription.Placement] = [:]
    for (candidates, names) in zip(candidates, names) {
      for name in names {
        guard let placement = description.placements[name],
          let node = candidates.first(where: { $0.name == placement.node }), node.podSubnet.contains(placement.address)
        else { continue }
        let number = hostNumber(of: placement.address, in: node.podSubnet)
        guard number >= Self.firstHost, number <= node.podSubnet.lastPodHost,
          taken[node.name, default: []].insert(number).inserted
        else { continue }
        kept[name] = placement
      }
    }
    for (position, workload) in description.workloads.enumerated() {
      let (candidates, names) = (candidates[position], names[position])
      // So that deployments of one pod do not all end on the first node.
      let start = workload.nodes.isEmpty ? position : 0
      for (index, name) in names.enumerated() {
        if let placement = kept[name] {
          pods.append(PlacedPod(name: name, node: placement.node, address: placement.address, workload: workload))
          continue
        }
        let node = candidates[(start + index) % candidates.count]
        guard let address = nextAddress(on: node) else {
          findings.add(
            workload.source,
            "the subnet \(node.podSubnet) of node \(node.name) has \(max(node.podSubnet.lastPodHost, 1) - 1) addresses for pods, "
              + "and pod \(name) finds none; take fewer replicas or more nodes, or a smaller "
              + "SubnetLen of the pods' network"
          )
          return
        }
        pods.append(PlacedPod(name: name, node: node.name, address: address, workload: workload))
      }
    }
  }

  private func what(_ workload: ClusterDescription.Workload) -> String {
    "the \(workload.kind.rawValue) \(workload.namespace)/\(workload.name)"
  }

  // MARK: Names

  /// The names of each workload's pods: of a deployment NAME-1, NAME-2 and so on.
  ///
  /// They name network namespaces, and so are unique in the cluster: where a name is used in several namespaces, those
  /// of namespaces other than the first are NAMESPACE-NAME.
  private func podNames() -> [[String]] {
    // The network between the nodes is a namespace too.
    var owners = ["outside": "the outside client", "underlay": "the nodes' network"]
    for node in description.nodes {
      if let other = owners.updateValue("a node", forKey: node.name) {
        findings.add(node.source, "the node '\(node.name)' has the name of \(other); give it another")
      }
    }
    var bases: Set<String> = []
    return description.workloads.map { workload in
      let plain = "\(workload.kind.rawValue)/\(workload.name)"
      let base = bases.insert(plain).inserted ? workload.name : "\(workload.namespace)-\(workload.name)"
      let names: [String]
      switch workload.kind {
      case .pod: names = [ClusterNames.shortened(base, to: ClusterNames.hostLimit)]
      case .deployment:
        // Room for any number, so that a pod keeps its name when there are more of them.
        let short = ClusterNames.shortened(base, to: ClusterNames.hostLimit - 6)
        names = (0..<max(0, workload.replicas)).map { "\(short)-\($0 + 1)" }
      }
      for name in names {
        if let other = owners.updateValue("a pod of \(what(workload))", forKey: name) {
          findings.add(
            workload.source,
            "the pod '\(name)' of \(what(workload)) has the name of \(other); "
              + "give one of them another name")
        }
      }
      return names
    }
  }

  // MARK: Nodes

  /// The nodes that a workload's pods may go to; none, and a finding, where that cannot be told.
  private func candidates(for workload: ClusterDescription.Workload) -> [ClusterLayout.Node] {
    func find(_ name: String) -> ClusterLayout.Node? {
      // Manifests of a real cluster have its nodes' whole names: k8s-node1.
      nodes.first { $0.name == name } ?? nodes.first { "\(description.name)-\($0.name)" == name }
    }
    func unknown(_ name: String, _ place: SourcePlace?) {
      let known = nodes.map(\.name)
      let near = Spelling.nearest(to: name, among: known).map { "did you mean \($0)?" }
      let list = known.prefix(10).joined(separator: ", ") + (known.count > 10 ? ", …" : "")
      findings.add(
        place,
        "there is no node '\(ConfigurationNode.excerpt(name))' for \(what(workload)); "
          + (near ?? "there are \(list)"))
    }
    if let name = workload.nodeName {
      guard let node = find(name) else {
        unknown(name, workload.source)
        return []
      }
      return [node]
    }
    var made: [ClusterLayout.Node]
    if workload.nodes.isEmpty {
      let free = description.nodes.filter { !$0.isReserved }.map(\.name)
      let isFree = Set(free.isEmpty || !workload.nodeSelector.isEmpty ? nodes.map(\.name) : free)
      made = nodes.filter { isFree.contains($0.name) }
    } else {
      let place = description.settings.first { ($0.namespace, $0.name) == (workload.namespace, workload.name) }?.source
      made = []
      for name in workload.nodes {
        guard let node = find(name) else {
          unknown(name, place ?? workload.source)
          return []
        }
        made.append(node)
      }
    }
    if !workload.nodeSelector.isEmpty {
      let labels = Dictionary(description.nodes.map { ($0.name, self.labels(of: $0)) }) { first, _ in first }
      made.removeAll { node in
        let own = labels[node.name] ?? [:]
        return workload.nodeSelector.contains { own[$0.key] != $0.value && !isOwnName($0, of: node) }
      }
      if made.isEmpty {
        let wanted = workload.nodeSelector.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        findings.add(
          workload.source,
          "no node has the labels \(wanted.joined(separator: ", ")) of the nodeSelector of \(what(workload)); give a "
            + "node these 'labels' in the cluster file")
      }
    }
    return made
  }

  private func isOwnName(_ label: (key: String, value: String), of node: ClusterLayout.Node) -> Bool {
    label.key == "kubernetes.io/hostname" && label.value == "\(description.name)-\(node.name)"
  }

  /// Those of the description, and those that Kubernetes gives.
  private func labels(of node: ClusterDescription.Node) -> [String: String] {
    var made = ["kubernetes.io/hostname": node.name, "kubernetes.io/os": "linux"]
    for role in node.roles { made["node-role.kubernetes.io/\(role)"] = "" }
    return made.merging(node.labels) { _, own in own }
  }

  // MARK: Addresses

  private func hostNumber(of address: IPAddress, in subnet: IPPrefix) -> UInt32 {
    UInt32(truncatingIfNeeded: address.number &- subnet.network.address.number)
  }

  /// The next free address of a node's subnet, behind the last one given: one that was freed is used late.
  private mutating func nextAddress(on node: ClusterLayout.Node) -> IPAddress? {
    let last = node.podSubnet.lastPodHost
    guard last >= Self.firstHost, UInt32(taken[node.name]?.count ?? 0) < last - Self.firstHost + 1 else { return nil }
    var candidate = cursors[node.name] ?? Self.firstHost - 1
    repeat {
      candidate = candidate >= last ? Self.firstHost : candidate + 1
    } while taken[node.name]?.contains(candidate) == true
    cursors[node.name] = candidate
    taken[node.name, default: []].insert(candidate)
    return node.podSubnet.host(candidate)
  }
}
