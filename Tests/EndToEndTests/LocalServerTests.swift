import Testing

@testable import Lab

/// A real server under NAT that is a socket of the director's own host.
@Suite struct LocalServerTests {
  /// Starts on the director what the real servers run, at its own address of network 2.
  private func startOwnServer(_ director: DirectorLab, _ c: Case) throws -> String {
    let own = c.address(net: 2, host: 1)
    try director.lab.spawn(
      "director", [Programs.python, Programs.script("serve"), "director", own], name: "serve",
      listeners: [.init(.tcp, 9000), .init(.tcp, 9001), .init(.udp, 9000)])
    return own
  }

  @Test(arguments: [false, true])
  func theDirectorsOwnHostServesBesideOthers(six: Bool) async throws {
    let c = Case(method: .nat, six: six)
    try await withDirector(Stage.plain) { director in
      let before = try director.shell("director", "ip rule; ip -6 rule")
      try director.startServers()
      let own = try startOwnServer(director, c)
      for service in ["-t \(c.bracketedVIP):80", "-u \(c.bracketedVIP):53", "-t \(c.bracketedVIP):81"] {
        try director.ipvsadm("-A \(service) -s rr")
      }
      let servers = [own, c.servers()[0]]
      for server in servers {
        try director.ipvsadm("-a -t \(c.bracketedVIP):80 -r \(c.bracketed(server)):9001 -m")
        try director.ipvsadm("-a -u \(c.bracketedVIP):53 -r \(c.bracketed(server)):9000 -m")
      }
      try director.ipvsadm("-a -t \(c.bracketedVIP):81 -r \(c.bracketed(own)):9000 -m")
      // In turn; the answers come from the VIP.
      #expect(tally(try director.ask(c, 6, port: 53)) == ["director": 3, "rs1": 3])
      // Uploads to both, whole and in whatever segments the kernel makes.
      for _ in 0..<4 { try director.upload(c, 2_000_000, port: 80) }
      let counters = try director.statistics().services
      for service in counters where service.name.hasSuffix(":80") || service.name.hasSuffix(":53") {
        #expect(
          service.servers.count == 2
            && service.servers.allSatisfy { $0.counters[0] == (service.transport == "TCP" ? 2 : 3) })
        #expect(service.servers.allSatisfy { $0.counters[2] > 0 }, "replies are counted: \(service)")
      }
      // Who addresses the server itself gets it too, in its own name.
      let direct = try director.python("client", "datagrams", [own, "9000", "2", "32"])
      #expect(direct == "director \(own) same\ndirector \(own) same\n")
      #expect(try director.python("client", "upload", [own, "9001", "300000"]) == "same\n")
      // And so does a program on the host itself.
      #expect(try director.python("director", "upload", [own, "9001", "300000"]) == "same\n")
      let connections = try director.connections()
      #expect(connections.contains { $0[0] == "TCP" && $0[5] == "\(c.bracketed(own)):9001" }, "\(connections)")

      try director.ipvsadm("-C")
      #expect(try director.shell("director", "ip rule; ip -6 rule") == before)
      #expect(try director.shell("director", "ip route show table 21337 2>/dev/null || true").isEmpty)
    }
  }

  /// With its last server of this kind gone and nothing left of its connections, the host's routing is as it was.
  @Test func rulesFollowTheServers() async throws {
    let c = Case(method: .nat, six: false)
    try await withDirector(Stage.plain) { director in
      func rules() throws -> Int {
        try director.shell("director", "ip rule").split(separator: "\n").filter { $0.contains("21337") }.count
      }
      let own = c.address(net: 2, host: 1)
      try director.ipvsadm("-A -t \(c.vip):80 -s rr")
      try director.ipvsadm("-a -t \(c.vip):80 -r \(own):80 -m")
      try director.ipvsadm("-a -t \(c.vip):80 -r \(own):81 -m")
      #expect(try rules() == 2)
      try director.ipvsadm("-e -t \(c.vip):80 -r \(own):80 -g")
      #expect(try rules() == 1)
      try director.ipvsadm("-d -t \(c.vip):80 -r \(own):81")
      #expect(try rules() == 0)
    }
  }

  /// A loopback's address is nowhere to go for what came by a wire, as with IPVS.
  @Test func theLoopbackServesNobody() async throws {
    let c = Case(method: .nat, six: false)
    try await withDirector(Stage.plain) { director in
      try director.ipvsadm("-A -t \(c.vip):80 -s rr")
      try director.ipvsadm("-a -t \(c.vip):80 -r 127.0.0.1:9000 -m")
      let refused = try director.lab.exec("client", ["curl", "-sS", "-m", "2", "http://\(c.vip)/"])
      #expect(refused.ending == .exited(code: 28), "time runs out: \(refused.errors)")
      #expect(try director.drops()["no-route", default: 0] > 0)
    }
  }
}
