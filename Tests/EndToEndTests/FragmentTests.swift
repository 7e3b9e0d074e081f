import HostSystem
import Netlink
import Testing

@testable import Lab

/// Datagrams larger than the link, in every method.
@Suite struct FragmentTests {
  @Test(arguments: Case.all)
  func largeDatagramsArriveWholeBothWays(_ c: Case) async throws {
    try await withDirector(Stage.plain) { director in
      try director.startServers()
      try director.addService(c, "-u", port: 9000)
      // An XDP decapsulator unpacks whole packets only: leave room for the tunnel's header. IPv6 clients are told.
      if c.method == .tunnel, !c.six {
        try director.run("client", ["ip", "route", "add", c.vip, "dev", "eth0", "mtu", "1480"])
      }
      for size in [4_000, 20_001, 60_000] {
        #expect(tally(try director.ask(c, 3, size: size)) == ["rs1": 1, "rs2": 1, "rs3": 1], "\(size) bytes")
      }
      if c.method == .nat { _ = try director.ask(c, 3, size: 4_000, c.six ? [] : ["no-checksum"]) }
      let service = try #require(try director.statistics().services.first)
      let expected = c.method == .nat ? 12 : 9
      #expect(service.counters[0] == expected)
      // Packets are counted whole; a tunnel too narrow for one is asked again.
      if c.method != .tunnel {
        let bytes = 3 * (4_000 + 20_001 + 60_000 + (c.method == .nat ? 4_000 : 0)) + expected * (8 + (c.six ? 40 : 20))
        #expect(service.counters[1] == expected && service.counters[3] == bytes)
        if c.method == .nat { #expect(service.counters[2] == expected && service.counters[4] == bytes + expected * 4) }
      }
      let drops = try director.drops()
      #expect(drops["fragment", default: 0] == 0 && drops["fragment-dropped", default: 0] == 0)
    }
  }

  /// Fragments of 100,000 packets, more than the table remembers, beside a transfer.
  @Test(arguments: [false, true])
  func floodsLeaveConnectionsAlone(six: Bool) async throws {
    let c = Case(method: .nat, six: six)
    try await withDirector(Stage.plain) { director in
      try director.startServers()
      try director.addService(c, port: 9001)
      try director.addService(c, "-u", port: 9000)
      // What begins and never ends fills the servers' own memory for fragments: theirs is not what is tested.
      for number in 1...3 {
        let knob = six ? "net.ipv6.ip6frag_high_thresh" : "net.ipv4.ipfrag_high_thresh"
        try director.run("rs\(number)", ["sysctl", "-q", "-w", "\(knob)=268435456"])
      }
      let mac = try director.lab.inside("director") { try NetlinkSocket().interface(named: "front").mac }
      let upload = try director.lab.spawn(
        "client", [Programs.python, Programs.script("upload"), c.vip, "9001", "30000000"], name: "upload")
      try director.python(
        "client", "fragments",
        ["flood", "eth0", "\(try #require(mac))", c.address(net: 1, host: 2), c.vip, "9000", "100000"],
        timeout: .seconds(90))
      try director.eventually(within: .seconds(30), "the upload ends") { !upload.isRunning }
      #expect(try Files.text(upload.log) == "same\n")
      // Those without a first one went to the kernel: more than the table remembers, however many a busy link lost.
      #expect(try director.drops()["fragment", default: 0] >= 2 * 8192)
      // One flow sent all of them.
      #expect(try director.tableUse().used < 10)
      #expect(tally(try director.ask(c, 3, size: 4_000)).values.reduce(0, +) == 3)
    }
  }
}
