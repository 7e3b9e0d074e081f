import ClusterModel
import Glibc
import HostSystem
@testable import KernelDirector
import Lab
import Netlink
import Synchronization
import Testing

@testable import Cluster

/// What others do to a running cluster, and what is made of it.
@Suite("A cluster that others meddle with", .serialized) struct RepairTests {
  /// Whether services are reached by programs on the cluster, from outside, and pods by each other.
  private func check(_ cluster: RunningCluster, after act: String) throws {
    for (host, url) in [("perf-1", "http://10.98.210.117:8000/"), ("outside", "http://192.168.77.52:30800/")] {
      for _ in 0..<4 {
        let answer = try cluster.curl(host, url)
        #expect(answer.output.contains("Distributed"), "after \(act), \(host): \(answer.errors)")
      }
    }
    #expect(try cluster.pings("perf-1", "10.244.2.3"), "after \(act)")
  }

  @Test func whatOthersTakeAwayIsPutBack() throws {
    try SmallCluster.running("repair") { cluster in
      func onNode(_ words: String...) throws {
        let result = try cluster.run("node1", words)
        #expect(result.succeeded, "\(words): \(result.errors)")
      }
      let acts: [(String, () throws -> Void)] = [
        ("svs detach", { try cluster.inside("node1") { try Director().detach([]) } }),
        ("program", { try cluster.inside("node1") { DeviceIngress(interface: if_nametoindex("cni0")).detach() } }),
        ("ip route", { try onNode("ip", "route", "del", "10.96.0.0/12") }),
        ("ip link", { try onNode("ip", "link", "del", "svs0") }),
        ("ipvsadm -C", { try cluster.inside("node1") { try Director().clear() } }),
        ("rm -r", { try Files.remove(cluster.services.pinFolder) }),
        ("ip link del cni0", { try onNode("ip", "link", "del", "cni0") }),
        ("ip addr flush", { try onNode("ip", "addr", "flush", "dev", "cni0") }),
      ]
      for (name, act) in acts {
        cluster.services.tend()
        #expect(cluster.status().problems == [], "before \(name)")
        try act()
        #expect(cluster.status().problems != [], "after \(name)")
        cluster.services.tend()
        #expect(cluster.status().problems == [], "after \(name), and its repair")
        try check(cluster, after: name)
      }
      // A change that comes before the next look does not fail.
      try cluster.inside("node1") { try Director().clear() }
      var layout = cluster.layout
      let web = try #require(layout.services.firstIndex { $0.name.service == "web" })
      layout.services[web].affinitySeconds = 60
      try cluster.apply(layout)
      try check(cluster, after: "a change")
    }
  }

  @Test func aPodWhoseProgramHasEndedGetsNoConnections() throws {
    try SmallCluster.running("ended") { cluster in
      let pod = try #require(cluster.status().pods.first { $0.name == "web-1" })
      let program = try #require(pod.programs.first)
      kill(program.pid, SIGKILL)
      let deadline = Deadline(in: .seconds(5))
      func isRunning() -> Bool {
        cluster.status().pods.first { $0.name == "web-1" }?.programs.first?.isRunning == true
      }
      while isRunning(), !deadline.hasPassed { poll(nil, 0, 5) }
      cluster.services.tend()
      try check(cluster, after: "a program's end")
      let words = "pod web-1: no program waits at 10.244.1.2:8000/tcp"
      #expect(cluster.status().problems.contains { $0.hasPrefix(words) }, "\(cluster.status().problems)")
      #expect(try endpoints(cluster) == ["10.244.2.2"])
      try cluster.spawn(
        "web-1", [cluster.instruments, "webapp", "--port", "8000"], name: "again", listeners: [.init(.tcp, 8000)])
      cluster.services.tend()
      #expect(try endpoints(cluster) == ["10.244.1.2", "10.244.2.2"])
      #expect(!cluster.status().problems.contains { $0.hasPrefix(words) })
    }
  }

  /// The pods that a node leads new connections for the service to.
  private func endpoints(_ cluster: RunningCluster) throws -> Set<String> {
    let directors = cluster.services.parts.withLock { $0.directors }
    let director = try #require(directors.first)
    let port = try #require(try director.status().first { $0.name?.service == "web" && $0.isNodePort })
    return Set(port.endpoints.filter { !$0.isDraining }.map { "\($0.endpoint.address)" })
  }

  @Test func aPodWithoutItsLinkCanBeRemoved() throws {
    try SmallCluster.running("unplugged") { cluster in
      #expect(try cluster.run("web-2", ["ip", "link", "del", "eth0"]).succeeded)
      try cluster.switchBackend(to: .hostGateway)
      var layout = cluster.layout
      layout.pods.removeAll { $0.name == "web-2" }
      for index in layout.services.indices {
        layout.services[index].endpoints.removeAll { "\($0.address)" == "10.244.2.2" }
      }
      try cluster.apply(layout)
      #expect(!NetworkNamespace.names().contains("\(cluster.name)-web-2"))
    }
  }

  @Test func nodesSendFromPortsThatAreNoServices() throws {
    var layout = try SmallCluster.layout("ports")
    #expect(Masquerade.ports(of: layout) == 1_024...29_999)
    layout.services[2].nodePort = 8_080
    #expect(Masquerade.ports(of: layout) == 8_081...29_999)
    layout.services[2].nodePort = 29_999
    layout.services[3].nodePort = 1_024
    #expect(Masquerade.ports(of: layout) == 1_025...29_998)
    #expect(Masquerade.rules(layout).contains("masquerade to :1025-29998 fully-random"))
  }
}
