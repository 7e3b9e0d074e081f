import Glibc
import HostSystem
import Netlink
import Testing

@testable import Lab

/// The kernel's neighbour tables are the director's: empty at first, wrong for a while when a MAC changes.
@Suite struct NeighbourTests {
  /// Nobody has to ping first: the very first request finds its server, and its answer the client.
  @Test(arguments: Case.all)
  func theFirstRequestIsServed(_ c: Case) async throws {
    try await withDirector(Stage.plain) { director in
      try director.startServers()
      try director.addService(c, net: 2)
      try director.addService(c, "-u", port: 9000, net: 2)
      // No packet is lost while an address is being resolved, so that nobody has to send again after a second: the best
      // of three, since a busy machine may lose one itself.
      var (tcp, udp) = (Double.infinity, Double.infinity)
      for _ in 1...3 {
        try director.forgetNeighbours()
        var names: [String] = []
        tcp = min(tcp, try seconds { names = try director.fetch(c, 3) })
        #expect(tally(names) == ["rs1": 1, "rs2": 1, "rs3": 1])
        try director.forgetNeighbours()
        udp = min(udp, try seconds { names = try director.ask(c, 3) })
        #expect(tally(names) == ["rs1": 1, "rs2": 1, "rs3": 1])
      }
      #expect(tcp < 1 && udp < 1)
      #expect(try director.drops()["handed-over", default: 0] >= 18)
    }
  }

  /// A server with a new MAC is reached again: by its long-lived connections and by new ones.
  ///
  /// The kernel believes in an address for half a minute by default; here it is told to look after two seconds, so that
  /// what is seen is the director's part: letting the kernel know that the address is in use.
  @Test(
    arguments: [Case(method: .nat, six: false), Case(method: .direct, six: false), Case(method: .tunnel, six: true)],
    [true, false])
  func aServerWithANewMACIsReached(_ c: Case, announced: Bool) async throws {
    var topology = Stage.plain
    topology.change("director") { host in
      for version in ["ipv4", "ipv6"] {
        host.sysctls.append(.init("net.\(version).neigh.back.base_reachable_time_ms", "2000"))
        host.sysctls.append(.init("net.\(version).neigh.back.delay_first_probe_time", "1"))
      }
    }
    topology.change("rs1") { host in
      guard announced else { return }
      host.sysctls.append(.init("net.ipv4.conf.eth1.arp_notify", "1"))
      host.sysctls.append(.init("net.ipv6.conf.eth1.ndisc_notify", "1"))
    }
    try await withDirector(topology) { director in
      try director.startServers()
      try director.ipvsadm("-A -t \(c.bracketedVIP):9000 -s rr")
      try director.ipvsadm(
        "-a -t \(c.bracketedVIP):9000 -r \(c.bracketed(c.servers(net: 2)[0])):9000 \(c.method.rawValue)")
      let talk = try director.lab.spawn(
        "client", [Programs.python, Programs.script("talk"), c.vip, "9000", "60"], name: "talk")
      func answers() throws -> Int { try Files.text(talk.log).split(separator: "\n").count }
      try director.eventually(within: .seconds(10), "the connection stands") { try answers() > 10 }

      try director.run("rs1", ["ip", "link", "set", "eth1", "address", "02:00:00:00:77:01"])
      let clock = ContinuousClock()
      let changed = clock.now
      // Of the answers that are counted now, none can be older than the change.
      let before = try answers()
      try director.eventually(within: .seconds(20), "the connection goes on") { try answers() > before + 3 }
      let gap = clock.now - changed
      let fresh = try seconds {
        let output = try director.python("client", "talk", [c.vip, "9000", "2"])
        #expect(output.contains("rs1"))
      }
      #expect(fresh < 5)
      #expect(gap < (announced ? .seconds(5) : .seconds(20)))
      print("\(c), announced: \(announced): a new MAC was in use after \(gap)")
      director.lab.stop(talk)
    }
  }
}

extension DirectorLab {
  fileprivate func forgetNeighbours() throws {
    for family in ["-4", "-6"] { try run("director", ["ip", family, "neigh", "flush", "all"]) }
  }
}
