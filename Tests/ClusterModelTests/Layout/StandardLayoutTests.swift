import IngressModel
import Netlink
import Testing

@testable import ClusterModel

/// The facts of the network report's cluster.
@Suite struct StandardLayoutTests {
  let layout: ClusterLayout

  init() throws {
    layout = try ClusterDescription.standard().layout()
  }

  private func pods(_ prefix: String) -> [ClusterLayout.Pod] { layout.pods.filter { $0.name.hasPrefix(prefix) } }

  private func port(_ service: String, _ number: UInt16, _ transport: ServicePort.TransportProtocol = .tcp) throws
    -> ServicePort
  {
    try #require(
      layout.services.first {
        $0.name.service == service && $0.port == number && $0.transport == transport
          && $0.name.port?.hasPrefix("hostport") != true
      })
  }

  @Test func nodesAndNetworks() throws {
    #expect(layout.name == "k8s")
    #expect(layout.nodes.map(\.name) == ["master", "node1", "node2"])
    #expect(layout.nodes.map(\.address.description) == ["192.168.77.51/24", "192.168.77.52/24", "192.168.77.53/24"])
    #expect(layout.nodes.map(\.podSubnet.description) == ["10.244.1.0/24", "10.244.2.0/24", "10.244.3.0/24"])
    #expect(layout.nodes.map(\.gateway.description) == ["10.244.1.1/24", "10.244.2.1/24", "10.244.3.1/24"])
    #expect(layout.podNetwork.backend == .vxlan(.init()))
    #expect(layout.serviceNetwork.description == "10.96.0.0/12")
    #expect(layout.outside.address.description == "192.168.77.100/24")
    #expect(layout.domain == "cluster.local")
    #expect(layout.notes == [])
  }

  @Test func podsAreOnTheNodesThatTheReportNeeds() {
    #expect(pods("sample-webapp").map(\.name) == ["sample-webapp-1", "sample-webapp-2", "sample-webapp-3"])
    #expect(Set(pods("sample-webapp").map(\.node)) == ["node1", "node2"])
    #expect(pods("centos-perf").map(\.node) == ["node1", "node2"])
    #expect(pods("centos-perf").allSatisfy { $0.programs.isEmpty && $0.labels == ["app": "perf"] })
    #expect(pods("locust").isEmpty)
    #expect(
      layout.pods.allSatisfy { pod in
        layout.nodes.contains {
          $0.name == pod.node && $0.podSubnet.contains(pod.address) && $0.gateway.address != pod.address
        }
      })
    #expect(Set(layout.pods.map(\.address)).count == layout.pods.count)
    let first = layout.pods.first { $0.node == "node1" }
    #expect(first.map { "\($0.address)".hasPrefix("10.244.2.2") } == true)
  }

  @Test func theApplicationIsReachedAsInTheReport() throws {
    let port = try port("sample-webapp", 8000)
    #expect(port.clusterIP == IPAddress("10.98.210.117"))
    #expect(port.nodePort == 30_800)
    #expect(port.endpoints == pods("sample-webapp").map { Endpoint($0.address, port: 8000) })
    #expect(port.name == .init(service: "sample-webapp"))
    #expect(pods("sample-webapp")[0].programs.first?.kind == .webApp(port: 8000))
  }

  @Test func namesAreServed() throws {
    #expect(layout.resolver == IPAddress("10.96.0.10"))
    #expect(try port("kube-dns", 53, .udp).endpoints == pods("coredns").map { Endpoint($0.address, port: 53) })
    #expect(try port("kube-dns", 53, .tcp).endpoints.count == 2)
    #expect(try port("kube-dns", 53, .tcp).name.port == "dns-tcp")
    #expect(Set(pods("coredns").map(\.node)).count == 2)
    let byName = Dictionary(uniqueKeysWithValues: layout.names.map { ($0.name, $0.addresses.map(\.description)) })
    #expect(byName["sample-webapp.default.svc.cluster.local"] == ["10.98.210.117"])
    #expect(byName["kube-dns.kube-system.svc.cluster.local"] == ["10.96.0.10"])
    #expect(byName.count == 4)
  }

  @Test func theIngressHasThreeHosts() throws {
    let pod = try #require(pods("traefik").first)
    guard case .ingress(let rules, 80, 8080)? = pod.programs.first?.kind else {
      Issue.record("no ingress: \(pod)")
      return
    }
    let read = try IngressConfiguration.read(texts: [.init(name: "rules.yaml", text: rules)])
    #expect(read.notes == [])
    #expect(
      read.routers.map(\.rule.text) == [
        "Host(`traefik.test.com`)", "Host(`locust.test.com`)", "Host(`sample-webapp.test.com`)",
      ])
    let hosts = read.routers.map { router -> String in
      guard case .servers(let servers)? = read.services[router.service]?.members else { return "" }
      return servers.map(\.description).joined(separator: " ")
    }
    let traefik = try port("traefik", 8080).clusterIP
    let locust = try port("locust-master", 8089).clusterIP
    #expect(hosts == ["http://\(traefik):8080", "http://\(locust):8089", "http://10.98.210.117:8000"])
    #expect(try port("traefik", 8080).endpoints == [Endpoint(pod.address, port: 8080)])
    #expect(try port("traefik", 80).nodePort == 30_080)
    let host = layout.services.filter { $0.nodePort == 80 }
    #expect(host.map(\.endpoints) == [[Endpoint(pod.address, port: 80)]])
    #expect(host.map(\.name.description) == ["ingress-traefik/traefik:hostport-80"])
  }

  @Test func locustHasNoEndpointsUntilItRuns() throws {
    #expect(try port("locust-master", 8089).endpoints.isEmpty)
    var description = try ClusterDescription.standard()
    try description.scale("locust-master", to: 1)
    let layout = try description.layout()
    let master = try #require(layout.pods.first { $0.name == "locust-master-1" })
    #expect(layout.services.first { $0.port == 8089 }?.endpoints == [Endpoint(master.address, port: 8089)])
    guard case .command(let words)? = master.programs.first?.kind else {
      Issue.record("no command: \(master)")
      return
    }
    #expect(words.first == "locust" && words.contains("{folder}/locustfile.py"))
  }

  @Test func clusterIPsAndNodePortsAreUnique() {
    let addresses = layout.services.map { "\($0.clusterIP):\($0.port)/\($0.transport)" }
    #expect(Set(addresses).count == addresses.count)
    let nodePorts = layout.services.compactMap(\.nodePort)
    #expect(Set(nodePorts).count == nodePorts.count)
    #expect(layout.services.allSatisfy { layout.serviceNetwork.contains($0.clusterIP) })
  }
}
