import IngressModel
import Netlink
import Testing

@testable import ClusterModel

/// Places, addresses, and what changes when a deployment is scaled.
@Suite struct LayoutTests {
  @Test func podsGoToTheNodesInTurn() throws {
    let layout = try describe("nodes: [a, b, c]\n" + deployment(replicas: "7")).layout()
    #expect(layout.pods.map(\.node) == ["a", "b", "c", "a", "b", "c", "a"])
    #expect(
      layout.pods.map { "\($0.address)" } == [
        "10.244.1.2", "10.244.2.2", "10.244.3.2", "10.244.1.3", "10.244.2.3", "10.244.3.3", "10.244.1.4",
      ])
    #expect(layout.pods.map(\.name).last == "web-7")
  }

  @Test func deploymentsOfOnePodAreSpread() throws {
    let layout = try describe("nodes: [a, b]\n" + deployment("one") + deployment("two") + deployment("three")).layout()
    #expect(layout.pods.map(\.node) == ["a", "b", "a"])
  }

  @Test func aControlPlaneGetsOnlyWhatAsksForIt() throws {
    let nodes = "nodes: [{name: top, role: control-plane}, {name: low, labels: {disk: ssd}}]\n"
    #expect(try describe(nodes + deployment(replicas: "3")).layout().pods.map(\.node) == ["low", "low", "low"])
    func node(_ selector: String) throws -> String? {
      try describe(nodes + deployment(spec: selector)).layout().pods.first?.node
    }
    #expect(try node("nodeName: top") == "top")
    #expect(try node("nodeName: k8s-top") == "top")
    #expect(try node("nodeSelector: {disk: ssd}") == "low")
    #expect(try node("nodeSelector: {kubernetes.io/hostname: top}") == "top")
    #expect(try node("nodeSelector: {node-role.kubernetes.io/control-plane: ''}") == "top")
    // A cluster of one.
    #expect(try describe("nodes: [{name: top, role: control-plane}]\n" + deployment()).layout().pods.count == 1)
  }

  @Test func theClusterFileSaysWhereAndWhat() throws {
    let text = """
      name: lab
      nodes: [a, b, c]
      deployments:
      - {name: web, nodes: [c], replicas: 2}
      - {name: client, nodes: [lab-b, a], replicas: 3, program: [sleep, infinity], labels: {tier: x}}
      - {name: names, namespace: dns, program: resolver}
      - {name: echo, program: "socat -u UDP-LISTEN:7 -", ports: [{port: 7, protocol: UDP, name: echo}]}

      """
    let layout = try describe(text + deployment()).layout()
    func pods(_ prefix: String) -> [ClusterLayout.Pod] { layout.pods.filter { $0.name.hasPrefix(prefix) } }
    #expect(pods("web").map(\.node) == ["c", "c"])
    #expect(pods("client").map(\.node) == ["b", "a", "b"])
    #expect(pods("client").first?.programs.map(\.kind) == [.command(["sleep", "infinity"])])
    #expect(pods("client").first?.labels == ["app": "client", "tier": "x"])
    #expect(pods("names").first?.programs.first?.ports == [.init(.udp, 53), .init(.tcp, 53)])
    #expect(pods("names").first?.namespace == "dns")
    #expect(pods("echo").first?.programs.first?.ports == [.init(.udp, 7)])
    #expect(
      layout.notes == ["no Service has a UDP port 53 that leads to the DNS server, so that pods know no names; add one"]
    )
  }

  @Test func longNamesAreShortenedAndStayApart() throws {
    let long = "kube-prometheus-stack-operator"
    let layout = try describe(deployment("\(long)-a") + deployment("\(long)-b")).layout()
    let names = layout.pods.map(\.name)
    #expect(Set(names).count == 2)
    #expect(names.allSatisfy { $0.utf8.count <= 24 && $0.hasPrefix("kube-prometh") && $0.hasSuffix("-1") }, "\(names)")
  }

  @Test func theSameNameInTwoNamespaces() throws {
    let layout = try describe(deployment() + deployment(namespace: "prod")).layout()
    #expect(layout.pods.map(\.name) == ["web-1", "prod-web-1"])
  }

  @Test func scalingMovesNobodyElse() throws {
    var description = try describe(
      "nodes: [a, b]\n" + deployment("one", replicas: "2") + deployment("two", replicas: "2", labels: "{app: two}")
        + service("one", "selector: {app: web}, ports: [{port: 80, targetPort: 8000}]"))
    let before = try description.layout()
    try description.scale("one", to: 5)
    let up = try description.layout()
    #expect(up.pods.count == 7)
    for pod in before.pods { #expect(up.pods.contains(pod)) }
    #expect(up.services[0].endpoints.count == 5)
    #expect(Array(up.services[0].endpoints.prefix(2)) == before.services[0].endpoints)
    try description.scale("default/one", to: 1)
    let down = try description.layout()
    #expect(down.pods.map(\.name) == ["one-1", "two-1", "two-2"])
    #expect(down.services[0].endpoints == [before.services[0].endpoints[0]])
    try description.scale("one", namespace: "default", to: 2)
    let again = try description.layout()
    let returned = try #require(again.pods.first { $0.name == "one-2" })
    // Not an address that connections of a moment ago may still know.
    #expect(!up.pods.contains { $0.address == returned.address })
    try description.scale("one", to: 0)
    #expect(try description.layout().services[0].endpoints == [])
    #expect(try description.layout().notes.filter { $0.contains("no pods have the labels") } == [])
  }

  @Test func scalingTooFarChangesNothing() throws {
    var description = try describe(deployment())
    let before = description
    let error = #expect(throws: ScalingError.self) { try description.scale("web", to: 1_000) }
    #expect(error?.description.contains("finds none; take fewer replicas") == true)
    #expect(throws: ScalingError.self) { try description.scale("web", to: .max) }
    #expect(throws: ScalingError.self) { try description.scale("web", to: -1) }
    #expect(description == before)
    let unknown = #expect(throws: ScalingError.self) { try description.scale("shop", to: 1) }
    #expect(unknown?.description == "there is no Deployment 'shop'; there are default/web")
  }

  @Test func anEditedFileKeepsWhatRuns() throws {
    let services = service("x", "selector: {app: web}, type: NodePort, ports: [{port: 80}]")
    let before = try describe(deployment(replicas: "3") + services).layout()
    var edited = try describe(
      deployment("first", replicas: "2", labels: "{app: first}") + deployment(replicas: "4")
        + service("a", "selector: {app: web}, type: NodePort, ports: [{port: 80}]") + services)
    edited.keep(before)
    let after = try edited.layout()
    for pod in before.pods { #expect(after.pods.contains(pod)) }
    #expect(Set(after.pods.map(\.address)).count == 6)
    let kept = try #require(after.services.first { $0.name.service == "x" })
    #expect((kept.clusterIP, kept.nodePort) == (before.services[0].clusterIP, before.services[0].nodePort))
    // A pod that must be elsewhere now is.
    var moved = try describe(deployment(replicas: "3", spec: "nodeName: node2"))
    moved.keep(before)
    #expect(try moved.layout().pods.map(\.node) == ["node2", "node2", "node2"])
  }

  @Test func anAddressIsGivenOnce() throws {
    var description = try describe(
      "networks: {pods: {Network: 10.244.0.0/16, SubnetLen: 29, Backend: {Type: host-gw}}}\nnodes: [a]\n"
        + deployment(replicas: "4"))
    let full = try description.layout()
    // The bridge has the first address of the subnet, the node's director the last.
    #expect("\(full.nodes[0].gateway.address) \(full.nodes[0].directorAddress)" == "10.244.0.9 10.244.0.14")
    #expect(full.pods.map { "\($0.address)" } == ["10.244.0.10", "10.244.0.11", "10.244.0.12", "10.244.0.13"])
    try description.scale("web", to: 2)
    try description.scale("web", to: 4)
    let layout = try description.layout()
    #expect(Set(layout.pods.map(\.address)) == Set(full.pods.map(\.address)))
    #expect(throws: ScalingError.self) { try description.scale("web", to: 5) }
  }

  @Test func withoutRoutesAnIngressHasAFileThatItTakes() throws {
    let layout = try describe(deployment(container: "image: traefik")).layout()
    guard case .ingress(let rules, _, _)? = layout.pods.first?.programs.first?.kind else {
      Issue.record("no ingress")
      return
    }
    let read = try IngressConfiguration.read(texts: [.init(name: "rules", text: rules)])
    #expect(read.routers.map(\.rule.text) == ["Host(`none.invalid`)"])
  }

  @Test func whatTraefikKnowsPassesThrough() throws {
    let text =
      service("web", "selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8000}]") + deployment()
        + """
        ---
        apiVersion: traefik.io/v1alpha1
        kind: IngressRoute
        metadata: {name: "on", annotations: {odd: "a: b # c \\" \\u2028"}}
        spec:
          routes:
          - kind: Rule
            match: Host(`a.example`) && PathPrefix(`/it's "quoted"`)
            priority: 7
            services:
            - name: both
              kind: TraefikService
        ---
        apiVersion: traefik.io/v1alpha1
        kind: TraefikService
        metadata: {name: both}
        spec:
          weighted:
            services:
            - &one
              name: web
              port: http
              weight: 3
              sticky: {cookie: {name: shop, secure: true}}
              healthCheck: {path: /health, interval: 10s, headers: {X-A: "1"}}
              circuitBreaker: {failures: 3, pause: 5s}
              strategy: LeastConnections
            - {name: web, port: 80, passHostHeader: false}
        """
    let description = try describe(text)
    #expect(description.routeObjects.count == 2)
    let address = try #require(try description.layout().services.first?.clusterIP)
    var rules = IngressRules(
      description, clusterIPs: [.init(namespace: "default", name: "web"): address], remarks: Findings()
    ).text
    let made = try IngressConfiguration.read(texts: [.init(name: "rules", text: rules)])
    // The same as the ingress reads in the original, but for places, and where the servers are.
    rules = text.replacing("clusterIP", by: "clusterIP") + "\n"
    let original = try IngressConfiguration.read(
      texts: [.init(name: "rules", text: rules)],
      overrides: try ["web:http", "web:80"].map { try BackendOverride(parsing: "\($0)=\(address):80") })
    #expect(made.routers.map(\.rule.text) == original.routers.map(\.rule.text))
    #expect(made.routers.map(\.priority) == [7])
    #expect(made.services.keys.sorted() == original.services.keys.sorted())
    for (name, service) in made.services {
      var service = service
      let other = try #require(original.services[name])
      service.source = other.source
      #expect(service == other)
    }
    let line = text.split(separator: "\n", omittingEmptySubsequences: false).firstIndex { $0.contains("sticky") } ?? 0
    let notes = try description.layout().notes
    #expect(
      notes == [
        "no pod is a DNS server, so that pods know no names; a Deployment with the image coredns is one",
        "a.yaml:22: no pod is an ingress, so that this IngressRoute has no effect; a Deployment with the image "
          + "traefik is one",
        "a.yaml:\(line + 1): the ingress reaches default/web by its cluster IP, which is one server to it: this "
          + "cookie keeps no client at one pod",
      ])
  }

  @Test func aLargeClusterIsLaidOutQuickly() throws {
    let nodes = (1...200).map { "n\($0)" }.joined(separator: ", ")
    var text = "nodes: [\(nodes)]\n"
    for number in 1...200 {
      text += deployment("app\(number)", replicas: "100", labels: "{app: app\(number)}")
      text += service("app\(number)", "selector: {app: app\(number)}, ports: [{port: 80, targetPort: 8000}]")
    }
    let description = try describe(text)
    let clock = ContinuousClock()
    var layout: ClusterLayout?
    let time = try clock.measure { layout = try description.layout() }
    let made = try #require(layout)
    #expect(made.pods.count == 20_000)
    #expect(Set(made.pods.map(\.address)).count == 20_000)
    #expect(made.services.allSatisfy { $0.endpoints.count == 100 })
    #expect(Dictionary(grouping: made.pods, by: \.node).values.allSatisfy { $0.count == 100 })
    // Of a debug build, on a machine that does other things too.
    #expect(time < .seconds(10), "\(time)")
  }
}

extension String {
  fileprivate func replacing(_ part: String, by other: String) -> String {
    guard let range = firstRange(of: part) else { return self }
    return self[..<range.lowerBound] + other + self[range.upperBound...]
  }
}
