import Testing

@testable import Lab

/// Services by firewall mark, marked by the operator's own iptables and nftables.
@Suite struct MarkTests {
  /// What sets the mark on TCP to the VIP's ports 80 and 8080.
  enum Marker: String, CaseIterable, Sendable {
    case iptables, nft
  }

  private func mark(_ director: DirectorLab, _ c: Case, by marker: Marker, _ mark: Int = 6666) throws {
    switch marker {
    case .iptables:
      let program = c.six ? "ip6tables" : "iptables"
      try director.shell(
        "director",
        "\(program) -t mangle -A PREROUTING -d \(c.vip) -p tcp -m multiport --dports 80,8080 -j MARK --set-mark \(mark)"
      )
    case .nft:
      let family = c.six ? "ip6" : "ip"
      let rules = """
        table inet marks {
          chain pre {
            type filter hook prerouting priority mangle
            \(family) daddr \(c.vip) tcp dport { 80, 8080 } meta mark set \(mark)
          }
        }
        """
      try director.run("director", ["nft", "-f", "-"], input: rules)
    }
  }

  private func addService(_ director: DirectorLab, _ c: Case, _ mark: Int = 6666) throws {
    let service = "-f \(mark)\(c.six ? " -6" : "")"
    try director.ipvsadm("-A \(service) -s rr")
    for server in c.servers() {
      try director.ipvsadm("-a \(service) -r \(c.six ? "[\(server)]:0" : server) \(c.method.rawValue)")
    }
  }

  private func rules(_ director: DirectorLab) throws -> String {
    try director.shell("director", "ip rule; ip -6 rule")
  }

  /// Ports 80 and 8080 of one site are scheduled together, by every method, over both IP versions.
  @Test(arguments: Case.all, Marker.allCases)
  func twoPortsAreOneService(_ c: Case, by marker: Marker) async throws {
    try await withDirector(Stage.plain) { director in
      let before = try rules(director)
      try mark(director, c, by: marker)
      try addService(director, c)
      let names = try director.fetch(c, 3) + director.fetch(c, 3, port: 8080)
      #expect(tally(names) == ["rs1": 2, "rs2": 2, "rs3": 2])
      let listed = try director.ipvsadm("-L -n -c")
      #expect(listed.contains("\(c.bracketedVIP):80 ") && listed.contains("\(c.bracketedVIP):8080 "), "\(listed)")

      let saved = try director.ipvsadm("-S -n")
      #expect(saved.contains("-A -f 6666\(c.six ? " -6" : "") -s rr"))
      try director.ipvsadm("-C")
      #expect(try rules(director) == before)
      try director.ipvsadm("-R", input: saved)
      #expect(try director.ipvsadm("-S -n") == saved)
      #expect(tally(try director.fetch(c, 3)) == ["rs1": 1, "rs2": 1, "rs3": 1])
      try director.ipvsadm("-D -f 6666\(c.six ? " -6" : "")")
      #expect(try rules(director) == before)
    }
  }

  /// The mark wins over the same packets' address and port; what has no mark goes by those.
  @Test(arguments: [false, true])
  func marksBeatAddresses(six: Bool) async throws {
    let c = Case(method: .nat, six: six)
    try await withDirector(Stage.plain) { director in
      let servers = c.servers().map { c.bracketed($0) }
      for port in [80, 8081] {
        try director.ipvsadm("-A -t \(c.bracketedVIP):\(port) -s rr")
        try director.ipvsadm("-a -t \(c.bracketedVIP):\(port) -r \(servers[0]):80 -m")
      }
      try director.ipvsadm("-A -f 7\(six ? " -6" : "") -s rr")
      try director.ipvsadm("-a -f 7\(six ? " -6" : "") -r \(servers[1]):80 -m")
      #expect(try director.fetch(c, 2) + director.fetch(c, 2, port: 8081) == ["rs1", "rs1", "rs1", "rs1"])
      try mark(director, c, by: .nft, 7)
      #expect(try director.fetch(c, 2) == ["rs2", "rs2"])
      #expect(try director.fetch(c, 2, port: 8081) == ["rs1", "rs1"])
      // Another mark than any service's is nothing to the director.
      try director.ipvsadm("-D -f 7\(six ? " -6" : "")")
      #expect(try director.fetch(c, 2) == ["rs1", "rs1"])
    }
  }

