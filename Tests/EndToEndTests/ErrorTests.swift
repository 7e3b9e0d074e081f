import HostSystem
import Testing

@testable import Lab

/// ICMP errors about connections, on their way through the director.
@Suite struct ErrorTests {
  /// A closed port at the server, by NAT: the client's own socket hears of it, which takes a right translation of all
  /// that is quoted, and right checksums.
  @Test(arguments: [false, true])
  func clientsHearOfClosedPorts(six: Bool) async throws {
    let c = Case(method: .nat, six: six)
    try await withDirector(Stage.plain) { director in
      try director.ipvsadm("-A -u \(c.bracketedVIP):7000 -s rr")
      try director.ipvsadm("-a -u \(c.bracketedVIP):7000 -r \(c.bracketed(c.servers()[0])):7001 -m")
      let heard = try director.python("client", "errors", ["refused", c.vip, "7000"])
      #expect(heard == "refused\n")
      #expect(try director.drops()["icmp-error-forwarded", default: 0] > 0)
    }
  }

  /// A client that has gone, by NAT: the server's own socket hears of it, for which the quote has to name the server.
  @Test(arguments: [false, true])
  func serversHearOfClientsThatLeft(six: Bool) async throws {
    let c = Case(method: .nat, six: six)
    try await withDirector(Stage.plain) { director in
      try director.ipvsadm("-A -u \(c.bracketedVIP):7000 -s rr")
      try director.ipvsadm("-a -u \(c.bracketedVIP):7000 -r \(c.bracketed(c.servers()[0])):7001 -m")
      let server = try director.lab.spawn(
        "rs1", [Programs.python, Programs.script("errors"), "answer", c.servers()[0], "7001"], name: "answer",
        listeners: [.init(.udp, 7001)])
      try director.python("client", "errors", ["leave", c.vip, "7000"])
      try director.eventually(within: .seconds(15), "the server hears of it") { !server.isRunning }
      #expect(try Files.text(server.log) == "refused\n")
      #expect(try director.drops()["icmp-error-forwarded", default: 0] > 0)
    }
  }

  /// Errors that quote what does not exist are none of the director's business.
  @Test(arguments: [false, true])
  func strangersAreLeftAlone(six: Bool) async throws {
    let c = Case(method: .nat, six: six)
    try await withDirector(Stage.plain) { director in
      try director.startServers()
      try director.addService(c)
      try director.python("client", "errors", ["flood", c.address(net: 1, host: 2), c.vip, "2000"])
      #expect(try director.drops()["icmp-error-forwarded", default: 0] == 0)
      let answer = try director.run("client", ["curl", "-sS", "-m", "5", "http://\(c.bracketedVIP)/"])
      #expect(!answer.isEmpty)
    }
  }

  /// Datagrams too big for the way that may be fragmented leave in fragments. (Under DR client and servers share a
  /// link here, whose narrower MTU would keep the datagram from the director; a wire record has that case.)
  @Test(arguments: [Method.nat, .tunnel])
  func bigDatagramsArriveInFragments(_ method: Method) async throws {
    let c = Case(method: method, six: false)
    try await withDirector(Stage.plain) { director in
      try director.run("director", ["ip", "link", "set", "back", "mtu", "1300"])
      try director.addService(c, "-u", port: 9000, net: 2)
      try director.eventually(within: .seconds(10), "fragments left") {
        _ = try director.python("client", "errors", ["big", c.vip, "9000"])
        return try director.drops()["fragmented", default: 0] > 0
      }
      #expect(try director.drops()["too-big-dropped", default: 0] == 0)
    }
  }

  /// IP options go into every fragment, or into the first alone, as they say themselves (RFC 791, section 3.1).
  @Test func fragmentsHaveTheOptionsThatAreToBeCopied() async throws {
    let c = Case(method: .nat, six: false)
    try await withDirector(Stage.plain) { director in
      try director.run("director", ["ip", "link", "set", "back", "mtu", "1000"])
      let server = c.servers()[0]
      try director.ipvsadm("-A -u \(c.vip):9000 -s rr")
      try director.ipvsadm("-a -u \(c.vip):9000 -r \(server):9000 -m")
      // The neighbour is known from here on, and so is the way's MTU.
      try director.run("director", ["ping", "-c", "1", "-W", "5", server])
      let pieces = try director.lab.spawn(
        "rs1", [Programs.python, Programs.script("fragments"), "pieces", server], name: "pieces")
      try director.eventually(within: .seconds(15), "the server listens") {
        try Files.text(pieces.log).hasPrefix("ready")
      }
      try director.python("client", "fragments", ["options", c.address(net: 1, host: 2), c.vip, "9000"])
      try director.eventually(within: .seconds(15), "all has arrived") { !pieces.isRunning }
      #expect(
        try Files.text(pieces.log) == """
          ready
          0 more 940400000707040000000000 968
          968 last 940400000101010101010100 440
          whole

          """)
      #expect(try director.drops()["fragmented", default: 0] == 1)
    }
  }
}
