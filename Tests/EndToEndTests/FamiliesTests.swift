import HostSystem
import Testing

@testable import Lab

/// FULLNAT between address families: IPv6 clients and IPv4 servers, and the reverse.
@Suite struct FamiliesTests {
  /// Adds a service in the family of its clients, with servers of the other.
  private func join(
    _ director: DirectorLab, _ c: Case, _ transport: String = "-t", port: Int = 80, serverPort: Int? = nil,
    servers: [String]? = nil
  ) throws {
    let other = Case(method: .fullNAT, six: !c.six)
    try director.ipvsadm("-A \(transport) \(c.bracketedVIP):\(port) -s rr")
    for server in servers ?? other.servers(net: 2) {
      try director.ipvsadm(
        "-a \(transport) \(c.bracketedVIP):\(port) -r \(other.bracketed(server)):\(serverPort ?? port) --fullnat")
    }
  }

  /// Real requests to real web servers, datagrams of all sizes; rules and connections are listed in their own families.
  @Test(arguments: [false, true])
  func clientsReachServersOfTheOtherFamily(six: Bool) async throws {
    try await withDirector(Stage.plain) { director in
      let c = Case(method: .fullNAT, six: six)
      let other = Case(method: .fullNAT, six: !six)
      try director.startServers()
      try join(director, c)
      try join(director, c, "-u", port: 9000)
      #expect(tally(try director.fetch(c, 12)) == ["rs1": 4, "rs2": 4, "rs3": 4])
      for size in [32, 1_400, 1_452, 4_000, 20_001] {
        #expect(tally(try director.ask(c, 3, size: size)) == ["rs1": 1, "rs2": 1, "rs3": 1], "\(size) bytes")
      }
      if !six { #expect(tally(try director.ask(c, 3, ["no-checksum"])).values.reduce(0, +) == 3) }

      for row in try director.connections() {
        try #require(row.count == 6)
        #expect(row[3].contains(c.address(net: 1, host: 2)) && row[4].contains(c.vip), "\(row)")
        #expect(other.servers(net: 2).contains { row[5].contains($0) }, "\(row)")
      }
      for service in try director.statistics().services where service.transport == "TCP" {
        #expect(service.counters[0] == 12 && service.counters[2] >= 36)
      }
      // The address that stands for the clients is of the servers' family.
      let own = try #require(try director.pools().first)
      #expect(own.isOwn && own.addresses == other.address(net: 2, host: 1) + (six ? "/32" : "/128"))
      let rules = try director.ipvsadm("-S -n")
      try director.ipvsadm("-C")
      try director.ipvsadm("-R", input: rules)
      #expect(try director.ipvsadm("-S -n") == rules)
      #expect(tally(try director.fetch(c, 3)) == ["rs1": 1, "rs2": 1, "rs3": 1])
      // Other methods than FULLNAT and tunnels do not join families.
      for method in ["-m", "-g"] {
        let refused = try director.lab.exec(
          "director",
          [
            Programs.ipvsadm, "-a", "-t", "\(c.bracketedVIP):80", "-r",
            "\(other.bracketed(other.address(net: 2, host: 14))):80", method,
          ])
        #expect(!refused.succeeded && refused.errors.contains("Different address family"), "\(refused.errors)")
      }
      // Datagrams in full-size fragments become larger, and are cut once more; whole ones may not be, and are told.
      let harmless = ["handed-over", "partial-checksum", "fragmented", "too-big"]
      #expect(try director.drops().filter { $0.value > 0 && !harmless.contains($0.key) } == [:])
    }
  }

  /// Datagrams that may be fragmented and are too big on the IPv6 side get there, and the answers come back, whichever
  /// side is the client's; the director cuts them, and they are counted once.
  @Test(arguments: [false, true])
  func largeDatagramsOfIPv4AreCut(six: Bool) async throws {
    try await withDirector(Stage.plain) { director in
      let c = Case(method: .fullNAT, six: six)
      // IP_PMTUDISC_DONT: no don't-fragment at all.
      for host in ["client", "rs1", "rs2", "rs3"] {
        try director.shell(host, "echo 1 > /proc/sys/net/ipv4/ip_no_pmtu_disc")
      }
      try director.startServers()
      try join(director, c, "-u", port: 9000)
      // Neighbours are known from here on, and so are the ways' MTUs.
      for address in Case(method: .fullNAT, six: !six).servers(net: 2) + [c.address(net: 1, host: 2)] {
        try director.run("director", ["ping", "-c", "1", "-W", "5", address])
      }
      for size in [1_453, 1_472, 2_960, 30_000] {
        #expect(tally(try director.ask(c, 3, size: size)) == ["rs1": 1, "rs2": 1, "rs3": 1], "\(size) bytes")
      }
      let drops = try director.drops().filter { $0.value > 0 }
      #expect(drops["fragmented", default: 0] > 0)
      #expect(drops.keys.allSatisfy { ["handed-over", "partial-checksum", "fragmented"].contains($0) }, "\(drops)")
      // Twelve each way, whatever became of them underway.
      let service = try #require(try director.statistics().services.first)
      #expect(service.counters[1] == 12 && service.counters[2] == 12, "\(service.counters)")
    }
  }

  /// 50 MB up and as much down, byte for byte, over links whose MTU only the director knows: the segments fit from the
  /// first on, and nobody has to be told.
  @Test(arguments: [false, true], [1_500, 1_400])
  func transfersArriveWhole(six: Bool, mtu: Int) async throws {
    try await withDirector(Stage.plain) { director in
      let c = Case(method: .fullNAT, six: six)
      try director.startServers()
      try director.run("director", ["ip", "link", "set", "back", "mtu", "\(mtu)"])
      // Neighbours are known from here on, and so are the ways' MTUs.
      for address in Case(method: .fullNAT, six: !six).servers(net: 2) + [c.address(net: 1, host: 2)] {
        try director.run("director", ["ping", "-c", "1", "-W", "5", address])
      }
      try join(director, c, port: 9001)
      try join(director, c)
      try director.upload(c, 50_000_000)
      let file = "\(director.lab.folder)/large"
      let sum = try director.shell("rs1", "head -c 50000000 /dev/urandom > \(file); sha256sum < \(file)")
      for number in 1...3 {
        try director.shell("rs\(number)", "ln -s \(file) \(director.lab.folder)/rs\(number)/large")
      }
      let got = try director.shell("client", "curl -sS -m 60 'http://\(c.bracketedVIP)/large' | sha256sum")
      #expect(got == sum)
      let harmless = ["handed-over", "partial-checksum"]
      #expect(try director.drops().filter { $0.value > 0 && !harmless.contains($0.key) } == [:])
    }
  }

  /// A closed port at the server, and a client that has left: each socket hears of it in its own family.
  @Test(arguments: [false, true])
  func errorsAreHeardOnTheOtherSide(six: Bool) async throws {
    try await withDirector(Stage.plain) { director in
      let c = Case(method: .fullNAT, six: six)
      let server = Case(method: .fullNAT, six: !six).servers(net: 2)[0]
      try join(director, c, "-u", port: 7000, serverPort: 7001, servers: [server])
      #expect(try director.python("client", "errors", ["refused", c.vip, "7000"]) == "refused\n")
      #expect(try director.drops()["icmp-error-forwarded", default: 0] > 0)

      let answer = try director.lab.spawn(
        "rs1", [Programs.python, Programs.script("errors"), "answer", server, "7001"], name: "answer",
        listeners: [.init(.udp, 7001)])
      try director.python("client", "errors", ["leave", c.vip, "7000"])
      try director.eventually(within: .seconds(15), "the server hears of it") { !answer.isRunning }
      #expect(try Files.text(answer.log) == "refused\n")
    }
  }

  /// The MTU of the director's link, in numbers of the client's family; and that of a router's behind it.
  @Test(arguments: [false, true])
  func clientsLearnTheMTU(six: Bool) async throws {
    try await withDirector(BuiltInLab.tun.topology) { director in
      // The VIP of that lab.
      let c = Case(method: .tunnel, six: six)
      let server = c.six ? "10.21.0.2" : "fd10:21::2"
      for (host, interface) in [("router", "rs1"), ("rs1", "eth0")] {
        try director.run(host, ["ip", "link", "set", interface, "mtu", "1400"])
      }
      try join(director, c, "-u", port: 9000, servers: [server])
      let difference = six ? 20 : -20
      let kind = six ? ["2", "0"] : ["3", "4"]
      func told(_ size: Int) throws -> Int? {
        let output = try director.python(
          "client", "wire", ["icmp", c.address(net: 1, host: 2), c.vip, "9000"] + kind + ["64", "\(size)"])
        return Int(output.split(separator: "\n").last ?? "")
      }
      #expect(try told(1_420) == 1400 + difference)
      #expect(try director.drops()["icmp-error-forwarded", default: 0] > 0)
      #expect(try director.drops()["too-big", default: 0] == 0, "not the director's own link")

      // With that transfers find their way, both of them.
      try director.lab.spawn(
        "rs1", [Programs.python, Programs.script("serve"), "rs1", server], name: "serve",
        listeners: [.init(.tcp, 9001)])
      try join(director, c, port: 9001, servers: [server])
      try director.upload(c, 2_000_000)
      try join(director, c, servers: [server])
      try director.shell("rs1", "head -c 2000000 /dev/zero > \(director.lab.folder)/rs1/zeros")
      #expect(
        try director.shell("client", "curl -sS -m 20 'http://\(c.bracketedVIP)/zeros' | wc -c") == "2000000\n")
    }
  }

