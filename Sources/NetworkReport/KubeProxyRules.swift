import ClusterModel
import Netlink

/// nftables rules that serve services as kube-proxy's nftables mode does, for comparison.
///
/// The structure is kube-proxy's as of Kubernetes 1.37 (pkg/proxy/nftables), with all chains that the kernel calls: a
/// verdict map from address, protocol and port to a chain of the service, whose one rule translates the destination to
/// what a map has for a random number; only with affinity has each endpoint a chain (since 1.36). What comes to a
/// ClusterIP from outside the pods' network, and what a pod sends to itself, is masqueraded. New connections are looked
/// for among firewalls' addresses, services without endpoints and cluster IPs without such a service besides.
public struct KubeProxyRules: Sendable {
  /// The table's name, where no other is given.
  public static let defaultTable = "svs-report-services"

  /// Whose rules they are.
  public struct Node: Hashable, Sendable {
    /// Where node ports are.
    public var address: IPAddress
    /// Of its pods: these may reach themselves through a service.
    public var pods: Set<IPAddress>

    public init(_ address: IPAddress, pods: Set<IPAddress> = []) {
      self.address = address
      self.pods = pods
    }
  }

  public var services: [ServicePort]
  public var node: Node
  /// Packets to a ClusterIP from elsewhere are masqueraded.
  public var podNetwork: IPPrefix
  /// Packets to an address of it that no service has are dropped.
  public var serviceNetwork: IPPrefix?
  /// Where the rules are. Tables stand side by side in the kernel; all but one are to sleep.
  public var table = Self.defaultTable

  public init(_ services: [ServicePort], at node: Node, podNetwork: IPPrefix, serviceNetwork: IPPrefix? = nil) {
    self.services = services
    self.node = node
    self.podNetwork = podNetwork
    self.serviceNetwork = serviceNetwork
  }

  /// Services in one transaction: the kernel's time for one grows faster than what is in it.
  static let servicesPerTransaction = 500

  /// For `nft -f -`, one after the other: each is taken whole or not at all. Rules of an earlier call are replaced.
  ///
  /// Services of the other address family than the pods' network are left out: a table of nftables has one family.
  public var transactions: [String] {
    let own = Array(services.filter { $0.clusterIP.family == podNetwork.address.family }.enumerated())
    var texts: [String] = []
    for start in stride(from: 0, to: max(1, own.count), by: Self.servicesPerTransaction) {
      let part = own[start..<min(own.count, start + Self.servicesPerTransaction)]
      texts.append((start == 0 ? Self.removal(of: [table]) + skeleton : "") + rules(Array(part)))
    }
    return texts
  }

  private var family: String { podNetwork.address.family == .ipv4 ? "ip" : "ip6" }
  private var addressType: String { podNetwork.address.family == .ipv4 ? "ipv4_addr" : "ipv6_addr" }

  /// The table with its sets and maps, which are empty but for the node's own, and what the kernel calls.
  private var skeleton: String {
    let (key, port) = ("\(addressType) . inet_proto . inet_service", "inet_proto . inet_service")
    let isOwnFamily = node.address.family == podNetwork.address.family
    return "table \(family) \(table) {\n"
      + "  set cluster-ips { type \(addressType); }\n"
      + "  set nodeport-ips { type \(addressType); \(isOwnFamily ? "elements = { \(node.address) };" : "") }\n"
      + "  set hairpin-connections { type \(addressType) . \(key); }\n"
      + "  map service-ips { type \(key) : verdict; }\n  map service-nodeports { type \(port) : verdict; }\n"
      + "  map firewall-ips { type \(key) : verdict; }\n"
      + "  map no-endpoint-services { type \(key) : verdict; }\n"
      + "  map no-endpoint-nodeports { type \(port) : verdict; }\n"
      + checks + dispatch + baseChains + "}\n"
  }

