import Testing

@testable import Lab

/// Checksums that are not there yet, or not at all.
@Suite struct ChecksumTests {
  /// End points that leave checksums to hardware which a veth pair does not have.
  @Test(arguments: Case.all)
  func partialChecksumsAreCompleted(_ c: Case) async throws {
    try await withDirector(Stage.plain) { director in
      try director.startServers()
      // A switch that does not leave them either would complete them on the way.
      let senders = [("client", ["eth0"]), ("switch", ["port0"]), ("backswitch", ["port0"])]
      for (host, interfaces) in senders + (1...3).map({ ("rs\($0)", ["eth0", "eth1"]) }) {
        for interface in interfaces { try director.run(host, ["ethtool", "-K", interface, "tx", "on"]) }
      }
      try director.balance(c, net: 2)
      let drops = try director.drops()
      #expect(drops["partial-checksum", default: 0] > 100)
      #expect(drops["partial-checksum-dropped"] == 0)
    }
  }

  /// RFC 768: a sender may leave UDP's checksum out over IPv4.
  @Test(arguments: Case.all.filter { !$0.six })
  func datagramsWithoutChecksumArrive(_ c: Case) async throws {
    try await withDirector(Stage.plain) { director in
      try director.startServers()
      try director.addService(c, "-u", port: 9000)
      #expect(tally(try director.ask(c, 6, ["no-checksum"])) == ["rs1": 2, "rs2": 2, "rs3": 2])
      #expect(tally(try director.ask(c, 6, size: 1400, ["no-checksum"])) == ["rs1": 2, "rs2": 2, "rs3": 2])
    }
  }
}
