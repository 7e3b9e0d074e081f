import Testing

@testable import Lab

/// What the director's own host sends to a VIP.
@Suite struct OwnTrafficTests {
  @Test(arguments: Case.all)
  func theDirectorIsAClientToo(_ c: Case) async throws {
    try await withDirector(Stage.plain) { director in
      let before = try director.shell("director", "ip rule; ip -6 rule")
      try director.startServers()
      try director.addService(c)
      try director.addService(c, "-u", port: 9000)
      try director.addService(c, port: 9001)
      #expect(tally(try director.fetch(c, 6, from: "director")) == ["rs1": 2, "rs2": 2, "rs3": 2])
      #expect(tally(try director.fetch(c, 3)) == ["rs1": 1, "rs2": 1, "rs3": 1])
      let answers = try director.python("director", "datagrams", [c.vip, "9000", "6", "32"])
      #expect(
        tally(answers.split(separator: "\n").map { String($0.prefix { $0 != " " }) }) == ["rs1": 2, "rs2": 2, "rs3": 2])
      // Larger than any frame: segments, and what the way's MTU makes of them.
      #expect(try director.python("director", "upload", [c.vip, "9001", "3000000"]) == "same\n")
      let rows = try director.connections()
      #expect(!rows.contains { $0.count > 4 && $0[3].contains(c.vip) }, "the VIP is nobody's source: \(rows)")

      try director.ipvsadm("-C")
      #expect(try director.shell("director", "ip rule; ip -6 rule") == before)
    }
  }

  /// A VIP's other ports, and its pings, are the host's own business.
  @Test(arguments: [false, true])
  func otherPortsStayTheHosts(six: Bool) async throws {
    let c = Case(method: .nat, six: six)
    try await withDirector(Stage.plain) { director in
      try director.lab.spawn(
        "director", [Programs.python, Programs.script("serve"), "host", c.vip], name: "host",
        listeners: [.init(.tcp, 9000), .init(.tcp, 9001), .init(.udp, 9000)])
      try director.addService(c)
      let answers = try director.python("director", "datagrams", [c.vip, "9000", "2", "32"])
      #expect(answers == "host \(c.vip) same\nhost \(c.vip) same\n")
      #expect(try director.python("director", "upload", [c.vip, "9001", "200000"]) == "same\n")
      try director.run("director", ["ping", "-c", "1", "-W", "5", c.vip])
    }
  }

  /// Services come and go one by one: a VIP is steered as long as any is there.
  @Test func theLastServiceTakesTheRouteAlong() async throws {
    let c = Case(method: .nat, six: false)
    try await withDirector(Stage.plain) { director in
      func routes() throws -> String { try director.shell("director", "ip route show table 21334 2>/dev/null || true") }
      try director.addService(c)
      try director.addService(c, port: 8081, serverPort: 80)
      #expect(try routes().contains(c.vip))
      try director.ipvsadm("-D -t \(c.vip):80")
      #expect(try routes().contains(c.vip))
      #expect(tally(try director.fetch(c, 3, port: 8081, from: "director")) == ["rs1": 1, "rs2": 1, "rs3": 1])
      try director.ipvsadm("-D -t \(c.vip):8081")
      #expect(try routes().isEmpty)
      #expect(try director.shell("director", "ip rule").hasPrefix("0:"))
    }
  }
}