  private func rules(_ services: [(offset: Int, element: ServicePort)]) -> String {
    var text = "table \(family) \(table) {\n"
    var entries: [String] = []
    var nodePorts: [String] = []
    var refused: [String] = []
    var refusedNodePorts: [String] = []
    var hairpins: Set<String> = []
    for (number, service) in services {
      let transport = service.transport == .tcp ? "tcp" : "udp"
      let endpoints = service.endpoints.filter { $0.address.family == podNetwork.address.family }
      let key = "\(service.clusterIP) . \(transport) . \(service.port)"
      guard !endpoints.isEmpty else {
        refused.append("\(key) : goto reject-chain")
        refusedNodePorts += service.nodePort.map { ["\(transport) . \($0) : goto reject-chain"] } ?? []
        continue
      }
      entries.append("\(key) : goto service-\(number)")
      text += chains(of: service, number, endpoints, transport: transport)
      for endpoint in endpoints where node.pods.contains(endpoint.address) {
        hairpins.insert("\(endpoint.address) . \(endpoint.address) . \(transport) . \(endpoint.port)")
      }
      if let port = service.nodePort {
        nodePorts.append("\(transport) . \(port) : goto external-\(number)")
        text += "  chain external-\(number) {\n    meta mark set meta mark or \(Self.masqueradeMark)\n"
        text += "    goto service-\(number)\n  }\n"
      }
    }
    return text + "}\n" + elements("cluster-ips", Set(services.map { "\($0.element.clusterIP)" }).sorted())
      + elements("service-ips", entries) + elements("service-nodeports", nodePorts)
      + elements("no-endpoint-services", refused) + elements("no-endpoint-nodeports", refusedNodePorts)
      + elements("hairpin-connections", hairpins.sorted())
  }

  /// For `nft -f -` too: takes the rules away, if there are any.
  public static func removal(of tables: [String] = [defaultTable]) -> String {
    tables.flatMap { table in
      ["ip", "ip6"].map { "table \($0) \(table)\ndelete table \($0) \(table)\n" }
    }.joined()
  }

  /// For `nft -f -` too: leaves the rules where they are, and has the kernel pass them by, or heed them again.
  static func sleeping(_ isAsleep: Bool, table: String = defaultTable, family: IPAddress.Family) -> String {
    "add table \(family == .ipv4 ? "ip" : "ip6") \(table)\(isAsleep ? " { flags dormant; }" : "")\n"
  }

  /// kube-proxy's, bit 14.
  private static let masqueradeMark = "0x4000"

  private var address: String { "\(family) daddr . meta l4proto . th dport" }

  /// Where a service is looked for, and what is to look as if it came from the node.
  private var dispatch: String {
    """
      chain services {
        \(family) daddr @cluster-ips \(family) saddr != \(podNetwork.network) meta mark set meta mark or \(Self.masqueradeMark)
        \(address) vmap @service-ips
        \(family) daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports
      }
      chain masquerading {
        meta mark & \(Self.masqueradeMark) != 0 meta mark set meta mark xor \(Self.masqueradeMark) masquerade fully-random
        ct status dnat \(family) saddr . \(address) @hairpin-connections masquerade fully-random
      }

    """
  }

  private var unallocated: String {
    guard let network = serviceNetwork, network.address.family == podNetwork.address.family else { return "" }
    return "\(family) daddr { \(network.network) } drop"
  }

  /// What new connections are looked at for.
  private var checks: String {
    """
      chain reject-chain {
        reject
      }
      chain firewall-check {
        \(address) vmap @firewall-ips
      }
      chain service-endpoints-check {
        \(address) vmap @no-endpoint-services
      }
      chain nodeport-endpoints-check {
        \(family) daddr @nodeport-ips meta l4proto . th dport vmap @no-endpoint-nodeports
      }
      chain cluster-ips-check {
        \(family) daddr @cluster-ips reject
        \(unallocated)
      }

    """
  }