  /// Ordinary services beside one by mark, at ports that routing rules cannot name as they are, and at many.
  @Test func anyPortGoesBesideAMark() async throws {
    let c = Case(method: .nat, six: false)
    try await withDirector(Stage.plain) { director in
      try addService(director, c)
      let ports = [1, 65_535] + (0..<50).map { 100 + 3 * $0 }
      for port in ports {
        try director.ipvsadm("-A -t \(c.vip):\(port) -s rr")
        try director.ipvsadm("-a -t \(c.vip):\(port) -r \(c.servers()[0]):80 -m")
      }
      for port in [1, 100, 103, 247, 65_535] { #expect(try director.fetch(c, 1, port: port) == ["rs1"]) }
      let rules = try rules(director).split(separator: "\n").filter { $0.hasPrefix("92:") }
      #expect(rules.count <= 33, "\(rules)")
      try director.ipvsadm("-A -t \(c.vip):0 -s rr -p")
      try director.ipvsadm("-a -t \(c.vip):0 -r \(c.servers()[1]) -m")
      #expect(try director.fetch(c, 1, port: 8080) == ["rs2"])
      try director.ipvsadm("-C")
    }
  }

  /// A host that does not forward goes on not to, but for what is marked; and everything is put back.
  @Test(arguments: [false, true])
  func theHostNeedNotForward(six: Bool) async throws {
    let c = Case(method: .direct, six: six)
    let tunnel = Case(method: .tunnel, six: six)
    try await withDirector(Stage.plain) { director in
      let family = six ? "ipv6" : "ipv4"
      try director.shell("director", "echo 0 > /proc/sys/net/\(family)/conf/all/forwarding")
      let settings = "grep . /proc/sys/net/\(family)/conf/*/*forwarding | grep -v 'svs[01]'"
      let before = (try director.shell("director", settings), try rules(director))
      try mark(director, c, by: .iptables)
      try addService(director, c)
      #expect(tally(try director.fetch(c, 6)) == ["rs1": 2, "rs2": 2, "rs3": 2])
      // No way through to the servers' own network.
      let through = try director.lab.exec(
        "client", ["curl", "-sS", "-m", "1", "http://\(c.bracketed(c.address(net: 2, host: 11)))/"])
      #expect(!through.succeeded && !through.output.contains("rs1"), "\(through.output)")
      try director.ipvsadm("-C")
      #expect(try director.shell("director", settings) == before.0)
      #expect(try rules(director) == before.1)

      try mark(director, tunnel, by: .nft)
      try addService(director, tunnel)
      #expect(tally(try director.fetch(tunnel, 3)) == ["rs1": 1, "rs2": 1, "rs3": 1])
      try director.svs("detach")
      #expect(try director.shell("director", settings) == before.0)
      #expect(try rules(director) == before.1)
    }
  }

  /// Ports of a VIP that no service has stay the host's own while there are marks.
  @Test(arguments: [false, true])
  func otherPortsStayTheHosts(six: Bool) async throws {
    let c = Case(method: .nat, six: six)
    try await withDirector(Stage.plain) { director in
      try director.lab.spawn(
        "director", [Programs.python, Programs.script("serve"), "host", c.vip], name: "host",
        listeners: [.init(.tcp, 9000), .init(.tcp, 9001), .init(.udp, 9000)])
      try mark(director, c, by: .nft)
      try addService(director, c)
      try director.addService(c, port: 8081, serverPort: 80)
      #expect(tally(try director.ask(c, 4)) == ["host": 4])
      #expect(tally(try director.fetch(c, 3, port: 8081)) == ["rs1": 1, "rs2": 1, "rs3": 1])
      #expect(tally(try director.fetch(c, 3)) == ["rs1": 1, "rs2": 1, "rs3": 1])
      try director.upload(c, 200_000)
    }
  }

  /// Somebody deletes the pair: the next command makes it anew, with all that leads there.
  @Test func aDeletedPairIsMadeAnew() async throws {
    let c = Case(method: .nat, six: false)
    try await withDirector(Stage.plain) { director in
      try mark(director, c, by: .iptables)
      try addService(director, c)
      try director.addService(c, port: 8081, serverPort: 80)
      try director.run("director", ["ip", "link", "del", "svs0"])
      try director.svs("attach")
      #expect(tally(try director.fetch(c, 3)) == ["rs1": 1, "rs2": 1, "rs3": 1])
      #expect(tally(try director.fetch(c, 3, port: 8081, from: "director")) == ["rs1": 1, "rs2": 1, "rs3": 1])
    }
  }
}
