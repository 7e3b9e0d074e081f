import Foundation
import HostSystem
import Testing

@testable import Lab

/// What operators see of FULLNAT: whose connection a local port is, and what is wrong with a pool.
@Suite struct FullNATViewsTests {
  private struct Row: Decodable {
    var client: String
    var virtual: String
    var local: String?
    var server: String
    var method: String?
    var state: String
  }

  @Test(arguments: [false, true]) func theLocalEndIsWhatTheServerSees(six: Bool) async throws {
    try await withDirector(Stage.plain) { director in
      let c = Case(method: .fullNAT, six: six)
      try director.startServers()
      try director.addService(c, port: 9000)
      let local = c.address(net: 2, host: 60)
      try director.run("director", ["ip", "address", "add", local, "dev", "back"] + (six ? ["nodad"] : []))
      try director.svs("local-address add \(local) --ports 5000-5999")
      let talk = try director.lab.spawn(
        "client", [Programs.python, Programs.script("talk"), c.vip, "9000", "40"], name: "talk")
      try director.eventually(within: .seconds(10), "the connection is established") {
        try director.connections().contains { $0.contains("ESTABLISHED") }
      }
      let text = Data(try director.svs("connections --json").utf8)
      let rows = try JSONDecoder().decode([Row].self, from: text).filter { $0.state == "ESTABLISHED" }
      let row = try #require(rows.first)
      let end = try #require(row.local)
      #expect(rows.count == 1 && row.method == "FullNat" && end.hasPrefix("\(c.bracketed(local)):5"))

      // The server knows its client by that name.
      let number = try #require(c.servers(net: 2).firstIndex { row.server == "\(c.bracketed($0)):9000" }) + 1
      let peers = try director.run("rs\(number)", ["ss", "-Htn", "sport", "=", ":9000"])
      #expect(peers.split(whereSeparator: \.isWhitespace).contains(Substring(end)), "\(peers)")
      // What explain and the table tell is the same; ipvsadm's columns are ipvsadm's.
      let told = try director.svs("explain \(row.client) \(row.virtual)")
      #expect(told.contains("by FullNat as \(end)"), "\(told)")
      #expect(try director.svs("connections").contains("  \(end)  \(row.server)  "))
      let listed = try #require(try director.connections().first { $0.contains("ESTABLISHED") })
      #expect(listed.suffix(3) == [row.client, row.virtual, row.server])
      #expect(try director.svs("connections --local \(end)").split(separator: "\n").count == 2)
      #expect(try director.svs("connections --local \(c.address(net: 2, host: 61))").split(separator: "\n").count == 1)
      director.lab.stop(talk)
    }
  }

  private func warnings(_ director: DirectorLab) throws -> String {
    let output = try director.lab.exec("director", [Programs.svs, "status"]).output
    return output.range(of: "Warnings\n").map { String(output[$0.upperBound...]) } ?? ""
  }

  /// Replies to an address that is nobody's do not arrive: it is told when it is added, and when it vanishes.
  @Test func addressesThatAreNotTheHostsAreToldOf() async throws {
    try await withDirector(Stage.plain) { director in
      func address(_ verb: String, _ text: String) throws {
        try director.run("director", ["ip", "address", verb, "\(text)/32", "dev", "back"])
      }
      for host in 64...66 { try address("add", "10.2.0.\(host)") }
      let added = try director.lab.exec("director", [Programs.svs, "local-address", "add", "10.2.0.64/30"])
      #expect(added.succeeded && added.errors.contains("10.2.0.67 is no address of this host"), "\(added.errors)")
      #expect(try warnings(director).contains("10.2.0.67 is in a pool"))
      try address("add", "10.2.0.67")
      #expect(try !warnings(director).contains("in a pool"))
      try address("del", "10.2.0.65")
      #expect(try warnings(director).contains("10.2.0.65 is in a pool"))
      // A network that is routed here is this host's as a whole.
      try director.run("director", ["ip", "route", "add", "local", "10.2.0.64/30", "dev", "lo"])
      #expect(try !warnings(director).contains("in a pool"))
      try director.svs("local-address del 10.2.0.64/30")

      // The same of an address that the director took of itself.
      let c = Case(method: .fullNAT, six: false)
      try director.ipvsadm("-A -t \(c.vip):80")
      try director.ipvsadm("-a -t \(c.vip):80 -r \(c.servers(net: 2)[0]):80 --fullnat")
      #expect(try director.pools().map(\.addresses) == ["10.2.0.1/32"])
      #expect(try !warnings(director).contains("no longer"))
      try director.run("director", ["ip", "address", "del", "10.2.0.1/24", "dev", "back"])
      #expect(try warnings(director).contains("10.2.0.1, from which FULLNAT asks servers"))
    }
  }

  /// What cannot work is refused with a sentence that says why, and changes nothing.
  @Test func whatCannotBeAskedFromIsRefused() async throws {
    try await withDirector(Stage.plain) { director in
      for (words, said) in [
        ("10.2.0.65/28", "write 10.2.0.64/28 for the network, or 10.2.0.65 for the host"),
        ("10.0.0.0/8", "more than 65,536 addresses"), ("fd10:2::/64", "/112 or longer"), ("127.0.0.2", "loopback"),
        ("224.0.0.9", "multicast"), ("::", "unspecified"), ("fe80::1", "link-local"), ("0.0.0.0", "no host's"),
        ("10.2.0.1 --ports 0-9", "no range of ports"), ("10.2.0.1 --ports 9-3", "no range of ports"),
        ("10.2.0.1 --ports 1-65536", "no range of ports"), ("nonesuch", "'nonesuch' is no address"),
        ("tcp:10.1.0.1 10.2.0.1", "is no service"), ("tcp:10.1.0.1:80 10.2.0.1", "no such service"),
      ] {
        let result = try director.lab.exec(
          "director", [Programs.svs, "local-address", "add"] + words.split(separator: " ").map(String.init))
        #expect(!result.succeeded && result.errors.contains(said), "\(words): \(result.errors)")
      }
      #expect(try director.pools().isEmpty)
      let status = try director.lab.exec("director", [Programs.svs, "status"])
      #expect(status.output == "No director in this network namespace.\n")
      try director.svs("local-address add 10.2.0.1 --ports 2000-2999")
      let twice = try director.lab.exec(
        "director", [Programs.svs, "local-address", "add", "10.2.0.0/31", "--ports", "2999-4000"])
      #expect(!twice.succeeded && twice.errors.contains("in a pool already"))
      try director.svs("local-address add 10.2.0.1 --ports 3000-3999")
      #expect(try director.pools().map(\.places) == [1000, 1000])
    }
  }
}
