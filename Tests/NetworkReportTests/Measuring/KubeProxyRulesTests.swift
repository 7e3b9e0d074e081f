import ClusterModel
import Netlink
import Testing

@testable import NetworkReport

extension RealNetwork {
  @Suite("nftables rules as kube-proxy writes them")
  struct KubeProxyRulesTests {
    private let network: TwoNamespaces
    private let pods = IPPrefix(address("10.93.0.0"), length: 16)
    private let node = KubeProxyRules.Node(address("10.93.0.1"), pods: [address("10.93.2.1")])

    init() throws { network = try TwoNamespaces(try StopRequest()) }

    private func load(_ rules: KubeProxyRules) throws {
      for text in rules.transactions { try load(text) }
    }

    private func load(_ text: String) throws {
      let output = try network.run("node1", ["nft", "-f", "-"], input: Array(text.utf8), timeout: .seconds(60))
      guard output.succeeded else { throw MeasuringError(String(output.errors.prefix(600))) }
    }

    private func service(_ endpoints: [Endpoint], nodePort: UInt16? = nil, affinity: UInt32? = nil) -> ServicePort {
      ServicePort(
        name: .init(service: "web"), transport: .tcp, clusterIP: address("10.93.128.1"), port: 80, nodePort: nodePort,
        affinitySeconds: affinity, endpoints: endpoints)
    }

    private func curl(_ url: String) throws -> CommandOutput {
      try network.run("node1", ["curl", "-sS", "--max-time", "5", url], timeout: .seconds(10))
    }

    /// Web servers on these ports of the right side.
    private func withServers(_ ports: [UInt16], _ body: () throws -> Void) throws {
      var programs: [BackgroundProgram] = []
      defer { for program in programs { network.stop(program) } }
      for port in ports {
        // Each answers with its port.
        let answer = "HTTP/1.0 200 OK\r\n\r\n\(port)\r\n"
        let script = """
          import socket,sys
          s=socket.create_server(('',\(port)))
          while True:
            c,_=s.accept(); c.recv(4096); c.sendall(sys.argv[1].encode()); c.close()
          """
        programs.append(try network.start("node2", ["python3", "-c", script, answer]))
      }
      for port in ports {
        for _ in 0..<500 {
          let table = try network.run("node2", ["cat", "/proc/net/tcp"], timeout: .seconds(5))
          if ListeningPorts(table.output).contains(port) { break }
          _ = network.stop.rest(.milliseconds(10))
        }
      }
      try body()
    }

    @Test("Connections to a ClusterIP and a NodePort reach all endpoints")
    func balances() throws {
      let endpoints = [9001, 9002, 9003].map { Endpoint(address("10.93.2.1"), port: $0) }
      try withServers([9001, 9002, 9003]) {
        try load(KubeProxyRules([service(endpoints, nodePort: 30080)], at: node, podNetwork: pods))
        for url in ["http://10.93.128.1/", "http://10.93.0.1:30080/"] {
          var answers: [String: Int] = [:]
          for _ in 0..<60 { answers[try curl(url).output.filter(\.isNumber), default: 0] += 1 }
          #expect(Set(answers.keys) == ["9001", "9002", "9003"], "\(url): \(answers)")
        }
        try load(KubeProxyRules.sleeping(true, family: .ipv4))
        #expect(try !curl("http://10.93.128.1/").succeeded)
        try load(KubeProxyRules.sleeping(false, family: .ipv4))
        #expect(try curl("http://10.93.128.1/").succeeded)
        try load(KubeProxyRules.removal())
        let tables = try network.run("node1", ["nft", "list", "tables"], timeout: .seconds(5))
        #expect(tables.succeeded && tables.output.isEmpty)
      }
    }

    @Test("Of tables side by side the one that is awake serves")
    func takesTurns() throws {
      try withServers([9001, 9002]) {
        let tables: [(name: String, port: UInt16)] = [("few", 9001), ("many", 9002)]
        for (name, port) in tables {
          let endpoint = Endpoint(address("10.93.2.1"), port: port)
          var rules = KubeProxyRules([service([endpoint])], at: node, podNetwork: pods)
          rules.table = name
          try load(rules)
          try load(KubeProxyRules.sleeping(true, table: name, family: .ipv4))
        }
        #expect(try !curl("http://10.93.128.1/").succeeded)
        for (awake, port) in tables + tables {
          // In one transaction, as often as one likes.
          try load(tables.map { KubeProxyRules.sleeping($0.name != awake, table: $0.name, family: .ipv4) }.joined())
          #expect(try curl("http://10.93.128.1/").output.contains("\(port)"), "\(awake)")
        }
        try load(KubeProxyRules.removal(of: tables.map(\.name)))
        let left = try network.run("node1", ["nft", "list", "tables"], timeout: .seconds(5))
        #expect(left.succeeded && left.output.isEmpty)
      }
    }