  /// What the kernel calls. Priorities are figures: nft before 1.0.8 knows no `dstnat` for output.
  private var baseChains: String {
    let calls: [(name: String, hook: String, priority: Int, checks: [String])] = [
      ("filter-prerouting-pre-dnat", "filter hook prerouting", -110, ["firewall-check"]),
      ("filter-output-pre-dnat", "filter hook output", -110, ["firewall-check"]),
      ("filter-input", "filter hook input", 0, ["nodeport-endpoints-check", "service-endpoints-check"]),
      ("filter-forward", "filter hook forward", 0, ["service-endpoints-check", "cluster-ips-check"]),
      ("filter-output", "filter hook output", 0, ["service-endpoints-check", "cluster-ips-check"]),
      ("nat-prerouting", "nat hook prerouting", -100, ["services"]),
      ("nat-output", "nat hook output", -100, ["services"]),
      ("nat-postrouting", "nat hook postrouting", 100, ["masquerading"]),
    ]
    return calls.map { call in
      let condition = call.hook.hasPrefix("filter") ? "ct state new " : ""
      return "  chain \(call.name) {\n    type \(call.hook) priority \(call.priority); policy accept;\n"
        + call.checks.map { "    \(condition)jump \($0)\n" }.joined() + "  }\n"
    }.joined()
  }

  private func chains(
    of service: ServicePort, _ number: Int, _ endpoints: [Endpoint], transport: String
  ) -> String {
    guard let seconds = service.affinitySeconds else {
      let rule =
        endpoints.count == 1
        ? "dnat to \(written(endpoints[0]))"
        : "dnat \(family) addr . port to numgen random mod \(endpoints.count) map { "
          + endpoints.enumerated().map { "\($0.offset) : \($0.element.address) . \($0.element.port)" }
          .joined(separator: ", ") + " }"
      return "  chain service-\(number) {\n    meta l4proto \(transport) \(rule)\n  }\n"
    }
    var text = ""
    for (position, endpoint) in endpoints.enumerated() {
      text += "  set affinity-\(number)-\(position) {\n    type \(addressType)\n    size 65535\n"
      text += "    flags dynamic,timeout\n    timeout \(seconds)s\n  }\n"
      text += "  chain endpoint-\(number)-\(position) {\n"
      text += "    update @affinity-\(number)-\(position) { \(family) saddr }\n"
      text += "    meta l4proto \(transport) dnat to \(written(endpoint))\n  }\n"
    }
    text += "  chain service-\(number) {\n"
    for position in endpoints.indices {
      text += "    \(family) saddr @affinity-\(number)-\(position) goto endpoint-\(number)-\(position)\n"
    }
    let choices = endpoints.indices.map { "\($0) : goto endpoint-\(number)-\($0)" }
    return text + "    numgen random mod \(endpoints.count) vmap { \(choices.joined(separator: ", ")) }\n  }\n"
  }

  private func written(_ endpoint: Endpoint) -> String {
    endpoint.address.family == .ipv4
      ? "\(endpoint.address):\(endpoint.port)" : "[\(endpoint.address)]:\(endpoint.port)"
  }

  private func elements(_ name: String, _ elements: [String]) -> String {
    guard !elements.isEmpty else { return "" }
    return "add element \(family) \(table) \(name) {\n  \(elements.joined(separator: ",\n  "))\n}\n"
  }
}

extension KubeProxyRules {
  /// Services that nobody asks for, with endpoints that are not there: what a table of services is full of.
  ///
  /// - Parameters:
  ///   - addresses: where cluster IPs are taken from, from the third on; the first are the measured services'.
  ///   - endpoints: made up, from the pods' network.
  public static func fillers(
    _ count: Int, endpointsPerService: Int, addresses: IPPrefix, podNetwork: IPPrefix
  ) -> [ServicePort] {
    (0..<max(0, count)).map { number in
      let endpoints = (0..<endpointsPerService).map { position -> Endpoint in
        // Beyond the subnets that nodes have: the upper half of the network's addresses, around and around.
        let step = UInt32(truncatingIfNeeded: number &* endpointsPerService &+ position) % 16_000
        return Endpoint(podNetwork.host(0x8000 &+ step), port: 8080)
      }
      return ServicePort(
        name: .init(namespace: "report", service: "filler-\(number)"), transport: .tcp,
        clusterIP: addresses.host(UInt32(truncatingIfNeeded: number) &+ 3), port: 80, endpoints: endpoints)
    }
  }
}
