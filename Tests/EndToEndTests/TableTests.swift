import Glibc
import HostSystem
import Testing

@testable import Lab

/// The connection table: what ends in it with nobody looking, and what happens when it is full.
@Suite struct TableTests {
  /// Connections that were reset end after ten seconds, by the kernel alone.
  @Test(arguments: [Case(method: .nat, six: false), Case(method: .direct, six: true)])
  func connectionsExpireWithoutADaemon(_ c: Case) async throws {
    try await withDirector(Stage.plain) { director in
      try director.startServers()
      try director.addService(c, port: 9000)
      // Ten connections stand, and are then reset by their client.
      try director.python("client", "resets", [c.vip, "9000", "10"])
      let before = try #require(try director.listing().services.first)
      #expect(before.active == 0 && before.inactive == 10)
      let rows = try director.connections()
      #expect(rows.count == 10 && rows.allSatisfy { $0[2] == "CLOSE" }, "\(rows)")
      #expect(try director.tableUse().used == 10)

      // Nothing of ours runs meanwhile: that it ends all the same is the point.
      let wait = Deadline(in: .seconds(11))
      while !wait.hasPassed { poll(nil, 0, wait.milliseconds) }
      let after = try #require(try director.listing().services.first)
      #expect(after.active == 0 && after.inactive == 0)
      #expect(try director.connections().isEmpty)
      #expect(try director.tableUse().used == 0)
    }
  }

  /// More connections than the table holds: those that stand go on, the others are counted, and nothing leaks.
  @Test func aFullTableRefusesAndRecovers() async throws {
    try await withDirector(Stage.plain) { director in
      let c = Case(method: .nat, six: false)
      try director.startServers()
      try director.svs("attach --connections 1024")
      try director.addService(c, port: 9000)
      // Under DR the director sees the client alone, and so only what the test sends.
      let other = Case(method: .direct, six: false)
      try director.addService(other)
      let talk = try director.lab.spawn(
        "client", [Programs.python, Programs.script("talk"), c.vip, "9000", "30"], name: "talk")
      func answers() throws -> Int { try Files.text(talk.log).split(separator: "\n").count }
      try director.eventually(within: .seconds(10), "the connection stands") { try answers() > 3 }

      for round in 1...2 {
        // Reset at once, so that each takes its place for ten seconds.
        let time = try seconds {
          try director.python("client", "wire", ["resets", "10.1.0.2", other.vip, "80", "20000", "1500"])
        }
        #expect(time < 8, "faster than the first of them expire")
        let refused = try director.drops()["table-full", default: 0]
        #expect(refused >= (1500 - 1023) * round)
        let use = try director.tableUse()
        #expect(use.capacity == 1024 && use.used == 1024)
        let listed = try director.listing().services.reduce(0) { $0 + $1.active + $1.inactive }
        #expect(listed == 1024, "every connection is counted, and none twice")
        let before = try answers()
        try director.eventually(within: .seconds(5), "the connection goes on in a full table") {
          try answers() > before + 3
        }
        // The pages of the first round are remembered for two minutes.
        let pages = 3 * (round - 1)
        try director.eventually(within: .seconds(14), "what was reset has expired") {
          try director.tableUse().used == 1 + pages
        }
        let services = try director.listing().services
        #expect(services.reduce(0) { $0 + $1.active } == 1)
        #expect(services.reduce(0) { $0 + $1.inactive } == pages)
        #expect(tally(try director.fetch(other, 3)) == ["rs1": 1, "rs2": 1, "rs3": 1])
      }
      #expect(talk.isRunning)
      director.lab.stop(talk)
    }
  }
}
