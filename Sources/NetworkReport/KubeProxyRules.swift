import ClusterModel
import Netlink

/// nftables rules that serve services as kube-proxy's nftables mode does, for comparison.
///
/// The structure is kube-proxy's (Kubernetes 1.33, pkg/proxy/nftables): a verdict map from address, protocol and port to
/// a chain of the service, there a random number chooses a chain of an endpoint, and that translates the destination.
/// What a pod sends to itself, and what comes to a ClusterIP from outside the pods' network, is marked for masquerade.
public struct KubeProxyRules: Sendable {
  public static let table = "svs-report-services"

  public var services: [ServicePort]
  /// Packets to a ClusterIP from elsewhere are masqueraded.
  public var podNetwork: IPPrefix

  public init(_ services: [ServicePort], podNetwork: IPPrefix) {
    self.services = services
    self.podNetwork = podNetwork
  }

  /// Services in one transaction. The kernel's time for a transaction grows faster than its chains: fifty thousand at
  /// once took Linux 6.18 a minute, in parts of five thousand six seconds.
  static let servicesPerTransaction = 500

  /// For `nft -f -`, one after the other: each is taken whole or not at all. Rules of an earlier call are replaced.
  ///
  /// Services of the other address family than the pods' network are left out: a table of nftables has one family.
  public var transactions: [String] {
    let own = Array(services.filter { $0.clusterIP.family == podNetwork.address.family }.enumerated())
    var texts: [String] = []
    for start in stride(from: 0, to: max(1, own.count), by: Self.servicesPerTransaction) {
      let part = own[start..<min(own.count, start + Self.servicesPerTransaction)]
      texts.append((start == 0 ? Self.removal + skeleton : "") + rules(Array(part)))
    }
    return texts
  }

  private var family: String { podNetwork.address.family == .ipv4 ? "ip" : "ip6" }
  private var addressType: String { podNetwork.address.family == .ipv4 ? "ipv4_addr" : "ipv6_addr" }

  /// The table with its maps, which are empty, and what the kernel calls.
  private var skeleton: String {
    let key = "\(addressType) . inet_proto . inet_service"
    return "table \(family) \(Self.table) {\n" + baseChains
      + "  map service-ips {\n    type \(key) : verdict\n  }\n"
      + "  map service-nodeports {\n    type inet_proto . inet_service : verdict\n  }\n"
      + "  set no-endpoint-services {\n    type \(key)\n  }\n}\n"
  }

  private func rules(_ services: [(offset: Int, element: ServicePort)]) -> String {
    var text = "table \(family) \(Self.table) {\n"
    var entries: [String] = []
    var nodePorts: [String] = []
    var refused: [String] = []
    for (number, service) in services {
      let transport = service.transport == .tcp ? "tcp" : "udp"
      let endpoints = service.endpoints.filter { $0.address.family == podNetwork.address.family }
      let key = "\(service.clusterIP) . \(transport) . \(service.port)"
      guard !endpoints.isEmpty else {
        refused.append(key)
        continue
      }
      entries.append("\(key) : goto service-\(number)")
      text += chains(of: service, number, endpoints, transport: transport)
      if let port = service.nodePort {
        nodePorts.append("\(transport) . \(port) : goto external-\(number)")
        text += "  chain external-\(number) {\n    meta mark set meta mark or \(Self.masqueradeMark)\n"
        text += "    goto service-\(number)\n  }\n"
      }
    }
    return text + "}\n" + elements("service-ips", entries) + elements("service-nodeports", nodePorts)
      + elements("no-endpoint-services", refused)
  }

  /// For `nft -f -` too: takes the rules away, if there are any.
  public static var removal: String {
    ["ip", "ip6"].map { "table \($0) \(table)\ndelete table \($0) \(table)\n" }.joined()
  }

  /// For `nft -f -` too: leaves the rules where they are, and has the kernel pass them by, or heed them again.
  static func sleeping(_ isAsleep: Bool, family: IPAddress.Family) -> String {
    "add table \(family == .ipv4 ? "ip" : "ip6") \(table)\(isAsleep ? " { flags dormant; }" : "")\n"
  }

  /// kube-proxy's, bit 14.
  private static let masqueradeMark = "0x4000"

  /// Priorities are figures: nft before 1.0.8 knows no `dstnat` for output.
  private var baseChains: String {
    let nodePorts =
      "fib daddr type local \(family) daddr != \(loopback) meta l4proto . th dport vmap @service-nodeports"
    return """
        chain services {
          \(family) daddr . meta l4proto . th dport vmap @service-ips
          \(nodePorts)
        }
        chain nat-prerouting {
          type nat hook prerouting priority -100; policy accept;
          jump services
        }
        chain nat-output {
          type nat hook output priority -100; policy accept;
          jump services
        }
        chain nat-postrouting {
          type nat hook postrouting priority 100; policy accept;
          meta mark & \(Self.masqueradeMark) != 0 meta mark set meta mark xor \(Self.masqueradeMark) masquerade fully-random
        }
        chain refuse {
          \(family) daddr . meta l4proto . th dport @no-endpoint-services reject
        }
        chain filter-forward {
          type filter hook forward priority 0; policy accept;
          ct state new jump refuse
        }
        chain filter-output {
          type filter hook output priority 0; policy accept;
          ct state new jump refuse
        }

      """
  }

  private var loopback: String { podNetwork.address.family == .ipv4 ? "127.0.0.0/8" : "::1" }

  private func chains(
    of service: ServicePort, _ number: Int, _ endpoints: [Endpoint], transport: String
  ) -> String {
    var text = ""
    for (position, endpoint) in endpoints.enumerated() {
      let address = endpoint.address.family == .ipv4 ? "\(endpoint.address)" : "[\(endpoint.address)]"
      text += "  chain endpoint-\(number)-\(position) {\n"
      text += "    \(family) saddr \(endpoint.address) meta mark set meta mark or \(Self.masqueradeMark)\n"
      if service.affinitySeconds != nil {
        text += "    update @affinity-\(number)-\(position) { \(family) saddr }\n"
      }
      text += "    meta l4proto \(transport) dnat to \(address):\(endpoint.port)\n  }\n"
    }
    if let seconds = service.affinitySeconds {
      for position in endpoints.indices {
        text += "  set affinity-\(number)-\(position) {\n    type \(addressType)\n    size 65535\n"
        text += "    flags dynamic,timeout\n    timeout \(seconds)s\n  }\n"
      }
    }
    text += "  chain service-\(number) {\n"
    text += "    \(family) daddr \(service.clusterIP) \(family) saddr != \(podNetwork.network) "
    text += "meta mark set meta mark or \(Self.masqueradeMark)\n"
    if service.affinitySeconds != nil {
      for position in endpoints.indices {
        text += "    \(family) saddr @affinity-\(number)-\(position) goto endpoint-\(number)-\(position)\n"
      }
    }
    let choices = endpoints.indices.map { "\($0) : goto endpoint-\(number)-\($0)" }
    text += "    numgen random mod \(endpoints.count) vmap { \(choices.joined(separator: ", ")) }\n  }\n"
    return text
  }

  private func elements(_ name: String, _ elements: [String]) -> String {
    guard !elements.isEmpty else { return "" }
    return "add element \(family) \(Self.table) \(name) {\n  \(elements.joined(separator: ",\n  "))\n}\n"
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
