import ClusterModel
import Glibc
import HostSystem
import Lab
import Netlink
import Testing

@testable import Cluster

/// A layout by hand, small enough to be built for each test.
enum SmallCluster {
  /// The folder of the tests, where the programs are built too.
  static let programs: String = {
    let path = CommandLine.arguments[0]
    return String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
  }()

  static func layout(_ name: String, backend: FlannelConfiguration.Backend = .vxlan(.init())) throws -> ClusterLayout {
    func prefix(_ text: String) throws -> IPPrefix { try #require(IPPrefix(text)) }
    func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }
    func webapp(_ name: String, _ node: String, _ text: String) throws -> ClusterLayout.Pod {
      .init(
        name: name, node: node, address: try address(text), labels: ["app": "web"],
        programs: [.init(name: "webapp", kind: .webApp(port: 8000), ports: [.init(.tcp, 8000)])])
    }
    let endpoints = [
      Endpoint(try address("10.244.1.2"), port: 8000), Endpoint(try address("10.244.2.2"), port: 8000),
    ]
    let dns = Endpoint(try address("10.244.1.4"), port: 53)
    return ClusterLayout(
      name: name, nodeNetwork: try prefix("192.168.77.0/24"), serviceNetwork: try prefix("10.96.0.0/12"),
      podNetwork: FlannelConfiguration(ipv4: .init(try prefix("10.244.0.0/16")), backend: backend),
      nodes: [
        .init(name: "master", address: try prefix("192.168.77.51/24"), podSubnet: try prefix("10.244.0.0/24")),
        .init(name: "node1", address: try prefix("192.168.77.52/24"), podSubnet: try prefix("10.244.1.0/24")),
        .init(name: "node2", address: try prefix("192.168.77.53/24"), podSubnet: try prefix("10.244.2.0/24")),
      ],
      pods: [
        try webapp("web-1", "node1", "10.244.1.2"), try webapp("web-2", "node2", "10.244.2.2"),
        .init(name: "perf-1", node: "node1", address: try address("10.244.1.3")),
        .init(name: "perf-2", node: "node2", address: try address("10.244.2.3")),
        .init(
          name: "ingress-1", node: "node2", address: try address("10.244.2.4"),
          programs: [
            .init(
              name: "ingress", kind: .ingress(rules: rules, entryPort: 80, statusPort: 8080),
              ports: [.init(.tcp, 80), .init(.tcp, 8080)])
          ]),
        .init(
          namespace: "kube-system", name: "dns-1", node: "node1", address: try address("10.244.1.4"),
          programs: [
            .init(name: "dns", kind: .resolver, ports: [.init(.udp, 53), .init(.tcp, 53)])
          ]),
      ],
      services: [
        .init(
          name: .init(service: "web"), transport: .tcp, clusterIP: try address("10.98.210.117"), port: 8000,
          nodePort: 30800, endpoints: endpoints),
        .init(
          name: .init(service: "ingress"), transport: .tcp, clusterIP: try address("10.98.210.119"), port: 80,
          nodePort: 80, endpoints: [Endpoint(try address("10.244.2.4"), port: 80)]),
        .init(
          name: .init(service: "empty"), transport: .tcp, clusterIP: try address("10.98.210.118"), port: 80,
          endpoints: []),
        .init(
          name: .init(namespace: "kube-system", service: "kube-dns", port: "dns"), transport: .udp,
          clusterIP: try address("10.96.0.10"), port: 53, endpoints: [dns]),
        .init(
          name: .init(namespace: "kube-system", service: "kube-dns", port: "dns-tcp"), transport: .tcp,
          clusterIP: try address("10.96.0.10"), port: 53, endpoints: [dns]),
      ],
      names: [
        .init("web.default.svc.cluster.local", [try address("10.98.210.117")]),
        .init("kube-dns.kube-system.svc.cluster.local", [try address("10.96.0.10")]),
      ],
      resolver: try address("10.96.0.10"), outside: .init(address: try prefix("192.168.77.100/24")))
  }

  /// What the ingress is told.
  private static let rules = """
    http:
      routers:
        web: {rule: "Host(`web.test.com`)", service: web}
      services:
        web: {loadBalancer: {servers: [{url: "http://10.244.1.2:8000"}, {url: "http://10.244.2.2:8000"}]}}
    """

  static func options() -> RunningCluster.Options {
    var options = RunningCluster.Options()
    options.programs = programs
    return options
  }

  /// Builds a cluster, hands it out and takes it down, whatever becomes of the test.
  static func running<R>(
    _ name: String, backend: FlannelConfiguration.Backend = .vxlan(.init()), _ body: (RunningCluster) throws -> R
  ) throws -> R {
    let cluster = try RunningCluster(try layout("\(name)-\(getpid() % 100_000)", backend: backend), options: options())
    let result = Result { try body(cluster) }
    try cluster.down()
    #expect(NetworkNamespace.names().filter { $0.hasPrefix("\(cluster.name)-") }.isEmpty)
    #expect(Files.list("/etc/netns").filter { $0.hasPrefix("\(cluster.name)-") }.isEmpty)
    #expect(access("/run/svs/labs/\(cluster.name)", F_OK) != 0)
    return try result.get()
  }
}

extension RunningCluster {
  /// Whether a host reaches an address by ping(8).
  func pings(_ host: String, _ address: String) throws -> Bool {
    try run(host, ["ping", "-c", "1", "-W", "2", address]).succeeded
  }

  func curl(_ host: String, _ words: String...) throws -> ExecutionResult {
    try run(host, ["curl", "-sS", "-q", "-m", "5"] + words)
  }
}
