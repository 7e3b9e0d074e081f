import ClusterModel
import Glibc
import HostSystem
import Lab
import Netlink
import Testing

@testable import Cluster

/// Pods that come and go while others are at work.
@Suite("A cluster that changes", .serialized) struct ChangesTests {
  private func third() throws -> ClusterLayout.Pod {
    .init(
      name: "web-3", node: "node2", address: try #require(IPAddress("10.244.2.5")), labels: ["app": "web"],
      programs: [.init(name: "webapp", kind: .webApp(port: 8000), ports: [.init(.tcp, 8000)])])
  }

  private func layout(_ cluster: RunningCluster, without gone: [String], with come: [ClusterLayout.Pod])
    -> ClusterLayout
  {
    var layout = cluster.layout
    let addresses = layout.pods.filter { gone.contains($0.name) }.map(\.address)
    layout.pods.removeAll { gone.contains($0.name) }
    layout.pods += come
    let web = layout.services.firstIndex { $0.name.service == "web" }
    if let web {
      layout.services[web].endpoints.removeAll { addresses.contains($0.address) }
      layout.services[web].endpoints += come.map { Endpoint($0.address, port: 8000) }
    }
    return layout
  }

  /// Asks the service from a pod and from outside, and says how often each pod's address was where the requests went.
  private func requests(_ cluster: RunningCluster, to pod: String, count: Int = 30) throws -> Int {
    let before = try accepted(cluster, pod)
    for number in 0..<count {
      let (host, url) =
        number % 2 == 0 ? ("perf-1", "http://web:8000/") : ("outside", "http://192.168.77.51:30800/")
      let answer = try cluster.curl(host, url)
      #expect(answer.output.contains("Distributed"), "\(host): \(answer.errors)")
    }
    return try accepted(cluster, pod) - before
  }

  /// Connections that a pod's kernel has taken (SNMP's PassiveOpens).
  private func accepted(_ cluster: RunningCluster, _ pod: String) throws -> Int {
    let lines = try cluster.inside(pod) { try Files.text("/proc/thread-self/net/snmp") }.split(separator: "\n")
    let rows = lines.filter { $0.hasPrefix("Tcp:") }.map { $0.split(separator: " ") }
    let column = try #require(rows[0].firstIndex(of: "PassiveOpens"))
    return try #require(Int(rows[1][column]))
  }

  @Test func podsComeAndGoWithoutALostRequest() throws {
    try SmallCluster.running("change") { cluster in
      // Over connections that last, through the service: one at each pod.
      for number in 1...2 {
        try cluster.spawn("perf-2", Python.client("10.98.210.117", number), name: "client\(number)")
      }
      func answers(_ number: Int) throws -> Int {
        (try? Files.read("\(try cluster.folder(of: "perf-2"))/answers\(number)").count) ?? 0
      }
      func goesOn(_ number: Int) throws -> Bool {
        let (before, deadline) = (try answers(number), Deadline(in: .seconds(5)))
        while try answers(number) < before + 5, !deadline.hasPassed { poll(nil, 0, 5) }
        return try answers(number) >= before + 5
      }
      #expect(try goesOn(1) && goesOn(2))

      try cluster.apply(layout(cluster, without: [], with: [try third()]))
      #expect(try requests(cluster, to: "web-3") >= 5)
      #expect(try goesOn(1) && goesOn(2))
      #expect(cluster.status().services[0].endpoints.map(\.pod) == ["web-1", "web-2", "web-3"])

      try cluster.apply(layout(cluster, without: ["web-3"], with: []))
      #expect(!NetworkNamespace.names().contains("\(cluster.name)-web-3"))
      #expect(try !cluster.run("node2", ["ip", "-br", "link"]).output.contains("veth5"))
      #expect(try requests(cluster, to: "web-1") >= 5)
      #expect(try goesOn(1) && goesOn(2))
      #expect(cluster.status().problems == [])
    }
  }

  @Test func aPodThatGoesKeepsItsConnectionsForAWhile() throws {
    try SmallCluster.running("drain") { cluster in
      // One pod serves, and has a client that asks it ten times a second for a second and then goes.
      try cluster.apply(layout(cluster, without: ["web-2"], with: []))
      let client = try cluster.spawn("perf-2", Python.client("10.98.210.117", 1, seconds: 1), name: "client")
      let deadline = Deadline(in: .seconds(5))
      while cluster.status().services[0].endpoints[0].connections == 0, !deadline.hasPassed { poll(nil, 0, 5) }
      try cluster.apply(layout(cluster, without: ["web-1"], with: [try third()]))
      #expect(!client.isRunning, "the pod was there until its client had gone")
      let log = try Files.text(client.log)
      #expect(log == "", "\(log)")
      #expect(try requests(cluster, to: "web-3", count: 6) == 6)
    }
  }

  @Test func anEndInTheMiddleOfAChangeIsNotHeldUp() throws {
    var options = SmallCluster.options()
    options.drainLimit = .seconds(600)
    let cluster = try RunningCluster(
      try SmallCluster.layout("amid-\(getpid() % 100_000)"), options: options)
    defer { try? cluster.down() }
    try cluster.spawn("perf-2", Python.client("10.98.210.117", 1), name: "client")
    func isServed() -> Bool { cluster.status().services[0].endpoints.contains { $0.connections > 0 } }
    let deadline = Deadline(in: .seconds(10))
    while !isServed(), !deadline.hasPassed { poll(nil, 0, 5) }
    // Both are taken out, and the client keeps one of them for as long as it lives.
    let without = layout(cluster, without: ["web-1", "web-2"], with: [])
    let start = ContinuousClock.now
    Concurrently.start {
      let deadline = Deadline(in: .seconds(10))
      while !cluster.layout.services[0].endpoints.isEmpty, !deadline.hasPassed { poll(nil, 0, 2) }
      try? cluster.down()
    }
    try? cluster.apply(without)
    try cluster.down()
    #expect(start.duration(to: .now) < .seconds(60))
    #expect(NetworkNamespace.names().filter { $0.hasPrefix("\(cluster.name)-") }.isEmpty)
    let late = #expect(throws: ClusterError.self) { try cluster.apply(without) }
    #expect(late?.description == "the cluster \(cluster.name) is being taken down")
  }

  @Test func whatCannotComeUpChangesNothing() throws {
    try SmallCluster.running("refused") { cluster in
      let before = cluster.layout
      var broken = try third()
      broken.programs = [.init(name: "broken", kind: .command(["false"]), ports: [.init(.tcp, 8000)])]
      #expect(throws: ClusterError.self) { try cluster.apply(layout(cluster, without: ["web-1"], with: [broken])) }
      #expect(cluster.layout == before)
      #expect(!NetworkNamespace.names().contains("\(cluster.name)-web-3"))
      #expect(try requests(cluster, to: "web-1", count: 10) >= 2)
      var other = before
      other.nodes.removeLast()
      let error = #expect(throws: ClusterError.self) { try cluster.apply(other) }
      #expect(error?.description.contains("the nodes of a cluster that runs cannot be changed") == true)
      // Nodes' subnets are of the pods' network: it is what is named.
      let network = try #require(IPPrefix("10.250.0.0/16"))
      other.podNetwork = FlannelConfiguration(ipv4: .init(network), backend: before.podNetwork.backend)
      let reason = #expect(throws: ClusterError.self) { try cluster.apply(other) }
      #expect(reason?.description.contains("the pods' network of a cluster that runs cannot be changed") == true)
      #expect(cluster.status().problems == [])
    }
  }
}
