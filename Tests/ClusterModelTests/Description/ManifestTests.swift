import IngressModel
import Netlink
import Testing

@testable import ClusterModel

/// Kubernetes manifests as they stand.
@Suite struct ManifestTests {
  private func standard() throws -> ClusterDescription { try ClusterDescription.standard() }

  @Test func theSourcesOwnFilesAreTakenTogether() throws {
    let files = try ["ingressroute.yaml", "kube-flannel-cfg.yaml", "perf-deploy.yaml"].map { try sample($0) }
    let description = try ClusterDescription.read(files: files, onto: standard())
    let layout = try description.layout()
    #expect(layout.podNetwork.backend == .hostGateway)
    #expect(layout.podNetwork.ipv4?.prefix.description == "10.244.0.0/16")
    // The cluster file's word on the deployment still counts.
    #expect(layout.pods.filter { $0.name.hasPrefix("centos-perf") }.map(\.node) == ["node1", "node2"])
    #expect(layout.pods.count == (try standard().layout().pods.count))
    // Services of another namespace than the route's are found, and told.
    let notes = layout.notes.filter { $0.contains("ingressroute.yaml") }
    #expect(notes.count == 2)
    #expect(
      notes.contains {
        $0.hasSuffix(
          "ingressroute.yaml:18: there is no Service ingress-traefik/locust-master; default/locust-master is taken, as "
            + "'namespace: default' would say")
      }, "\(notes)")
    let resources = layout.notes.filter { $0.contains("'resources'") }
    #expect(resources.count == 1)
    #expect(resources.first?.contains("perf-deploy.yaml:21: ") == true)
    #expect(layout.notes.count == 3)
  }

  @Test(arguments: ["kube-flannel-cfg.yaml", "perf-deploy.yaml", "ingressroute.yaml"])
  func eachIsTakenAlone(file: String) throws {
    let layout = try ClusterDescription.read(files: [sample(file)]).layout()
    #expect(layout.nodes.map(\.name) == ["master", "node1", "node2"])
    // There is no DNS server in any of them.
    #expect(layout.notes.contains { $0.hasPrefix("no pod is a DNS server") })
  }

  @Test func aCommandsFilesAreTheClusterOrAreAdded() throws {
    #expect(try ClusterDescription.described(by: []) == standard())
    let added = try ClusterDescription.described(by: [sample("kube-flannel-cfg.yaml"), sample("perf-deploy.yaml")])
    #expect(added.podNetwork.backend == .hostGateway)
    #expect(added.workloads.count == (try standard().workloads.count))
    #expect(added.services == (try standard().services))
    let whole = try ClusterDescription.described(by: [sample("perf-deploy.yaml"), sample("two-nodes.yaml")])
    #expect(whole.workloads.map(\.name) == ["centos-perf"])
    #expect(whole.nodes.map(\.name) == ["left", "right"])
    #expect(throws: ClusterDescriptionError.self) { try ClusterDescription.described(by: ["/nowhere"]) }
    // An empty document describes no cluster.
    let trailing = try ClusterDescription.described(by: [sample("trailing.yaml")])
    #expect(trailing.nodes == (try standard().nodes))
    #expect(trailing.workloads.count == (try standard().workloads.count + 1))
  }

  @Test func whatAManifestTakesFromTheStandardClusterIsTold() throws {
    let text = service("x", "ports: [{port: 1}], selector: {a: b}, clusterIP: 10.98.210.117")
    let error = #expect(throws: ClusterDescriptionError.self) {
      try ClusterDescription.described(texts: [.init(name: "a.yaml", text: text)])
    }
    #expect(
      error?.description == "a.yaml:3: the Service default/x has the cluster IP 10.98.210.117 of the Service "
        + "default/sample-webapp; give one of them another")
    // In place of one of the same name, at an address of a later one.
    let other = service("sample-webapp", "ports: [{port: 8000}], selector: {a: b}, clusterIP: 10.96.0.10")
    let second = #expect(throws: ClusterDescriptionError.self) {
      try ClusterDescription.described(texts: [.init(name: "a.yaml", text: other)])
    }
    #expect(second?.description.hasPrefix("a.yaml:3: the Service default/sample-webapp has") == true)
  }

  @Test func theFirstExampleOfTheDocumentNeedsNothing() throws {
    let folder = #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
    let page = try IngressConfiguration.contents(of: "/\(folder)/docs/cluster.md")
    let start = try #require(page.firstRange(of: "```yaml\n"))
    let rest = page[start.upperBound...]
    let end = try #require(rest.firstRange(of: "```"))
    let layout = try describe(String(rest[..<end.lowerBound])).layout()
    #expect(layout.pods.map(\.name) == ["centos-perf-1", "web-1", "web-2"])
    #expect(layout.pods.flatMap(\.programs).map(\.kind) == [.webApp(port: 8000), .webApp(port: 8000)])
  }

  @Test func aContainerBesideTheProgramIsNoEndpoint() throws {
    let sidecar = """
      image: sample-webapp
              ports: [{containerPort: 8000, name: http}]
            - name: side
              image: envoy
              ports: [{containerPort: 9901, name: admin, hostPort: 9901}]
      """
    let layout = try describe(
      deployment(container: sidecar)
        + service("main", "selector: {app: web}, ports: [{port: 80, targetPort: http}]")
        + service("named", "selector: {app: web}, ports: [{port: 80, targetPort: admin}]")
        + service("numbered", "selector: {app: web}, ports: [{port: 80, targetPort: 9901}]")
    ).layout()
    #expect(layout.services.map(\.name.service) == ["main", "named", "numbered"])
    #expect(layout.services.map(\.endpoints.count) == [1, 0, 0])
    for words in [
      "nothing runs here for the image 'envoy' of the template of the Deployment default/web: the container's ports "
        + "are no endpoints", "has a TCP port called 'admin': port 80 has no endpoints",
      "has a TCP port 9901 in a container in which something runs: port 80 has no endpoints",
    ] { #expect(layout.notes.contains { $0.contains(words) }, "\(layout.notes)") }
  }

  @Test(arguments: [
    "{key: app, operator: In, values: [web, api]}", "{key: app, operator: NotIn, values: [api]}",
    "{key: tier, operator: NotIn, values: [api]}", "{key: app, operator: Exists}",
    "{key: tier, operator: DoesNotExist}",
  ])
  func aSelectorMayHaveExpressions(expression: String) throws {
    let text = deployment().replacingOccurrence(
      of: "selector: {matchLabels: {app: web}}",
      with: "selector: {matchLabels: {app: web}, matchExpressions: [\(expression)]}")
    #expect(try describe(text).layout().pods.count == 1)
  }

  @Test func aDNSServerWithoutAServiceIsNoted() throws {
    let layout = try describe(deployment(container: "image: coredns")).layout()
    #expect(layout.notes.count == 1)
    #expect(layout.notes.first?.hasPrefix("no Service has a UDP port 53 that leads to the DNS server") == true)
    #expect(layout.resolver == IPAddress("10.96.0.10"))
  }

  @Test func aShellThatSleepsIsAPodWithoutPrograms() throws {
    let layout = try ClusterDescription.read(files: [sample("perf-deploy.yaml")]).layout()
    #expect(layout.pods.map(\.name) == ["centos-perf-1", "centos-perf-2"])
    #expect(layout.pods.allSatisfy { $0.programs.isEmpty })
    #expect(layout.notes.contains { $0.contains("perf-deploy.yaml:19: nothing runs here for the image") })
  }

  @Test func imagesArePrograms() throws {
    func kind(_ container: String, spec: String = "") throws -> ClusterLayout.Program.Kind? {
      try describe(deployment(spec: spec, container: container)).layout().pods.first?.programs.first?.kind
    }
    #expect(try kind("image: registry.example:5000/lab/locust-sample-webapp:1.0@sha256:00") == .webApp(port: 8000))
    #expect(try kind("image: gcr.io/sample-webapp\n        ports: [{containerPort: 9000}]") == .webApp(port: 9000))
    #expect(try kind("image: registry.k8s.io/coredns/coredns:v1.11") == .resolver)
    #expect(try kind("image: k8s-dns") == .resolver)
    #expect(try kind("image: registry.example:5000/busybox") == nil)
    guard case .ingress(_, 80, 8080) = try kind("image: traefik:v2.9") else {
      Issue.record("traefik is no ingress")
      return
    }
    guard
      case .ingress(_, 8000, 9000) = try kind(
        "image: traefik\n        ports: [{containerPort: 9000, name: traefik}, {containerPort: 8000, name: web}]")
    else {
      Issue.record("ports of an ingress")
      return
    }
  }

  @Test func anAnnotationNamesAProgram() throws {
    let text = """
      apiVersion: v1
      kind: Pod
      metadata:
        name: server
        annotations: {svs.program: 'iperf3 -s --title "two words"'}
      spec:
        nodeName: k8s-node2
        containers:
        - {name: main, image: whatever, ports: [{containerPort: 5201}, {containerPort: 5201, protocol: UDP}]}
      """
    let pod = try #require(try describe(text).layout().pods.first)
    #expect(pod.name == "server")
    #expect(pod.node == "node2")
    #expect(
      pod.programs == [
        .init(
          name: "main", kind: .command(["iperf3", "-s", "--title", "two words"]),
          ports: [.init(.tcp, 5201), .init(.udp, 5201)])
      ])
  }

  @Test func whatTheLabCannotDoIsNoted() throws {
    let text = """
      apiVersion: apps/v1
      kind: Deployment
      metadata: {name: web}
      spec:
        selector: {matchLabels: {app: web}}
        strategy: {type: Recreate}
        template:
          metadata: {labels: {app: web}}
          spec:
            restartPolicy: Always
            volumes: [{name: data, emptyDir: {}}]
            initContainers: [{name: first, image: busybox}]
            containers:
            - name: web
              image: sample-webapp
              resources: {limits: {cpu: 1}}
              livenessProbe: {httpGet: {path: /, port: 8000}}
              volumeMounts: [{name: data, mountPath: /data}]
              env: [{name: A, value: b}]
              args: [--fast]
              ports: [{containerPort: 8000}, {containerPort: 9, protocol: SCTP}]
      ---
      apiVersion: v1
      kind: Service
      metadata: {name: web}
      spec:
        type: LoadBalancer
        externalTrafficPolicy: Local
        internalTrafficPolicy: Cluster
        selector: {app: web}
        ports: [{name: a, port: 80, targetPort: 8000}, {name: b, port: 81, protocol: SCTP}]
      ---
      apiVersion: apps/v1
      kind: DaemonSet
      metadata: {name: kube-flannel-ds, namespace: kube-flannel}
      ---
      apiVersion: v1
      kind: ConfigMap
      metadata: {name: other}
      """
    let description = try describe(text)
    let notes = description.notes.map(\.description)
    #expect(
      notes.contains(
        "a.yaml:11: of the Deployment default/web these have no effect here: 'volumes' (line 11), 'initContainers' "
          + "(line 12), 'resources' (line 16), 'livenessProbe' (line 17), 'volumeMounts' (line 18), 'env' (line 19)"),
      "\(notes)")
    for (line, word) in [
      (20, "'args'"), (21, "SCTP"), (27, "NodePort"), (28, "'externalTrafficPolicy'"), (31, "SCTP"),
      (34, "DaemonSet kube-flannel/kube-flannel-ds"), (38, "ConfigMap default/other"),
    ] {
      #expect(notes.contains { $0.hasPrefix("a.yaml:\(line): ") && $0.contains(word) }, "\(line) \(word): \(notes)")
    }
    #expect(notes.count == 8)
    #expect(try description.layout().services.count == 1)
  }

  @Test func servicesOfAllKinds() throws {
    let text =
      deployment(
        replicas: "2",
        container:
          "image: sample-webapp\n        ports: [{containerPort: 8000, name: http}, "
          + "{containerPort: 53, name: dns, protocol: UDP}]"
      )
      + service(
        "both",
        "selector: {app: web}, type: NodePort, sessionAffinity: ClientIP, "
          + "sessionAffinityConfig: {clientIP: {timeoutSeconds: 60}}, "
          + "ports: [{name: a, port: 80, targetPort: http}, "
          + "{name: b, port: 53, targetPort: dns, protocol: UDP, nodePort: 30053}]"
      )
      + service("affine", "selector: {app: web}, sessionAffinity: ClientIP, ports: [{port: 80, targetPort: 8000}]")
      + service("headless", "selector: {app: web}, clusterIP: None")
      + service("lost", "selector: {app: web}, ports: [{port: 80, targetPort: nothing}]")
    let layout = try describe(text).layout()
    let addresses = layout.pods.map(\.address)
    #expect(addresses.count == 2)
    let both = layout.services.filter { $0.name.service == "both" }
    #expect(both.map(\.name.port) == ["a", "b"])
    #expect(both.map(\.transport) == [.tcp, .udp])
    #expect(both.map(\.affinitySeconds) == [60, 60])
    #expect(Set(both.map(\.clusterIP)).count == 1)
    #expect(both[0].endpoints == addresses.map { Endpoint($0, port: 8000) })
    #expect(both[1].endpoints == addresses.map { Endpoint($0, port: 53) })
    #expect(both[1].nodePort == 30_053)
    #expect(ClusterDescription.nodePorts.contains(try #require(both[0].nodePort)))
    let affine = try #require(layout.services.first { $0.name.service == "affine" })
    #expect(affine.affinitySeconds == 10_800 && affine.nodePort == nil && affine.name.port == nil)
    #expect(!layout.services.contains { $0.name.service == "headless" })
    #expect(layout.names.first { $0.name == "headless.default.svc.cluster.local" }?.addresses == addresses)
    #expect(layout.services.first { $0.name.service == "lost" }?.endpoints == [])
    #expect(layout.notes.contains { $0.contains("no pod of the Service default/lost has a TCP port called 'nothing'") })
  }

  @Test func aServiceWithoutPodsIsNoted() throws {
    let layout = try describe(service("none", "selector: {app: nobody}, ports: [{port: 80}]")).layout()
    #expect(layout.services.map(\.endpoints) == [[]])
    #expect(
      layout.notes.contains {
        $0.hasPrefix("a.yaml:3: no pods have the labels app=nobody of the Service default/none")
      })
    // Namespaces keep them apart.
    let other = try describe(
      deployment(namespace: "prod") + service("web", "selector: {app: web}, ports: [{port: 80}]")
    ).layout()
    #expect(other.services.map(\.endpoints) == [[]])
  }

  @Test func listsAreTaken() throws {
    let text = """
      apiVersion: v1
      kind: List
      items:
      - apiVersion: v1
        kind: Namespace
        metadata: {name: prod}
      - apiVersion: v1
        kind: Pod
        metadata: {name: one, namespace: prod}
        spec: {containers: [{name: main, image: sample-webapp}]}
      """
    #expect(try describe(text).layout().pods.map(\.namespace) == ["prod"])
  }
}

extension String {
  fileprivate func replacingOccurrence(of part: String, with other: String) -> String {
    guard let range = firstRange(of: part) else { return self }
    return self[..<range.lowerBound] + other + self[range.upperBound...]
  }
}
