import ClusterModel
import Glibc
import HostSystem
@testable import KernelDirector
import Netlink
import Testing

@testable import Cluster

/// Services from outside, on real nodes: see `TestCluster` for who is where.
@Suite(.serialized) struct NodeDirectorTests {
  @Test(arguments: TestCluster.Overlay.allCases)
  func everyWayToAServiceWorks(_ overlay: TestCluster.Overlay) throws {
    let cluster = try TestCluster(overlay)
    defer { _ = cluster }
    let directors = try (1...3).map { try director($0) }
    defer { for director in directors { try? director.remove() } }
    let pods = endpoints("10.244.1.2", "10.244.1.3", "10.244.2.2", "10.244.2.3")
    let services = [
      port("web", .tcp, "10.96.0.10", 80, node: 30_080, pods), port("dns", .udp, "10.96.0.10", 53, node: 30_053, pods),
      port("none", .tcp, "10.96.0.11", 80, node: 30_081, []), port("void", .udp, "10.96.0.11", 53, node: 30_054, []),
      port("host", .tcp, "10.96.0.12", 80, node: 30_082, endpoints("172.30.0.11")),
    ]
    for director in directors { try director.set(services) }

    // From outside by every node, and by cluster IP; each node asks in its own name, one pod after another.
    for node in 1...3 {
      let expected = Dictionary(
        uniqueKeysWithValues: ["p12", "p13", "p22", "p23"].map { ("\($0) 10.244.\(node).254", 5) })
      let tally = try TestCluster.tally("out", "http://172.30.0.1\(node):30080/", 20)
      #expect(tally == expected)
    }
    #expect(try TestCluster.tally("out", "http://10.96.0.10/", 8).count == 4)
    // From pods and nodes whose sockets nobody translates, to a pod that may be the very one that asks.
    for host in ["p12", "p23", "p32", "n1", "n3"] {
      #expect(try TestCluster.tally(host, "http://10.96.0.10/", 8).values.sorted() == [2, 2, 2, 2], "\(host)")
      #expect(try TestCluster.tally(host, "http://172.30.0.11:30080/", 8).values.sorted() == [2, 2, 2, 2], "\(host)")
      let answers = try Set((0..<4).map { _ in try TestCluster.datagram(host, "10.96.0.10", 53, size: 30) })
      #expect(answers == ["p12 30", "p13 30", "p22 30", "p23 30"], "\(host)")
    }
    // A node's own server, by another node and by itself; it sees its client in the second case.
    #expect(try TestCluster.curl("out", "http://172.30.0.12:30082/") == "n1 10.244.2.254")
    #expect(try TestCluster.curl("out", "http://172.30.0.11:30082/") == "n1 172.30.0.100")
    #expect(try TestCluster.curl("p13", "http://10.96.0.12/") == "n1 10.244.1.3")
    #expect(try ["OSError", "ConnectionRefusedError"].contains(refusal("n1", "10.96.0.12", 80, "STREAM")))
    // Datagrams that travel in fragments.
    for host in ["out", "p32", "n1"] {
      #expect(try TestCluster.datagram(host, "10.96.0.10", 53, size: 4000).hasSuffix(" 4000"), "\(host)")
    }
    // Under vxlan the first is told that it is too big for the way.
    #expect((0..<3).contains { _ in (try? TestCluster.datagram("out", "172.30.0.12", 30_053, size: 4000)) != nil })
    // Services without endpoints, and what is none.
    for (host, address, service) in [
      ("out", "172.30.0.12", 30_081), ("out", "10.96.0.11", 80), ("p12", "10.96.0.11", 80), ("n1", "10.96.0.11", 80),
      ("p33", "172.30.0.11", 30_081), ("out", "172.30.0.11", 30_099), ("out", "10.96.0.99", 80),
      ("n1", "10.96.0.99", 80),
    ] {
      #expect(try refusal(host, address, service, "STREAM") == "ConnectionRefusedError", "\(host), \(address)")
    }
    #expect(try refusal("out", "10.96.0.11", 53, "DGRAM") == "ConnectionRefusedError")
    #expect(try refusal("p32", "172.30.0.13", 30_054, "DGRAM") == "ConnectionRefusedError")
    // Everything else goes past the director: the node's own sockets, its pings, and the local address's.
    #expect(try TestCluster.curl("out", "http://172.30.0.11:8000/") == "n1 172.30.0.100")
    try TestCluster.run("p12", ["ping", "-c", "1", "-W", "2", "10.244.1.254"])
    try TestCluster.run("p12", ["ping", "-c", "1", "-W", "2", "172.30.0.12"])
    for director in directors { #expect(try director.warnings() == []) }
  }

  /// The director takes nobody's segmentation offload.
  @Test func noDeviceButThePairBearsAProgram() throws {
    let cluster = try TestCluster(.routes)
    defer { _ = cluster }
    let director = try director(1)
    defer { try? director.remove() }
    try director.set([port("web", .tcp, "10.96.0.10", 80, node: 30_080, endpoints("10.244.2.2"))])
    let bearers = try NetworkNamespace.named(TestCluster.namespace("n1")).perform { () throws(NetlinkError) in
      try NetlinkSocket().interfaces().filter { $0.xdp != nil }.map(\.name)
    }
    #expect(bearers == ["svs1"])
    let features = try TestCluster.run("p12", ["ethtool", "-k", "eth0"])
    #expect(features.contains("tcp-segmentation-offload: on"))
    // A download by node port from a pod on another node.
    let size = 200_000_000
    let result = try TestCluster.run(
      "out",
      [
        "curl", "-s", "-m", "25", "--noproxy", "*", "-o", "/dev/null", "-w", "%{size_download} %{speed_download}",
        "http://172.30.0.11:30080/big/\(size)",
      ])
    let numbers = result.split(separator: " ").compactMap { Double($0) }
    #expect(numbers.first == Double(size))
    #expect(numbers.last ?? 0 > 10_000_000, "bytes a second: \(result)")
  }

  @Test func anEndpointThatGoesKeepsItsConnections() throws {
    let cluster = try TestCluster(.routes)
    defer { _ = cluster }
    let director = try director(1)
    defer { try? director.remove() }
    let pods = endpoints("10.244.1.2", "10.244.2.2", "10.244.2.3")
    try director.set([port("web", .tcp, "10.96.0.10", 80, node: 30_080, [pods[0]])])
    // Seconds that they take.
    let short = try download(2)
    let long = try download(30)
    try TestCluster.eventually("both downloads run") { try director.status().last?.connections == 2 }
    try director.set([port("web", .tcp, "10.96.0.10", 80, node: 30_080, [pods[1], pods[2]])])
    let first = try #require(try director.status().last)
    #expect(first.endpoints.filter(\.isDraining).map(\.endpoint) == [pods[0]])
    // The cluster IP's had no connections, and went at once.
    #expect(try director.status().first?.endpoints.count == 2)
    #expect(try TestCluster.tally("out", "http://172.30.0.11:30080/", 4).values.sorted() == [2, 2])
    #expect(try short.wait(timeout: .seconds(20)).ending == .exited(code: 0))
    #expect(try director.tend() == 1)
    // It may return as long as it drains.
    try director.set([port("web", .tcp, "10.96.0.10", 80, node: 30_080, pods)])
    #expect(try director.status().last?.endpoints.contains(where: \.isDraining) == false)
    #expect(try TestCluster.tally("out", "http://172.30.0.11:30080/", 6).count == 3)
    try director.set([port("web", .tcp, "10.96.0.10", 80, node: 30_080, [pods[1]])])
    #expect(try director.tend() >= 1)
    // An owner that has no patience, and finds from the kernel what drains.
    let next = try self.director(1, drainLimit: .zero)
    #expect(try next.tend() == 0)
    #expect(try next.status().first { $0.isNodePort }?.endpoints.map(\.endpoint) == [pods[1]])
    // Its client has nothing to say, so nobody tells it.
    kill(long.pid, SIGKILL)
    _ = try long.wait(timeout: .seconds(5))
  }

  @Test func aClientKeepsItsPod() throws {
    let cluster = try TestCluster(.routes)
    defer { _ = cluster }
    let director = try director(1)
    defer { try? director.remove() }
    let pods = endpoints("10.244.1.2", "10.244.1.3", "10.244.2.2", "10.244.2.3")
    var service = port("web", .tcp, "10.96.0.10", 80, node: 30_080, pods)
    service.affinitySeconds = 60
    try director.set([service])
    let kept = try TestCluster.tally("out", "http://172.30.0.11:30080/", 10)
    #expect(kept.count == 1)
    let others = try ["p12", "p13", "n1"].map { try TestCluster.tally($0, "http://172.30.0.11:30080/", 3) }
    #expect(others.allSatisfy { $0.count == 1 })
    #expect(Set(others.flatMap(\.keys) + kept.keys).count > 1)
    // One whose pod goes gets another, and keeps that.
    let name = try #require(kept.keys.first).prefix(3)
    let gone = try #require(IPAddress("10.244.\(name.dropFirst().first ?? "0").\(name.last ?? "0")"))
    service.endpoints.removeAll { $0.address == gone }
    try director.set([service])
    let next = try TestCluster.tally("out", "http://172.30.0.11:30080/", 5)
    #expect(next.count == 1 && next.keys != kept.keys)
    service.affinitySeconds = nil
    try director.set([service])
    #expect(try TestCluster.tally("p32", "http://172.30.0.11:30080/", 6).values.sorted() == [2, 2, 2])
  }

  @Test func whatIsMadeGoesAgain() throws {
    let cluster = try TestCluster(.routes)
    defer { _ = cluster }
    let before = try picture()
    let services = [
      port("web", .tcp, "10.96.0.10", 80, node: 30_080, endpoints("10.244.1.2", "10.244.2.2")),
      port("odd", .tcp, "10.96.0.11", 80, node: 4_000, endpoints("10.244.1.2")),
    ]
    let first = try director(1)
    try first.set(services)
    let standing = try picture()
    // Whoever owned it is gone: the next one takes over, and finds nothing to change.
    let second = try director(1)
    #expect(try Set(second.status().map(\.address)) == Set(first.status().map(\.address)))
    #expect(try TestCluster.curl("out", "http://172.30.0.11:4000/") == "p12 10.244.1.254")
    try second.set(services)
    #expect(try picture() == standing)
    // Somebody's mistake is mended with the next change.
    try TestCluster.run("n1", ["ip", "link", "delete", "svs0"])
    try second.set(Array(services.prefix(1)))
    #expect(try TestCluster.tally("out", "http://172.30.0.11:30080/", 4).count == 2)
    #expect(try refusal("out", "172.30.0.11", 4_000, "STREAM") == "ConnectionRefusedError")
    #expect(try second.warnings() == [])
    try second.remove()
    #expect(try picture() == before)
    try second.remove()
    // A node that is gone took all with it; its pins go with the next director that anybody makes.
    let third = try director(2)
    let pins = "/run/svs/bpf/ns-" + String(try NetworkNamespace.named(TestCluster.namespace("n2")).cookie, radix: 16)
    #expect(access(pins, F_OK) == 0)
    try NetworkNamespace.delete(TestCluster.namespace("n2"))
    try third.remove()
    try TestCluster.eventually("the pins of a gone node are collected") {
      try director(3).remove()
      return access(pins, F_OK) != 0
    }
  }

  @Test func whatOthersTakeAwayIsPutBack() throws {
    let cluster = try TestCluster(.routes)
    defer { _ = cluster }
    let director = try director(1)
    defer { try? director.remove() }
    var service = port("web", .tcp, "10.96.0.10", 80, node: 30_080, endpoints("10.244.1.2"))
    try director.set([service])
    func onNode(_ body: (Director) throws -> Void) throws {
      try NetworkNamespace.named(TestCluster.namespace("n1")).perform { () throws -> Void in try body(try Director()) }
    }
    let acts: [(String, () throws -> Void)] = [
      ("detach", { try onNode { try $0.detach([]) } }),
      ("clear", { try onNode { try $0.clear() } }),
      ("program", { try onNode { _ in DeviceIngress(interface: if_nametoindex("eth0")).detach() } }),
      ("hand-over", { try TestCluster.run("n1", ["tc", "qdisc", "del", "dev", "svs1", "clsact"]) }),
      ("route", { try TestCluster.run("n1", ["ip", "route", "del", "10.96.0.0/12"]) }),
      ("down", { try TestCluster.run("n1", ["ip", "link", "set", "svs0", "down"]) }),
      ("local", { try TestCluster.run("n1", ["ip", "address", "del", "10.244.1.254/32", "dev", "svs0"]) }),
    ]
    for (name, act) in acts {
      #expect(try director.faults() == [], "before \(name)")
      try act()
      let faults = try director.faults()
      #expect(!faults.isEmpty, "after \(name)")
      #expect(try director.mend() == faults, "after \(name)")
      #expect(try director.mend() == [], "after \(name)")
      #expect(try TestCluster.curl("out", "http://172.30.0.11:30080/") == "p12 10.244.1.254", "after \(name)")
      #expect(try TestCluster.curl("out", "http://10.96.0.10/") == "p12 10.244.1.254", "after \(name)")
    }
    // A change makes what is missing.
    try onNode { try $0.clear() }
    service.endpoints = endpoints("10.244.1.3")
    try director.set([service])
    #expect(try TestCluster.curl("out", "http://172.30.0.11:30080/") == "p13 10.244.1.254")
    #expect(try director.faults() == [])
  }

  @Test func whatCannotBeIsRefused() throws {
    let cluster = try TestCluster(.routes)
    defer { _ = cluster }
    let director = try director(1)
    defer { try? director.remove() }
    let pods = endpoints("10.244.1.2")
    #expect(throws: NodeDirectorError.self) { try director.set([port("web", .tcp, "172.16.0.1", 80, pods)]) }
    // One bad endpoint keeps no other service from its change.
    let bad = port("bad", .tcp, "10.96.0.11", 80, endpoints("224.0.0.1"))
    let good = (12...20).map { port("good\($0)", .tcp, "10.96.0.\($0)", 80, pods) }
    let error = #expect(throws: NodeDirectorError.self) { try director.set([bad] + good) }
    #expect("\(try #require(error))" == "n1: default/bad: this address cannot be a real server's")
    #expect(try TestCluster.curl("out", "http://10.96.0.20/") == "p12 10.244.1.254")
    try director.set(good)
    #expect(try director.status().count == good.count)
    #expect(throws: NodeDirectorError.self) {
      try NodeDirector(
        node: "n9", namespace: "svs-there-is-none", nodeAddress: director.nodeAddress,
        localAddress: director.localAddress, serviceNetwork: director.serviceNetwork)
    }
  }