    @Test("With affinity a client keeps its endpoint")
    func affinity() throws {
      let endpoints = [9001, 9002, 9003].map { Endpoint(address("10.93.2.1"), port: $0) }
      try withServers([9001, 9002, 9003]) {
        try load(KubeProxyRules([service(endpoints, affinity: 30)], at: node, podNetwork: pods))
        var answers: Set<String> = []
        for _ in 0..<30 { answers.insert(try curl("http://10.93.128.1/").output) }
        #expect(answers.count == 1 && answers.first?.isEmpty == false)
      }
    }

    @Test("A service without endpoints refuses at once")
    func refuses() throws {
      try load(KubeProxyRules([service([])], at: node, podNetwork: pods))
      let start = ContinuousClock.now
      let output = try curl("http://10.93.128.1/")
      #expect(
        !output.succeeded && output.errors.contains("refused") || output.errors.contains("Couldn't connect"),
        "\(output)")
      #expect(ContinuousClock.now - start < .seconds(3))
    }

    @Test("What a pod of the node sends to itself is masqueraded, and so is what comes from elsewhere")
    func masquerades() throws {
      let endpoints = [Endpoint(address("10.93.2.1"), port: 8000), Endpoint(address("10.93.3.1"), port: 8000)]
      try load(KubeProxyRules([service(endpoints)], at: node, podNetwork: pods))
      func elements(_ name: String) throws -> String {
        try network.run(
          "node1", ["nft", "list", "set", "ip", KubeProxyRules.defaultTable, name], timeout: .seconds(5)
        ).output
      }
      let own = try elements("hairpin-connections")
      #expect(own.contains("10.93.2.1 . 10.93.2.1 . tcp . 8000") && !own.contains("10.93.3.1"))
      #expect(try elements("cluster-ips").contains("10.93.128.1"))
      func chain(_ name: String) throws -> String {
        try network.run(
          "node1", ["nft", "list", "chain", "ip", KubeProxyRules.defaultTable, name], timeout: .seconds(5)
        ).output
      }
      #expect(try chain("services").contains("ip saddr != 10.93.0.0/16 meta mark set meta mark | 0x00004000"))
      #expect(try chain("masquerading").ranges(of: "masquerade fully-random").count == 2)
      #expect(try chain("nat-postrouting").contains("jump masquerading"))
    }

    @Test("A port that a ClusterIP does not serve is refused at once, an address that no service has is not answered")
    func refusesOtherPorts() throws {
      try load(
        KubeProxyRules(
          [service([Endpoint(address("10.93.2.1"), port: 8000)])], at: node, podNetwork: pods,
          serviceNetwork: IPPrefix(address("10.93.128.0"), length: 17)))
      let start = ContinuousClock.now
      let output = try curl("http://10.93.128.1:81/")
      #expect(!output.succeeded && output.errors.contains("connect"), "\(output)")
      #expect(ContinuousClock.now - start < .seconds(3))
      let chain = try network.run(
        "node1", ["nft", "list", "chain", "ip", KubeProxyRules.defaultTable, "cluster-ips-check"], timeout: .seconds(5))
      #expect(chain.output.contains("10.93.128.0/17") && chain.output.contains("drop"))
    }

    @Test("Thousands of services with ten endpoints each load whole, and replace each other")
    func many() throws {
      let spare = IPPrefix(address("10.93.128.0"), length: 17)
      let fillers = KubeProxyRules.fillers(1000, endpointsPerService: 10, addresses: spare, podNetwork: pods)
      #expect(Set(fillers.map(\.clusterIP)).count == 1000)
      try withServers([9001]) {
        let own = service([Endpoint(address("10.93.2.1"), port: 9001)])
        try load(KubeProxyRules([own] + fillers, at: node, podNetwork: pods))
        let map = try network.run(
          "node1", ["nft", "-j", "list", "map", "ip", KubeProxyRules.defaultTable, "service-ips"], timeout: .seconds(20)
        )
        #expect(KubeProxyRules(fillers, at: node, podNetwork: pods).transactions.count == 2)
        #expect(map.output.ranges(of: "10.93.1").count >= 1001, "\(map.errors)")
        #expect(try curl("http://10.93.128.1/").output.contains("9001"))
        try load(KubeProxyRules([own], at: node, podNetwork: pods))
        #expect(try curl("http://10.93.128.1/").output.contains("9001"))
      }
    }

    @Test("IPv6 services have a table of their own family")
    func six() throws {
      let service = ServicePort(
        name: .init(service: "six"), transport: .udp, clusterIP: address("fd00:96::1"), port: 53,
        endpoints: [Endpoint(address("fd00:10::2"), port: 5353), Endpoint(address("10.93.2.1"), port: 1)])
      let text = KubeProxyRules(
        [service, self.service([])], at: node, podNetwork: IPPrefix(address("fd00:10::"), length: 64)
      )
      .transactions.joined()
      #expect(text.contains("dnat to [fd00:10::2]:5353") && !text.contains("10.93."))
      try load(text)
    }
  }
}

/// Suites that make network namespaces of the same names, and measure: one at a time.
@Suite("On a real network", .serialized)
enum RealNetwork {}
