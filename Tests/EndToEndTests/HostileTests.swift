import HostSystem
import Netlink
import Testing

@testable import Lab

/// Packets that nobody should send.
@Suite struct HostileTests {
  @Test(arguments: Case.all)
  func garbageDisturbsNobody(_ c: Case) async throws {
    try await withDirector(Stage.plain) { director in
      try director.startServers()
      try director.addService(c)
      try director.addService(c, port: 9001)
      try director.addService(c, "-u", port: 9000)
      let mac = try director.lab.inside("director") { try NetlinkSocket().interface(named: "front").mac }
      let address = try #require(mac)
      let seed = Int.random(in: 1...1_000_000)
      print("\(c): hostile packets of seed \(seed)")
      for port in ["80", "9000"] {
        let upload = try director.lab.spawn(
          "client", [Programs.python, Programs.script("upload"), c.vip, "9001", "30000000"], name: "upload\(port)")
        try director.python(
          "client", "wire",
          ["hostile", "eth0", "\(address)", c.address(net: 1, host: 2), c.vip, port, "\(seed)", "4000"])
        try director.eventually(within: .seconds(30), "the upload ends") { !upload.isRunning }
        #expect(try Files.text(upload.log) == "same\n", "seed \(seed)")
      }
      #expect(tally(try director.fetch(c, 30)).count == 3)
      #expect(tally(try director.ask(c, 6)).values.reduce(0, +) == 6)

      let drops = try director.drops()
      #expect(drops["malformed", default: 0] > 100)
      if !c.six { #expect(drops["fragment", default: 0] > 100) }
      // Whatever was sent, the sums are right: every connection counted once, and none below zero.
      let listed = try director.listing().services.flatMap(\.servers)
      #expect(listed.allSatisfy { $0.active < 20_000 && $0.inactive < 20_000 })
      try director.eventually(within: .seconds(5), "servers' counts, the table's and its rows agree") {
        let counted = try director.listing().services.reduce(0) { $0 + $1.active + $1.inactive }
        return try director.connections().count == counted && director.tableUse().used == counted
      }
      for service in try director.statistics().services {
        for column in 0..<5 {
          #expect(service.counters[column] == service.servers.reduce(0) { $0 + $1.counters[column] })
        }
      }
    }
  }

  /// A tag in front changes nothing about who gets the packet: the parent device is attached.
  @Test(arguments: Case.all)
  func tagsAndOptionsAreParsed(_ c: Case) async throws {
    try await withDirector(Stage.plain) { director in
      try director.startServers()
      try director.addService(c, "-u", port: 9000, net: 2)
      // The switch must not hide the tag where XDP does not see it.
      for port in ["port0", "port4"] { try director.run("switch", ["ethtool", "-K", port, "txvlan", "off"]) }
      let mac = try #require(try director.lab.inside("director") { try NetlinkSocket().interface(named: "front").mac })
      for tags in ["5", "4095", "7,5"] {
        let answer = try director.python(
          "client", "wire", ["datagram", "eth0", "\(mac)", c.address(net: 1, host: 2), c.vip, "9000", tags])
        #expect(answer.hasPrefix("rs") && answer.hasSuffix(" by hand from \(c.vip)\n"), "\(answer)")
      }
      // Options are no reason not to balance.
      let answer = try director.python(
        "client", "wire", ["datagram", "eth0", "\(mac)", c.address(net: 1, host: 2), c.vip, "9000", "", "options"])
      #expect(answer.hasPrefix("rs") && answer.hasSuffix(" by hand from \(c.vip)\n"), "\(answer)")
      #expect(try director.statistics().services.first?.counters[0] == 4)
    }
  }
}
