import IngressModel
import Netlink

extension ClusterDescription {
  /// Settles where each pod goes and every address, name and endpoint.
  ///
  /// The same description always gives the same layout. It takes milliseconds, so that a change is made by changing the
  /// description and laying it out again; pods that stay keep their places after ``scale(_:namespace:to:)`` and
  /// ``keep(_:)``.
  ///
  /// - Parameter hostRoutes: Networks that the host itself reaches and the cluster's must not cover.
  /// - Throws: All that is wrong, not just the first.
  public func layout(hostRoutes: [IPPrefix] = []) throws(ClusterDescriptionError) -> ClusterLayout {
    let findings = Findings()
    let remarks = Findings()
    checkNetworks(hostRoutes: hostRoutes, findings)
    let nodes = placedNodes(findings)
    // Without networks and nodes that hold, the rest would only be wrong in consequence.
    try Self.end(findings)
    var placer = PodPlacer(self, nodes: nodes, findings: findings)
    placer.place()
    try Self.end(findings)
    var services = ServiceBuilder(self, placed: placer.pods, findings: findings, remarks: remarks)
    services.build()
    try Self.end(findings)
    let rules = IngressRules(self, clusterIPs: services.clusterIPs, remarks: remarks)
    let pods = placer.pods.map { $0.pod(rules: rules.text) }
    let outside = outside ?? nodeNetwork.lastHost
    checkRoles(pods: pods, hasResolver: services.resolver != nil, remarks)
    if podNetwork.ipv6 != nil {
      remarks.add(places[.podNetwork], "pods get IPv4 addresses only: IPv6Network has no effect here")
    }
    return ClusterLayout(
      name: name, nodeNetwork: nodeNetwork, serviceNetwork: serviceNetwork, podNetwork: podNetwork, nodes: nodes,
      pods: pods, services: services.ports, names: services.names, domain: domain,
      resolver: services.resolver ?? serviceNetwork.host(10),
      outside: .init(address: IPPrefix(outside, length: nodeNetwork.length)),
      notes: notes.map(\.description) + remarks.sorted(files: []).map(\.description))
  }

  private static func end(_ findings: Findings) throws(ClusterDescriptionError) {
    if !findings.all.isEmpty { throw ClusterDescriptionError(findings.sorted(files: [])) }
  }

  /// Notes what nobody serves.
  private func checkRoles(pods: [ClusterLayout.Pod], hasResolver: Bool, _ remarks: Findings) {
    func has(_ isIt: (ClusterLayout.Program.Kind) -> Bool) -> Bool {
      pods.contains { $0.programs.contains { isIt($0.kind) } }
    }
    if has({ $0 == .resolver }) {
      if !hasResolver {
        remarks.add(
          nil, "no Service has a UDP port 53 that leads to the DNS server, so that pods know no names; add one")
      }
    } else {
      remarks.add(nil, "no pod is a DNS server, so that pods know no names; a Deployment with the image coredns is one")
    }
    if let route = routeObjects.first(where: { $0.kind == "IngressRoute" }),
      !has({ if case .ingress = $0 { true } else { false } })
    {
      remarks.add(
        route.source,
        "no pod is an ingress, so that this IngressRoute has no effect; a Deployment with the image traefik is one")
    }
  }

  // MARK: Networks and nodes

  private func checkNetworks(hostRoutes: [IPPrefix], _ findings: Findings) {
    guard let pods = podNetwork.ipv4 else {
      findings.add(places[.podNetwork], "the pods' network has no IPv4 Network; give it one, as 10.244.0.0/16")
      return
    }
    for (part, what, prefix) in [
      (Part.nodeNetwork, "the nodes' network", nodeNetwork), (.serviceNetwork, "the services' network", serviceNetwork),
    ] where prefix.address.family != .ipv4 || !(8...30).contains(prefix.length) {
      findings.add(places[part], "\(what) is to be an IPv4 network from /8 to /30; it is \(prefix)")
    }
    guard findings.all.isEmpty else { return }
    let networks: [(part: Part, what: String, prefix: IPPrefix)] = [
      (.nodeNetwork, "the nodes' network", nodeNetwork), (.podNetwork, "the pods' network", pods.prefix),
      (.serviceNetwork, "the services' network", serviceNetwork),
    ]
    for (index, one) in networks.enumerated() {
      for special in Self.specialNetworks where one.prefix.overlaps(special.prefix) {
        findings.add(
          places[one.part],
          "\(one.what) \(one.prefix) has addresses of \(special.prefix), which are \(special.what) and no hosts'; "
            + "give it others, as 10.0.0.0/8 has")
      }
      for other in networks[..<index] where one.prefix.overlaps(other.prefix) {
        findings.add(
          places[one.part] ?? places[other.part],
          "\(one.what) \(one.prefix) overlaps \(other.what) \(other.prefix); give one of them other addresses")
      }
      for route in hostRoutes where route.length > 0 && one.prefix.overlaps(route) {
        findings.add(
          places[one.part],
          "\(one.what) \(one.prefix) overlaps \(route), which this host has a route to; give it other addresses, "
            + "under 'networks' in the cluster file")
      }
    }
    if let reason = ClusterNames.fault(of: name, limit: ClusterNames.hostLimit) {
      findings.add(places[.name], "the cluster's name '\(ConfigurationNode.excerpt(name))' \(reason)")
    }
  }

