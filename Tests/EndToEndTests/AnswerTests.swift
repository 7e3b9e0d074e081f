import Testing

@testable import Lab

/// What the director says itself, by ICMP, in the VIP's name.
@Suite struct AnswerTests {
  /// ICMP's type and code in either version.
  private func icmp(
    _ director: DirectorLab, _ c: Case, port: Int, four: (Int, Int), six: (Int, Int), ttl: Int = 64, size: Int = 20
  ) throws -> Int? {
    let (kind, code) = c.six ? six : four
    let output = try director.python(
      "client", "wire",
      ["icmp", c.address(net: 1, host: 2), c.vip, "\(port)", "\(kind)", "\(code)", "\(ttl)", "\(size)"])
    return Int(output.split(separator: "\n").last ?? "")
  }

  @Test(arguments: Case.all)
  func everyAnswerIsRight(_ c: Case) async throws {
    try await withDirector(Stage.plain) { director in
      // Behind a narrow link.
      for host in ["director", "rs1", "rs2", "rs3"] {
        try director.run(host, ["ip", "link", "set", host == "director" ? "back" : "eth1", "mtu", "1400"])
      }
      try director.ipvsadm("-A -u \(c.bracketedVIP):53 -s rr")
      try director.ipvsadm("-A -t \(c.bracketedVIP):53 -s rr")
      try director.addService(c, "-u", port: 9000, net: 2)

      _ = try icmp(director, c, port: 53, four: (3, 3), six: (1, 4))
      _ = try icmp(director, c, port: 53, four: (3, 3), six: (1, 4), size: 1200)
      _ = try icmp(director, c, port: 9000, four: (11, 0), six: (3, 0), ttl: 1)
      // Addresses are resolved by now, so that the way's MTU is known.
      _ = try icmp(director, c, port: 9000, four: (11, 0), six: (3, 0), ttl: 1, size: 1000)
      let mtu = try icmp(director, c, port: 9000, four: (3, 4), six: (2, 0), size: 1440)
      #expect(mtu == 1400 - (c.method == .tunnel ? (c.six ? 40 : 20) : 0))

      let refused = try director.lab.exec("client", ["curl", "-sS", "-m", "5", "http://\(c.bracketedVIP):53/"])
      #expect(refused.ending == .exited(code: 7), "refused at once: \(refused.errors)")
      let drops = try director.drops()
      #expect(drops["no-server", default: 0] >= 3)
      #expect(drops["time-exceeded", default: 0] >= 2)
      #expect(drops["too-big", default: 0] >= 1)
    }
  }

  /// One host has six answers, and one more in a second, as the kernel's own settings say; or as many as it likes.
  @Test(arguments: [false, true])
  func oneHostIsAnsweredSoOften(six: Bool) async throws {
    let c = Case(method: .nat, six: six)
    try await withDirector(Stage.plain) { director in
      try director.ipvsadm("-A -u \(c.bracketedVIP):53 -s rr")
      let time = try seconds { try director.python("client", "errors", ["many", c.vip, "53", "40"]) }
      try director.eventually(within: .seconds(10), "all have come") {
        try director.drops()["no-server", default: 0] == 40
      }
      let limited = try director.drops()["answer-limited", default: 0]
      #expect(limited <= 34 && limited >= 33 - Int(time), "\(limited) in \(time) s")

      let setting = six ? "net.ipv6.icmp.ratelimit" : "net.ipv4.icmp_ratelimit"
      try director.run("director", ["sysctl", "-q", "-w", "\(setting)=0"])
      try director.ipvsadm("-A -u \(c.bracketedVIP):54 -s rr")
      try director.python("client", "errors", ["many", c.vip, "54", "40"])
      try director.eventually(within: .seconds(10), "all have come") {
        try director.drops()["no-server", default: 0] == 80
      }
      #expect(try director.drops()["answer-limited", default: 0] == limited)
    }
  }

  /// And a large download, whose server is told: by NAT the answers go through the director.
  @Test(arguments: [Case(method: .nat, six: false), Case(method: .nat, six: true)], [true, false])
  func downloadsFitTheWayBack(_ c: Case, forwards: Bool) async throws {
    var topology = Stage.plain
    topology.change("director") { $0.forwards = forwards }
    try await withDirector(topology) { director in
      try director.run("director", ["ip", "link", "set", "front", "mtu", "1400"])
      for number in 1...3 {
        let folder = "\(director.lab.folder)/rs\(number)"
        try director.shell("rs\(number)", "head -c 3000000 /dev/zero > \(folder)/zeros")
      }
      try director.addService(c)
      let size = try director.shell("client", "curl -sS -m 20 'http://\(c.bracketedVIP)/zeros' | wc -c")
      #expect(size == "3000000\n")
      let drops = try director.drops()
      #expect(drops["too-big", default: 0] > 0)
    }
  }

  /// A large upload works over a way with a smaller MTU than the client's, because the client is told.
  @Test(arguments: [
    Case(method: .nat, six: false), Case(method: .tunnel, six: false), Case(method: .direct, six: true),
  ])
  func uploadsFitTheWay(_ c: Case) async throws {
    try await withDirector(Stage.plain) { director in
      try director.startServers()
      // The servers do not know: they offer segments for the full size.
      try director.run("director", ["ip", "link", "set", "back", "mtu", "1400"])
      try director.addService(c, port: 9001, net: 2)
      try director.upload(c, 5_000_000)
      #expect(try director.drops()["too-big", default: 0] > 0)
    }
  }
}
