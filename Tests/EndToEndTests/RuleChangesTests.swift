import Glibc
import HostSystem
import Testing

@testable import Lab

/// Rules that change while there is traffic.
@Suite struct RuleChangesTests {
  /// Weight 0 keeps what stands and gives nothing new; a server that is removed stops at once, and takes its
  /// connections up again when it returns.
  @Test(arguments: [
    Case(method: .nat, six: false), Case(method: .direct, six: false), Case(method: .tunnel, six: true),
  ])
  func serversAreDrainedRemovedAndReturn(_ c: Case) async throws {
    try await withDirector(Stage.plain) { director in
      try director.startServers()
      try director.addService(c, port: 9000)
      let service = "-t \(c.bracketedVIP):9000"
      func change(_ command: String, _ number: Int, _ more: String) throws {
        try director.ipvsadm("\(command) \(service) -r \(c.bracketed(c.servers()[number - 1])):9000 \(more)")
      }
      let talk = try director.lab.spawn(
        "client", [Programs.python, Programs.script("talk"), c.vip, "9000", "60"], name: "talk")
      func answers() throws -> [String] { try Files.text(talk.log).split(separator: "\n").map(String.init) }
      try director.eventually(within: .seconds(10), "the connection stands") { try answers().count > 3 }
      let number = try #require(Int(try answers()[0].dropFirst(2)))

      try change("-e", number, "\(c.method.rawValue) -w 0")
      for _ in 1...4 {
        let fresh = try director.python("client", "talk", [c.vip, "9000", "0.05"])
        #expect(!fresh.contains("rs\(number)"), "nothing new for weight 0")
      }
      var count = try answers().count
      try director.eventually(within: .seconds(3), "what stands goes on") { try answers().count > count + 3 }

      try change("-d", number, "")
      try director.eventually(within: .seconds(3), "a removed server gets no packets") {
        try director.drops()["server-removed", default: 0] > 0
      }
      count = try answers().count
      try change("-a", number, c.method.rawValue)
      try director.eventually(within: .seconds(8), "it goes on where it stood") { try answers().count > count + 3 }
      #expect(Set(try answers()) == ["rs\(number)"])
      let listed = try #require(try director.listing().services.first)
      #expect(listed.servers.count == 3 && listed.active >= 1)

      // -Z counts anew, and -E changes the scheduler under way.
      try director.ipvsadm("-Z \(service)")
      let counters = try #require(try director.statistics().services.first).counters
      #expect(counters[0] == 0 && counters[1] < 30)
      try director.ipvsadm("-E \(service) -s wlc")
      count = try answers().count
      try director.eventually(within: .seconds(3), "the connection goes on") { try answers().count > count + 3 }
      director.lab.stop(talk)
      try director.ipvsadm("-D \(service)")
      let refused = try director.lab.exec("client", [Programs.python, Programs.script("talk"), c.vip, "9000", "1"])
      #expect(!refused.succeeded, "the VIP serves nothing of its own")
    }
  }

  /// Hundreds of requests, while rules beside theirs come and go and weights change: not one fails.
  @Test func changesDisturbNobody() async throws {
    try await withDirector(Stage.plain) { director in
      let c = Case(method: .nat, six: false)
      try director.addService(c, scheduler: "wrr")
      let end = Lab.folder(lab: director.lab.name, host: "client") + "/end"
      // Until all changes are made; without them, it ends too.
      let getter = try director.lab.spawn(
        "client",
        [
          "timeout", "120", "sh", "-c",
          "i=0; until [ -e '\(end)' ]; do i=$((i+1)); "
            + "curl -sS -m 20 -H 'Connection: close' 'http://\(c.vip)/?[1-100]'; done; echo done $i",
        ], name: "getter")
      for change in 1...40 {
        try director.ipvsadm("-e -t \(c.vip):80 -r \(c.servers()[change % 3]):80 -m -w \(change % 5 + 1)")
        try director.ipvsadm("-A -t 10.1.0.100:\(1000 + change) -s wlc")
        try director.ipvsadm("-a -t 10.1.0.100:\(1000 + change) -r 10.2.0.11:80 -m")
        if change > 3 { try director.ipvsadm("-D -t 10.1.0.100:\(1000 + change - 3)") }
        try director.ipvsadm("-E -t \(c.vip):80 -s \(change % 2 == 0 ? "wlc" : "wrr")")
      }
      #expect(getter.isRunning, "else it was no test")
      try Files.replace(end, with: "")
      try director.eventually(within: .seconds(60), "all requests have ended") { !getter.isRunning }
      let lines = try Files.text(getter.log).split(separator: "\n").map(String.init)
        .filter { !$0.hasPrefix("--_curl_--") }
      let last = try #require(lines.last?.split(separator: " "))
      #expect(last.first == "done")
      let requests = 100 * (Int(last.last ?? "") ?? 0)
      #expect(requests > 0)
      #expect(tally(lines.dropLast()).filter { $0.key.hasPrefix("rs") }.values.reduce(0, +) == requests)
      #expect(lines.count == requests + 1, "\(Set(lines))")
    }
  }

  /// A client that uses the same port again and again opens a new connection each time.
  @Test(arguments: Case.all)
  func aPortMayBeUsedAgain(_ c: Case) async throws {
    try await withDirector(Stage.plain) { director in
      try director.addService(c)
      let output = try director.python("client", "again", [c.vip, "80", "6"])
      let names = output.split(separator: "\n")
      #expect(names.count == 6)
      let service = try #require(try director.listing().services.first)
      #expect(service.active + service.inactive == 1, "of one client's port there is one connection")
    }
  }

  /// VIP and real servers of different IP versions, as only a tunnel can have them.
  @Test(arguments: [false, true])
  func tunnelsCarryTheOtherVersion(_ six: Bool) async throws {
    try await withDirector(Stage.plain) { director in
      try director.startServers()
      let inner = Case(method: .tunnel, six: six)
      let outer = Case(method: .tunnel, six: !six)
      for (transport, port) in [("-t", 80), ("-u", 9000), ("-t", 9001)] {
        let service = "\(transport) \(inner.bracketedVIP):\(port)"
        try director.ipvsadm("-A \(service) -s rr")
        for server in outer.servers() { try director.ipvsadm("-a \(service) -r \(outer.bracketed(server)):\(port) -i") }
      }
      #expect(tally(try director.fetch(inner, 6)) == ["rs1": 2, "rs2": 2, "rs3": 2])
      #expect(tally(try director.ask(inner, 6)) == ["rs1": 2, "rs2": 2, "rs3": 2])
      try director.upload(inner, 2_000_000)
    }
  }
}