  /// Networks whose addresses no host can have or be reached at (RFC 6890; RFC 5771 for groups).
  private static let specialNetworks: [(prefix: IPPrefix, what: String)] = [
    ("0.0.0.0/8", "this network's own"), ("127.0.0.0/8", "the loopback's"), ("169.254.0.0/16", "one link's"),
    ("224.0.0.0/4", "groups'"), ("240.0.0.0/4", "reserved"),
  ].compactMap { text, what in IPPrefix(text).map { (prefix: $0, what: what) } }

  private func placedNodes(_ findings: Findings) -> [ClusterLayout.Node] {
    guard let pods = podNetwork.ipv4 else { return [] }
    if nodes.isEmpty { findings.add(places[.name], "the cluster has no nodes; name at least one under 'nodes'") }
    guard pods.subnetLength <= 30 else {
      findings.add(
        places[.podNetwork],
        "a node's subnet of /\(pods.subnetLength) has no addresses for pods; let SubnetLen be at most 30")
      return []
    }
    let subnets = pods.subnets
    guard nodes.count <= subnets.count else {
      findings.add(
        places[.podNetwork] ?? nodes.first?.source,
        "the pods' network \(pods.prefix) has \(subnets.count) subnets of /\(pods.subnetLength), from "
          + "\(pods.firstSubnet) to \(pods.lastSubnet), and the cluster \(nodes.count) nodes; give it a larger "
          + "Network, a longer SubnetLen, or fewer nodes")
      return []
    }
    var taken: [IPAddress: String] = [:]
    if let outside { claim(outside, for: "the outside client", at: places[.outside], in: &taken, findings) }
    var names: [String: Node] = [:]
    for node in nodes {
      if let first = names.updateValue(node, forKey: node.name) {
        findings.add(
          node.source,
          "the node '\(node.name)' is there twice\(first.source.map { ", first in \($0)" } ?? ""); give one of them "
            + "another name"
        )
      }
      if let reason = ClusterNames.fault(of: node.name, limit: ClusterNames.hostLimit) {
        findings.add(node.source, "the node's name '\(ConfigurationNode.excerpt(node.name))' \(reason)")
      }
      if let address = node.address {
        let place = node.source ?? places[.outside]
        claim(address, for: "the node \(node.name)", at: place, in: &taken, findings)
      }
    }
    if outside == nil { taken[nodeNetwork.lastHost] = taken[nodeNetwork.lastHost] ?? "the outside client" }
    var next: UInt32 = 1
    let size = nodeNetwork.hostCount
    var made: [ClusterLayout.Node] = []
    for (node, subnet) in zip(nodes, subnets) {
      var address = node.address
      while address == nil, next <= size {
        let candidate = nodeNetwork.host(next)
        next += 1
        if taken[candidate] == nil { address = candidate }
      }
      guard let address else {
        findings.add(
          places[.nodeNetwork] ?? node.source,
          "the nodes' network \(nodeNetwork) has \(size) addresses, too few for \(nodes.count) nodes and the outside "
            + "client; give it a shorter prefix")
        return []
      }
      taken[address] = node.name
      made.append(.init(name: node.name, address: IPPrefix(address, length: nodeNetwork.length), podSubnet: subnet))
    }
    return made
  }

  private func claim(
    _ address: IPAddress, for what: String, at place: SourcePlace?, in taken: inout [IPAddress: String],
    _ findings: Findings
  ) {
    guard nodeNetwork.contains(address), address != nodeNetwork.network.address,
      address != nodeNetwork.host(nodeNetwork.hostCount + 1)
    else {
      findings.add(place, "\(what) has the address \(address), which is none of the nodes' network \(nodeNetwork)")
      return
    }
    if let other = taken.updateValue(what, forKey: address) {
      findings.add(place, "\(what) has the address \(address) of \(other); give one of them another")
    }
  }
}

extension IPPrefix {
  /// Whether there is an address in both.
  func overlaps(_ other: IPPrefix) -> Bool {
    other.address.family == address.family
      && (length <= other.length ? contains(other.network.address) : other.contains(network.address))
  }

  /// Addresses for hosts: without the network's own and the last, which is for broadcasts. For IPv4 from /1 to /30.
  var hostCount: UInt32 { length >= 31 ? 0 : UInt32(truncatingIfNeeded: (1 as UInt64) << UInt64(32 - length)) &- 2 }

  var lastHost: IPAddress { host(hostCount) }

  /// The number of the last address that a pod gets: the one behind it is the director's of the node.
  var lastPodHost: UInt32 { max(hostCount, 1) - 1 }
}