  /// A server that speaks the PROXY protocol is told of a client whose family it does not have.
  @Test(arguments: [false, true])
  func serversAreToldOfClientsOfTheOtherFamily(six: Bool) async throws {
    try await withDirector(Stage.plain) { director in
      let c = Case(method: .fullNAT, six: six)
      let other = Case(method: .fullNAT, six: !six)
      let folder = director.lab.folder
      let server = other.servers(net: 2)[0]
      try director.shell(
        "rs1",
        """
        cat > \(folder)/proxied.conf <<'END'
        daemon off; pid \(folder)/proxied.pid; error_log stderr; worker_processes 1;
        events {}
        http {
          access_log off;
          server {
            listen \(other.bracketed(server)):8001 proxy_protocol;
            return 200 "$proxy_protocol_addr $proxy_protocol_port\\n";
          }
        }
        END
        """)
      try director.lab.spawn(
        "rs1", ["nginx", "-p", folder, "-c", "\(folder)/proxied.conf"], name: "proxied", listeners: [.init(.tcp, 8001)])
      try join(director, c, port: 8001, servers: [server])
      for method in ["proxy-v1", "proxy-v2"] {
        try director.svs("client-address set tcp:\(c.bracketedVIP):8001 \(method)")
        let large = String(repeating: "x", count: 6000)
        let output = try director.run(
          "client",
          [
            "curl", "-sS", "-m", "20", "-H", "X-Large: \(large)", "-w", "%{local_ip} %{local_port}\n",
            "http://\(c.bracketedVIP):8001/",
          ])
        let lines = output.split(separator: "\n").map(String.init)
        #expect(lines.count == 2 && lines[0] == lines[1], "\(method): \(output)")
      }
    }
  }

  /// SCTP's checksum knows of no addresses, but of ports.
  @Test(arguments: [false, true])
  func associationsCross(six: Bool) async throws {
    try await withDirector(Stage.plain) { director in
      let c = Case(method: .fullNAT, six: six)
      let server = Case(method: .fullNAT, six: !six).servers(net: 2)[0]
      let process = try director.lab.spawn(
        "rs1", [Programs.python, Programs.script("sctp"), "serve", "rs1", server], name: "sctp")
      try director.eventually(within: .seconds(15), "the server is ready") {
        try Files.text(process.log).hasPrefix("ready")
      }
      try join(director, c, "--sctp-service", port: 5060, serverPort: 3868, servers: [server])
      let output = try director.python("client", "sctp", ["associate", c.vip, "5060", "2"])
      #expect(output.split(separator: "\n").map(String.init) == ["rs1 3868", "rs1 3868"])
      #expect(try Files.text(process.log) == "ready\n")
    }
  }
}
