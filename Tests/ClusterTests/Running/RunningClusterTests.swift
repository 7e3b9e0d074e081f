import ClusterModel
import Glibc
import HostSystem
import Lab
import Netlink
import Testing

@testable import Cluster

/// Clusters with real traffic.
@Suite("A running cluster", .serialized) struct RunningClusterTests {
  @Test(arguments: [FlannelConfiguration.Backend.vxlan(.init()), .hostGateway])
  func podsReachEachOtherAndTheWorld(_ backend: FlannelConfiguration.Backend) throws {
    try SmallCluster.running("net", backend: backend) { cluster in
      // The same node, another node, a node, the gateway, and back.
      for address in ["10.244.1.2", "10.244.2.2", "10.244.1.1", "192.168.77.53", "192.168.77.100"] {
        #expect(try cluster.pings("perf-1", address), "\(address)")
      }
      #expect(try cluster.pings("master", "10.244.2.3"))
      #expect(try cluster.pings("outside", "node2"))
      #expect(cluster.status().problems == [])
      // As large as the way takes it, and not a byte more (ping's 28 bytes of headers).
      let largest = backend == .hostGateway ? 1472 : 1422
      #expect(try cluster.run("perf-1", ["ping", "-c1", "-W2", "-Mdo", "-s\(largest)", "10.244.2.3"]).succeeded)
      #expect(try !cluster.run("perf-1", ["ping", "-c1", "-W2", "-Mdo", "-s\(largest + 1)", "10.244.2.3"]).succeeded)
      let environment = try Files.text("\(try cluster.folder(of: "node1"))/subnet.env")
      #expect(environment.contains("FLANNEL_SUBNET=10.244.1.1/24\nFLANNEL_MTU=\(largest + 28)\n"), "\(environment)")
    }
  }

  @Test func aServiceIsReachedByEveryPath() throws {
    try SmallCluster.running("paths") { cluster in
      let paths = [
        ("master", "http://10.98.210.117:8000/"), ("node1", "http://10.98.210.117:8000/"),
        ("perf-1", "http://web:8000/"), ("perf-2", "http://web.default.svc.cluster.local:8000/"),
        ("web-1", "http://web:8000/"), ("dns-1", "http://web.default:8000/"),
        ("outside", "http://192.168.77.51:30800/"), ("outside", "http://node2:30800/"),
        ("perf-1", "http://192.168.77.52:30800/"), ("outside", "http://web.test.com/"),
      ]
      for (host, url) in paths {
        let answer = try cluster.curl(host, url)
        #expect(answer.output.contains("Distributed Load Testing"), "\(host) \(url): \(answer.errors)")
      }
      // This program has it for itself: it is there, and cannot be asked.
      #expect(ClusterClient.building().contains(cluster.name))
      let error = #expect(throws: ClusterError.self) { _ = try ClusterClient.find(cluster.name) }
      #expect(error?.description.contains("cannot be asked") == true)
      #expect(cluster.status().problems == [])
    }
  }

  @Test func whatIsNotThereIsRefusedAtOnce() throws {
    try SmallCluster.running("refuse") { cluster in
      let attempts = [
        // A service without pods, and addresses and ports that no service has.
        ("perf-1", "http://10.98.210.118/"), ("perf-1", "http://10.98.210.117:1/"), ("master", "http://10.98.210.118/"),
        ("perf-1", "http://10.97.0.1/"), ("master", "http://10.97.0.1/"), ("perf-1", "http://10.244.9.9/"),
        ("perf-1", "http://nothing:8000/"), ("perf-1", "http://nothing.example.com/"),
        ("outside", "http://node1:30801/"),
      ]
      for (host, url) in attempts {
        let start = ContinuousClock.now
        let answer = try cluster.curl(host, url)
        let time = start.duration(to: .now)
        #expect(!answer.succeeded && time < .seconds(2), "\(host) \(url) took \(time): \(answer)")
      }
    }
  }

  @Test func theBackendIsSwitchedUnderAConnection() throws {
    try SmallCluster.running("switch") { cluster in
      try cluster.spawn("perf-2", Python.sink, name: "sink", listeners: [.init(.tcp, 7000)])
      // A line every hundredth of a second over one connection, for as long as the test lasts.
      let source = try cluster.spawn("perf-1", Python.source("10.244.2.3"), name: "source")
      let file = "\(try cluster.folder(of: "perf-2"))/received"
      func size() -> Int { (try? Files.read(file).count) ?? 0 }
      func grows() -> Bool {
        let (before, deadline) = (size(), Deadline(in: .seconds(10)))
        while size() < before + 50, !deadline.hasPassed { poll(nil, 0, 5) }
        return size() >= before + 50
      }
      #expect(grows())
      for backend in [FlannelConfiguration.Backend.hostGateway, .vxlan(.init()), .hostGateway] {
        try cluster.switchBackend(to: backend)
        #expect(cluster.layout.podNetwork.backend == backend)
        #expect(cluster.status().problems == [])
        #expect(grows(), "after the change to \(backend.name)")
        let links = try cluster.run("node1", ["ip", "-br", "link"]).output
        #expect(links.contains("flannel.1") == (backend != .hostGateway), "\(links)")
        #expect(try cluster.run("perf-1", ["cat", "/sys/class/net/eth0/mtu"]).succeeded)
      }
      #expect(source.isRunning)
    }
  }

  @Test func whatPodsSendOutsideLeavesWithTheirNodesAddress() throws {
    try SmallCluster.running("masq") { cluster in
      for host in ["outside", "perf-2"] {
        try cluster.spawn(host, Python.peers, name: "peers", listeners: [.init(.tcp, 7001)])
      }
      for (target, host, expected) in [
        ("192.168.77.100", "outside", "192.168.77.52"), ("10.244.2.3", "perf-2", "10.244.1.3"),
      ] {
        #expect(try cluster.run("perf-1", Python.visit(target)).succeeded)
        let file = "\(try cluster.folder(of: host))/peers"
        let deadline = Deadline(in: .seconds(5))
        while (try? Files.read(file).isEmpty) ?? true, !deadline.hasPassed { poll(nil, 0, 5) }
        #expect((try? Files.text(file)) == "\(expected)\n", "\(target)")
      }
    }
  }
}
