import IngressModel
import Netlink
import Testing

@testable import ClusterModel

/// What is wrong is refused, with its place and what to do.
@Suite struct RefusalTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var text: String
    var line: Int
    var words: [String]
    var testDescription: String { words.joined(separator: " … ") }

    init(_ text: String, _ line: Int, _ words: String...) {
      self.text = text
      self.line = line
      self.words = words
    }
  }

  /// The cluster file.
  static let files: [Case] = [
    .init("name: [a]", 1, "the cluster's name is to be a text"),
    .init("name: Big_Name", 1, "'Big_Name' is no name here; write lower-case letters"),
    .init("name: \(String(repeating: "a", count: 25))", 1, "longer than 24 characters"),
    .init("nam: x", 1, "the cluster knows no 'nam'; did you mean name?"),
    .init("services: []", 1, "not supported; write them as manifests"),
    .init("nodes: []", 1, "'nodes' is empty"),
    .init("nodes: 3", 1, "'nodes' is to be a list"),
    .init("nodes:\n- one\n- one", 3, "the node 'one' is there twice, first in a.yaml:2"),
    .init("nodes:\n- {name: one, adress: 192.168.77.1}", 2, "a node knows no 'adress'; did you mean address?"),
    .init("nodes:\n- {address: 192.168.77.1}", 2, "'name' is missing in a node"),
    .init("nodes:\n- {name: one, address: 10.0.0.1}", 2, "the node one has the address 10.0.0.1, which is none of"),
    .init("nodes:\n- {name: one, address: 192.168.77.255}", 2, "192.168.77.255, which is none of the nodes' network"),
    .init("nodes:\n- {name: one, address: fd00::1}", 2, "is to be an IPv4 address"),
    .init(
      "nodes:\n- {name: a, address: 192.168.77.1}\n- {name: b, address: 192.168.77.1}", 3, "of the node a; give one"),
    .init("outside: 192.168.77.51", 1, "192.168.77.51"),
    .init("outside: 8.8.8.8", 1, "the outside client has the address 8.8.8.8, which is none"),
    .init("domain: 'a..b'", 1, "'domain' is to be a name as cluster.local"),
    .init("networks: {nodes: 192.168.0.1/24}", 1, "did you mean 192.168.0.0/24?"),
    .init("networks: {nodes: 192.168.0.0}", 1, "is to be an IPv4 network"),
    .init("networks: {services: 10.0.0.0/31}", 1, "is to be from /8 to /30"),
    .init(
      "networks: {services: 10.244.128.0/17}", 1, "the services' network 10.244.128.0/17 overlaps the pods' network"),
    .init("networks: {nodes: 10.96.0.0/24}", 1, "overlaps", "10.96.0.0/12"),
    .init("networks: {pods: 192.168.0.0/16}", 1, "the pods' network 192.168.0.0/16 overlaps the nodes' network"),
    .init("networks: {pods: {Network: 10.244.0.0/16, Backend: {Type: wireguard}}}", 1, "Backend.Type", "wireguard"),
    .init(
      "networks:\n  pods: {Network: 10.244.0.0/24, SubnetLen: 26, Backend: {Type: vxlan}}\nnodes: [a, b, c, d]",
      2, "has 3 subnets of /26", "and the cluster 4 nodes"),
    .init(
      "networks:\n  nodes: 192.168.5.0/30\nnodes: [a, b]", 2, "has 2 addresses, too few for 2 nodes and the outside"),
    .init("networks: {nodes: 127.0.0.0/24}", 1, "the nodes' network 127.0.0.0/24 has addresses of 127.0.0.0/8"),
    .init(
      "networks: {pods: 224.0.0.0/16}", 1, "the pods' network 224.0.0.0/16 has addresses of 224.0.0.0/4", "groups'"),
    .init("networks: {services: 248.0.0.0/8}", 1, "has addresses of 240.0.0.0/4, which are reserved"),
    .init("networks: {services: 0.0.0.0/8}", 1, "has addresses of 0.0.0.0/8"),
    .init("networks: {nodes: 169.254.0.0/16}", 1, "has addresses of 169.254.0.0/16"),
    .init("networks: {pods: 'fd00::/64'}", 1, "the pods' network is to be an IPv4 network"),
    .init("", 1, "nothing in it describes a cluster; write 'nodes:'"),
    .init("# a comment\n---\n", 1, "nothing in it describes a cluster"),
    .init("networks: {pods: []}", 1, "or the keys of flannel's net-conf.json"),
    .init("deployments: [{name: web}]", 1, "there is no Deployment default/web", "or write 'program'"),
    .init("deployments: [{name: web, program: webap}]", 1, "there is no program 'webap'; did you mean webapp?"),
    .init("deployments: [{name: web, program: 'a \"b'}]", 1, "a double quote that does not end"),
    .init("deployments: [{name: web, program: webapp, nodes: [node9]}]", 1, "no node 'node9'", "did you mean node1?"),
    .init("deployments: [{name: web, program: webapp, nodes: [elsewhere]}]", 1, "there are master, node1, node2"),
    .init("deployments: [{name: web, program: webapp, replicas: -1}]", 1, "a number from 0 to 1000"),
    .init("deployments: [{name: web, ports: [80]}]", 1, "'ports' says what 'program' listens on"),
    .init("deployments: [{name: web, program: webapp, image: x}]", 1, "'image'", "write program:"),
    .init("deployments:\n- {name: a, program: webapp}\n- {name: a, program: webapp}", 3, "is in a.yaml:2 already"),
    .init("deployments: [{program: webapp}]", 1, "'name' is missing in a deployment"),
    .init("name: a\n---\nname: b", 3, "the cluster is described in a.yaml:1 already"),
    .init("- a\n- b", 1, "a document is to be a mapping"),
    .init("a: [", 2, "this is no YAML"),
    .init("name: a\nname: b", 1, "the same key twice"),
  ]

  /// Names that are taken already.
  static let taken: [Case] = [
    .init("nodes: [outside]", 1, "the node 'outside' has the name of the outside client"),
    .init("nodes: [underlay]", 1, "the node 'underlay' has the name of the nodes' network"),
    .init(
      deployment("a")
        + "---\napiVersion: v1\nkind: Pod\nmetadata: {name: a-1}\nspec: {containers: [{name: b, image: c}]}",
      17, "the pod 'a-1' of the Pod default/a-1 has the name of a pod of the Deployment default/a"),
  ]

  /// Manifests.
  static let manifests: [Case] = [
    .init("kind: Deployment", 1, "'apiVersion' is missing in this Deployment"),
    .init("apiVersion: v1", 1, "'kind' is missing"),
    .init("apiVersion: v1\nkind: Pod", 2, "'metadata.name' is missing in this Pod"),
    .init("apiVersion: apps/v1\nkind: Deploymnet\nmetadata: {name: a}", 2, "did you mean Deployment?"),
    .init("apiVersion: v1\nkind: Deployment\nmetadata: {name: a}", 2, "write apiVersion: apps/v1"),
    .init("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a}", 1, "'spec' is missing"),
    .init(
      "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a}", 2, "write its routes as an IngressRoute"),
    .init("apiVersion: v1\nkind: Pod\nmetadata: {name: A}\nspec: {containers: []}", 3, "'A' is no name here"),
    .init("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: []}", 4, "'containers' is empty"),
    .init("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: b}]}", 4, "'image' is missing"),
    .init(
      "apiVersion: v1\nkind: Pod\nmetadata: {name: master}\nspec: {containers: [{name: b, image: c}]}", 2,
      "the pod 'master' of the Pod default/master has the name of a node"),
    .init(
      "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {nodeName: x, containers: [{name: b, image: c}]}", 2,
      "there is no node 'x' for the Pod default/a"),
    .init(
      "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n"
        + "spec: {nodeSelector: {disk: ssd}, containers: [{name: b, image: c}]}",
      2, "no node has the labels disk=ssd"),
    .init(
      "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: b, image: c}, {name: b, image: c}]}",
      4,
      "two containers of the Pod default/a are called 'b'"),
    .init("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {container: []}", 4, "did you mean containers?"),
    .init(
      deployment().replacing("matchLabels: {app: web}", with: "matchLabels: {app: other}"), 7,
      "the selector of the Deployment default/web wants app=other"),
    .init(deployment().replacing("matchLabels", with: "matchExpressions"), 7, "'matchExpressions' is to be a list"),
    .init(
      selecting("{key: app, operator: In, values: [shop, api]}"), 7,
      "the selector of the Deployment default/web wants app In shop, api, which its template's labels"),
    .init(selecting("{key: app, operator: NotIn, values: [web]}"), 7, "wants app NotIn web"),
    .init(selecting("{key: tier, operator: Exists}"), 7, "wants tier Exists"),
    .init(selecting("{key: app, operator: DoesNotExist}"), 7, "wants app DoesNotExist"),
    .init(selecting("{key: app, operator: Is, values: [web]}"), 7, "no operator 'Is'; there are In, NotIn"),
    .init(selecting("{key: app, operator: In}"), 7, "'In' needs 'values'"),
    .init(selecting("{key: app, operator: Exists, values: [web]}"), 7, "'Exists' has no values"),
    .init(deployment().replacing("apps/v1", with: "apps/v2"), 3, "not of 'apps/v2'; write apiVersion: apps/v1"),
    .init("apiVersion: v2\nkind: Namespace\nmetadata: {name: a}", 2, "write apiVersion: v1"),
    .init(deployment(labels: "{app: 1}"), 7, "'app' in 'matchLabels' is to be a text", "write \"1\""),
    .init(deployment(labels: "{app: on}"), 9, "'app' in 'labels' is to be a text"),
    .init(deployment(replicas: "'2'"), 6, "'replicas' is a text to Kubernetes", "write 2 without quotes"),
    .init(deployment().replacing("replicas", with: "replica"), 6, "did you mean replicas?"),
    .init(deployment(replicas: "many"), 6, "'replicas' is to be a number from 0 to 1000"),
    .init(
      deployment(replicas: "600"), 3, "has 252 addresses for pods", "finds none; take fewer replicas or more nodes"),
    .init(deployment() + deployment(), 17, "the Deployment default/web is in a.yaml:3 already"),
    .init(deployment(container: "image: c\n        ports: [{containerPort: 70000}]"), 14, "from 1 to 65535"),
    .init(
      deployment(container: "image: c\n        ports: [{containerPort: 1, protocol: DCCP}]"), 14, "knows no 'DCCP'"),
    .init(
      service("a", "ports: [{port: 1}], selector: {a: b}, clusterIP: 192.168.1.1"), 3,
      "has the cluster IP 192.168.1.1, which is none of the services' network 10.96.0.0/12"),
    .init(service("a", "ports: [{port: 1}], selector: {a: b}, clusterIP: x"), 5, "is to be an IPv4 address"),
    .init(service("a", "ports: [{port: 1}], selector: {a: b}, clusterIP: None, type: NodePort"), 5, "so no node ports"),
    .init(service("a", "selector: {a: b}"), 5, "'ports' is missing"),
    .init(service("a", "ports: [{port: 1}, {port: 2}], selector: {a: b}"), 5, "has no name"),
    .init(service("a", "ports: [{name: x, port: 1}, {name: x, port: 2}], selector: {a: b}"), 5, "are called 'x'"),
    .init(service("a", "ports: [{name: x, port: 1}, {name: y, port: 1}], selector: {a: b}"), 5, "has the port 1 twice"),
    .init(service("a", "ports: [{port: 1, nodePort: 30000}], selector: {a: b}"), 5, "needs type: NodePort"),
    .init(service("a", "ports: [{port: 1, nodePort: 80}], selector: {a: b}, type: NodePort"), 5, "from 30000 to 32767"),
    .init(
      service("a", "ports: [{port: 1, nodePort: 99999}], selector: {a: b}, type: NodePort"), 5,
      "is to be from 30000 to 32767, or left out; it is 99999"),
    .init(service("a", "ports: [{port: '80'}], selector: {a: b}"), 5, "'port' is a text to Kubernetes"),
    .init(service("a", "ports: [{port: 80, targetPort: '80'}], selector: {a: b}"), 5, "'targetPort' is a text"),
    .init(service("a", "ports: [{port: 80}], selector: {app: 1.5}"), 5, "'app' in 'selector' is to be a text"),
    .init(
      service("a", "ports: [{port: 1, nodePort: 30000}], selector: {a: b}, type: NodePort")
        + service("b", "ports: [{port: 1, nodePort: 30000}], selector: {a: b}, type: NodePort"), 10,
      "the Service default/b has the node port 30000 of the Service default/a"),
    .init(
      service("a", "ports: [{port: 1}], selector: {a: b}, clusterIP: 10.96.0.7")
        + service("b", "ports: [{port: 1}], selector: {a: b}, clusterIP: 10.96.0.7"), 8,
      "has the cluster IP 10.96.0.7 of the Service default/a"),
    .init(service("a", "ports: [{port: 1}], selector: {a: b}, type: Node"), 5, "'type' knows no 'Node'"),
    .init(service("a", "ports: [{port: 1}], selector: {a: b}, sessionAffinity: Cookie"), 5, "knows no 'Cookie'"),
    .init(
      service("a", "ports: [{port: 1}], selector: {a: b}, sessionAffinityConfig: {clientIP: {timeoutSeconds: 5}}"), 5,
      "needs sessionAffinity: ClientIP"),
    .init(
      service(
        "a",
        "ports: [{port: 1}], selector: {a: b}, sessionAffinity: ClientIP, "
          + "sessionAffinityConfig: {clientIP: {timeoutSeconds: 0}}"), 5, "from 1 to 86400"),
    .init(
      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kube-flannel-cfg}\ndata: {}", 2, "'net-conf.json' is missing"),
    .init(
      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: kube-flannel-cfg}\ndata: {net-conf.json: '{'}", 4,
      "net-conf.json"),
    .init("apiVersion: traefik.io/v1alpha1\nkind: Middleware\nmetadata: {name: a}", 2, "Middleware is not supported"),
    .init(
      "apiVersion: traefik.io/v1alpha1\nkind: IngressRoute\nmetadata: {name: a}\nspec:\n  routes:\n"
        + "  - kind: Rule\n    match: Hots(`a`)\n    services: [{name: a, port: 80}]", 7, "Hots"),
    .init(
      service("a", "ports: [{port: 80}], selector: {a: b}")
        + "---\napiVersion: traefik.io/v1alpha1\nkind: IngressRoute\nmetadata: {name: a}\nspec:\n  routes:\n"
        + "  - kind: Rule\n    match: Host(`a`)\n    services: [{name: a, port: 81}]", 14, "has no port 81; it has 80"),
  ]

  /// A Deployment whose selector is one expression.
  private static func selecting(_ expression: String) -> String {
    deployment().replacing("matchLabels: {app: web}", with: "matchExpressions: [\(expression)]")
  }

  @Test func allThatIsWrongWithAnObjectIsTold() {
    let text = deployment("Web", replicas: "x", container: "imag: c\n        ports: [{containerPort: 0, hostPort: 0}]")
      .replacing("matchLabels", with: "matchLabel")
    let findings = refusal(text)
    let lines = findings.map { String($0.prefix { $0 != " " }) }
    #expect(
      lines == [
        "a.yaml:4:", "a.yaml:6:", "a.yaml:7:", "a.yaml:12:", "a.yaml:13:", "a.yaml:14:", "a.yaml:14:",
      ], "\(findings)")
  }

  @Test(arguments: files + taken + manifests) func isRefused(_ wrong: Case) {
    let findings = refusal(wrong.text)
    let isThere = findings.contains { finding in
      finding.hasPrefix("a.yaml:\(wrong.line): ") && wrong.words.allSatisfy { finding.contains($0) }
    }
    #expect(isThere, "\(findings)")
  }

  @Test func allFindingsComeAtOnceInTheirOrder() {
    let findings = refusal(
      "nodes: [Bad, other]\nnetwork: x\n" + deployment(replicas: "x"),
      service("a", "ports: [{port: 0}], selector: {a: b}"))
    #expect(findings.count == 4)
    #expect(findings.map { String($0.prefix { $0 != " " }) } == ["a.yaml:1:", "a.yaml:2:", "a.yaml:8:", "b.yaml:5:"])
  }

  @Test func theHostsOwnNetworksAreKept() throws {
    let standard = try ClusterDescription.standard()
    #expect(throws: Never.self) {
      try standard.layout(hostRoutes: ["0.0.0.0/0", "172.17.0.0/16", "fd00::/8"].compactMap { IPPrefix($0) })
    }
    let error = #expect(throws: ClusterDescriptionError.self) {
      try standard.layout(hostRoutes: ["10.0.0.0/8"].compactMap { IPPrefix($0) })
    }
    let findings = error?.findings.map(\.description) ?? []
    #expect(findings.count == 2)
    #expect(findings.first?.contains("the pods' network 10.244.0.0/16 overlaps 10.0.0.0/8, which this host") == true)
    #expect(findings.allSatisfy { $0.hasPrefix("cluster.yaml:") })
  }

  @Test func aFileThatIsNotThereIsNamed() {
    let error = #expect(throws: ClusterDescriptionError.self) {
      try ClusterDescription.read(files: ["/nowhere/cluster.yaml"])
    }
    #expect(error?.description == "cannot read '/nowhere/cluster.yaml': No such file or directory")
  }

  @Test func servicesNetworkCanBeFull() {
    let many = (1...15).map { service("s\($0)", "ports: [{port: 1}], selector: {a: b}") }.joined()
    let findings = refusal("networks: {services: 10.96.0.0/28}\n" + many)
    #expect(findings.contains { $0.contains("has no address left for the Service default/") }, "\(findings)")
  }

  @Test func nodePortsCanRunOut() {
    let ports = (1...200).map { "{name: p\($0), port: \($0)}" }.joined(separator: ", ")
    let many = (1...14).map { service("s\($0)", "ports: [\(ports)], selector: {a: b}, type: NodePort") }.joined()
    let findings = refusal(many)
    #expect(findings.contains { $0.contains("there are no node ports left for the Service default/") }, "\(findings)")
  }
}

extension String {
  fileprivate func replacing(_ part: String, with other: String) -> String {
    guard let range = firstRange(of: part) else { return self }
    return replacingCharacters(in: range, with: other)
  }

  private func replacingCharacters(in range: Range<Index>, with other: String) -> String {
    self[..<range.lowerBound] + other + self[range.upperBound...]
  }
}
