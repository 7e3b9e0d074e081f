import Testing

@testable import Lab

/// Every forwarding method over both IP versions, with real requests to real web servers.
@Suite struct MethodsTests {
  @Test(arguments: Case.all)
  func requestsAreBalancedAndCounted(_ c: Case) async throws {
    try await withDirector(Stage.plain) { director in
      try director.startServers()
      // NAT may map ports; the others cannot.
      try director.addService(c, serverPort: c.method == .nat ? 8080 : nil)
      try director.addService(c, "-u", port: 9000)
      #expect(tally(try director.fetch(c, 12)) == ["rs1": 4, "rs2": 4, "rs3": 4])
      #expect(tally(try director.ask(c, 12)) == ["rs1": 4, "rs2": 4, "rs3": 4])

      try director.eventually(within: .seconds(3), "all connections are closed and counted") {
        let services = try director.listing().services
        return services.count == 2 && services.allSatisfy { $0.active == 0 && $0.inactive == 12 }
      }
      for service in try director.listing().services {
        #expect(service.name == "\(c.bracketedVIP):\(service.transport == "TCP" ? 80 : 9000)")
        #expect(service.servers.map(\.method) == Array(repeating: c.method.listed, count: 3))
      }
      for service in try director.statistics().services {
        try #require(service.counters.count == 5 && service.servers.count == 3)
        #expect(service.servers.map { $0.counters[0] } == [4, 4, 4])
        for (column, total) in service.counters.enumerated() {
          #expect(total == service.servers.reduce(0) { $0 + $1.counters[column] }, "column \(column)")
        }
        let (packetsIn, packetsOut) = (service.counters[1], service.counters[2])
        let (bytesIn, bytesOut) = (service.counters[3], service.counters[4])
        // A datagram is one packet of 32 bytes and its headers; a request at least SYN, ACK, GET, FIN.
        if service.transport == "UDP" {
          #expect(packetsIn == 12 && bytesIn == 12 * (32 + 8 + (c.six ? 40 : 20)))
          // The answer has a server's name and a blank in front.
          if c.method.seesAnswers { #expect(packetsOut == 12 && bytesOut == bytesIn + 12 * 4) }
        } else {
          #expect(packetsIn >= 12 * 4 && bytesIn > 12 * 100)
          if c.method.seesAnswers { #expect(packetsOut >= 12 * 3 && bytesOut > 12 * 100) }
        }
        if !c.method.seesAnswers { #expect(packetsOut == 0 && bytesOut == 0) }
      }
      let rows = try director.connections()
      #expect(rows.filter { $0.first == "TCP" }.count == 12)
      #expect(rows.filter { $0.first == "UDP" && $0[2] == "UDP" }.count == 12)
      let client = c.address(net: 1, host: 2)
      for row in rows {
        try #require(row.count == 6)
        #expect(
          row[3].contains(client) && row[4].contains(c.vip) && c.servers().contains { row[5].contains($0) }, "\(row)")
      }
      // One whole checksum in 65,536 looks like a partial one, and comes out the same.
      let harmless = ["handed-over", "partial-checksum"]
      let drops = try director.drops().filter { $0.value > 0 && !harmless.contains($0.key) }
      #expect(drops == [:])
    }
  }
}