  /// 5,000 services of ten pods.
  @Test func manyServicesAreSetInReasonableTime() throws {
    let cluster = try TestCluster(.routes)
    defer { _ = cluster }
    let director = try director(1)
    defer { try? director.remove() }
    let virtual = try #require(IPPrefix("10.100.0.0/16"))
    let pods = try #require(IPPrefix("10.245.0.0/16"))
    var services = (0..<UInt32(5_000)).map { number in
      ServicePort(
        name: .init(service: "s\(number)"), transport: .tcp, clusterIP: virtual.host(number + 1), port: 80,
        endpoints: (0..<UInt32(10)).map { Endpoint(pods.host(number * 10 + $0 + 300), port: 8000) })
    }
    let clock = ContinuousClock()
    let all = try clock.measure { try director.set(services) }
    services[7].endpoints.removeLast()
    let one = try clock.measure { try director.set(services) }
    #expect(all < .seconds(60) && one < .seconds(10), "all \(all), one \(one)")
    #expect(try director.status().reduce(0) { $0 + $1.endpoints.count } == 49_999)
    print("5,000 services of 10 endpoints: \(all); a change of one: \(one)")
  }
}

extension NodeDirectorTests {
  private func director(_ node: Int, drainLimit: Duration = .seconds(300)) throws -> NodeDirector {
    try NodeDirector(
      node: "n\(node)", namespace: TestCluster.namespace("n\(node)"),
      nodeAddress: try #require(IPAddress("172.30.0.1\(node)")),
      localAddress: try #require(IPAddress("10.244.\(node).254")),
      serviceNetwork: try #require(IPPrefix("10.96.0.0/12")), drainLimit: drainLimit)
  }

  private func endpoints(_ addresses: String...) -> [Endpoint] {
    addresses.compactMap { IPAddress($0) }.map { Endpoint($0, port: 8000) }
  }

  private func port(
    _ name: String, _ transport: ServicePort.TransportProtocol, _ address: String, _ port: UInt16,
    node: UInt16? = nil, _ endpoints: [Endpoint]
  ) -> ServicePort {
    ServicePort(
      name: .init(service: name), transport: transport,
      clusterIP: IPAddress(address) ?? IPAddress(family: .ipv4, words: (0, 0, 0, 0)), port: port, nodePort: node,
      endpoints: endpoints)
  }

  /// What Python says of a connection that is refused within half a second.
  private func refusal(_ host: String, _ address: String, _ port: Int, _ kind: String) throws -> String {
    let script = """
      import socket
      s = socket.socket(socket.AF_INET, socket.SOCK_\(kind))
      s.settimeout(0.5)
      try:
        s.connect(("\(address)", \(port))); s.send(b"?"); print(s.recv(1))
      except Exception as e: print(type(e).__name__)
      """
    return try TestCluster.run(host, ["python3", "-c", script]).split(separator: "\n").first.map(String.init) ?? ""
  }

  /// A download through the node port that takes about so many seconds.
  private func download(_ seconds: Int) throws -> Command.Started {
    let url = "http://172.30.0.11:30080/slow/\(seconds * 50_000)"
    return try Command(
      [
        "ip", "netns", "exec", TestCluster.namespace("out"), "curl", "-s", "-m", "40", "--noproxy", "*", "-o",
        "/dev/null", url,
      ]
    ).begin()
  }

  /// What a director may leave on a node.
  private func picture() throws -> [String] {
    let rules = try TestCluster.run("n1", ["ip", "rule"])
    let links = try TestCluster.run("n1", ["ip", "-br", "link"])
      .split(separator: "\n").map { $0.prefix { $0 != " " && $0 != "@" } }.joined(separator: " ")
    let routes = try TestCluster.run("n1", ["ip", "-4", "route", "show", "table", "all"])
    let tables = try TestCluster.run("n1", ["nft", "list", "tables"])
    return [rules, links, routes, tables]
  }
}
