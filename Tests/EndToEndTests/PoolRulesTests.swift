import Foundation
import HostSystem
import Testing

@testable import Lab

/// What `svs local-address` refuses, changes and says, beside other rules; and what `svs status` makes of all that.
@Suite struct PoolRulesTests {
  private func refusal(_ director: DirectorLab, _ words: String) throws -> String {
    let result = try director.lab.exec("director", [Programs.svs] + words.split(separator: " ").map(String.init))
    #expect(!result.succeeded && result.output.isEmpty, "\(words): \(result.output)")
    return result.errors
  }

  private func warnings(_ director: DirectorLab) throws -> String {
    let result = try director.lab.exec("director", [Programs.svs, "status"])
    let text = result.output.range(of: "Warnings\n").map { String(result.output[$0.upperBound...]) } ?? ""
    #expect(text.isEmpty == result.succeeded, "\(result.ending) \(result.output)")
    return text
  }

  /// A VIP's service port and a real server are not to be leased: `add` refuses, what only comes to be so is told of, and
  /// what is restored is, too.
  @Test(arguments: [false, true])
  func whatOthersHaveIsNotLeased(six: Bool) async throws {
    try await withDirector(Stage.plain) { director in
      let c = Case(method: .fullNAT, six: six)
      let server = c.servers(net: 2)[0]
      let own = c.address(net: 2, host: 1)
      try director.ipvsadm("-A -t \(c.bracketedVIP):8080 -s rr")
      try director.ipvsadm("-a -t \(c.bracketedVIP):8080 -r \(c.bracketed(server)):80 --fullnat")
      for (address, said) in [
        (c.vip, "\(c.vip) is the VIP of a service at port 8080"), (server, "\(server) is a real server's address"),
        (six ? "fd10:2::/120" : "10.2.0.0/24", "\(server) is a real server's address"),
      ] {
        #expect(try refusal(director, "local-address add \(address)").contains(said))
      }
      #expect(try director.pools().allSatisfy(\.isOwn))
      // Beside the port there is room, and an address of this host may be a server of another method.
      try director.svs("local-address add \(c.vip) --ports 10000-19999")
      #expect(
        try refusal(director, "local-address set \(c.vip) --ports 8000-19999").contains("is the VIP of a service"))
      try director.svs("local-address del \(c.vip)")
      try director.ipvsadm("-A -t \(c.bracketedVIP):21 -s rr -p 60")
      #expect(
        try refusal(director, "local-address add \(c.vip) --ports 10000-19999").contains("a persistent FTP service"))
      try director.ipvsadm("-D -t \(c.bracketedVIP):21")
      try director.ipvsadm("-A -t \(c.bracketedVIP):81 -s rr")
      try director.ipvsadm("-a -t \(c.bracketedVIP):81 -r \(c.bracketed(own)):81 -m")
      try director.svs("local-address add \(own)")
      #expect(try warnings(director) == "")

      // A service that comes later is none of ipvsadm's to refuse.
      let later = try director.lab.exec(
        "director", [Programs.ipvsadm, "-A", "-u", "\(c.bracketed(own)):5353"])
      #expect(later.succeeded && later.errors.contains("ipvsadm: warning: \(own) is the VIP"), "\(later.errors)")
      #expect(try warnings(director).contains("A pool of local addresses: \(own) is the VIP of a service at port 5353"))
      let saved = try director.svs("local-address save")
      try director.svs("local-address del \(own)")
      let restored = try director.lab.exec(
        "director", [Programs.svs, "local-address", "restore"], input: Array(saved.utf8))
      #expect(restored.succeeded && restored.errors.contains("svs: warning: \(own) is the VIP"), "\(restored.errors)")
      try director.ipvsadm("-D -u \(c.bracketed(own)):5353")
      #expect(try warnings(director) == "")

      // The same of a real server.
      try director.svs("local-address add \(c.address(net: 2, host: 99))")
      let added = try director.lab.exec(
        "director",
        [
          Programs.ipvsadm, "-a", "-t", "\(c.bracketedVIP):81", "-r",
          "\(c.bracketed(c.address(net: 2, host: 99))):81", "-m",
        ])
      #expect(added.succeeded && added.errors.contains("is a real server's address"), "\(added.errors)")
      #expect(try warnings(director).contains("is a real server's address"))
    }
  }

  /// A pool gets other ports while a connection of it stands, which goes on.
  @Test func portsChangeInPlace() async throws {
    try await withDirector(Stage.plain) { director in
      let c = Case(method: .fullNAT, six: false)
      try director.startServers()
      try director.addService(c, port: 9000)
      try director.run("director", ["ip", "address", "add", "10.2.0.60/32", "dev", "back"])
      try director.svs("local-address add 10.2.0.60 --ports 5000-5999")
      let talk = try director.lab.spawn(
        "client", [Programs.python, Programs.script("talk"), c.vip, "9000", "3000"], name: "talk")
      try director.eventually(within: .seconds(10), "the connection is established") {
        try director.connections().contains { $0.contains("ESTABLISHED") }
      }
      func heard() throws -> Int { try Files.text(talk.log).split(separator: "\n").count }
      for ports in ["4000-7999", "7000-7099"] {
        try director.svs("local-address set 10.2.0.60 --ports \(ports)")
        let before = try heard()
        try director.eventually(within: .seconds(10), "the conversation goes on") { try heard() > before + 2 }
        #expect(talk.isRunning)
      }
      #expect(try director.svs("local-address list").contains("7000-7099"))
      #expect(try director.svs("local-address save") == "local-address add 10.2.0.60/32 --ports 7000-7099\n")
      for _ in 0..<3 { try director.python("client", "talk", [c.vip, "9000", "0.2"]) }
      let ends = try director.svs("connections --local 10.2.0.60").split(separator: "\n").dropFirst()
      #expect(ends.contains { $0.contains("  10.2.0.60:5") } && ends.contains { $0.contains("  10.2.0.60:70") })
      director.lab.stop(talk)
    }
  }

  /// Who mistakes the pool is told where the addresses are.
  @Test func whatIsElsewhereIsSaid() async throws {
    try await withDirector(Stage.plain) { director in
      try director.ipvsadm("-A -t 10.1.0.103:443 -s rr")
      try director.ipvsadm("-a -t 10.1.0.103:443 -r 10.2.0.11:80 --fullnat")
      #expect(try refusal(director, "local-address del 10.2.0.1").contains("takes its own address"))
      try director.svs("local-address add tcp:10.1.0.103:443 10.2.0.60")
      try director.svs("local-address add 10.2.0.64/28 --ports 2000-2999")
      for (words, said) in [
        ("del 10.2.0.60", "10.2.0.60/32 is not in the default one but in that of tcp:10.1.0.103:443; name the service"),
        ("set 10.2.0.60 --ports 1-2", "name the service too: 'tcp:10.1.0.103:443 10.2.0.60/32'"),
        ("del tcp:10.1.0.103:443 10.2.0.64/28", "but in the default one; leave the service out"),
        ("del 10.2.0.65", "10.2.0.65/32 is a part of 10.2.0.64/28 in the default one, which leaves as a whole"),
        ("del 10.2.0.0/24", "10.2.0.0/24 is in no pool as a whole, but 10.2.0.6"),
        ("del 10.2.0.99", "there are no such local addresses"),
        ("set 10.2.0.99 --ports 1-2", "there are no such local addresses"),
        ("add 10.2.0.64/28 --ports 2500-3999", "in a pool already, the default one; 'svs local-address set'"),
        ("add 10.2.0.60", "10.2.0.60/32 with ports 1024-65535 is in a pool already, that of tcp:10.1.0.103:443"),
      ] {
        let errors = try refusal(director, "local-address \(words)")
        #expect(errors.contains(said), "\(words): \(errors)")
      }
      #expect(try director.pools().map(\.places).filter { $0 > 0 }.count == 2)
    }
  }

  /// What a server does not get for want of a route, or since it is here, is told.
  @Test func serversThatCannotBeReachedAreTold() async throws {
    try await withDirector(Stage.plain) { director in
      try director.ipvsadm("-A -t 10.1.0.103:80 -s rr")
      try director.ipvsadm("-a -t 10.1.0.103:80 -r 10.2.0.11:80 --fullnat")
      #expect(try warnings(director) == "")
      try director.run("director", ["ip", "route", "add", "unreachable", "10.77.0.0/24"])
      try director.run("director", ["ip", "route", "add", "blackhole", "10.78.0.0/24"])
      for address in ["10.77.0.1", "10.78.0.1"] {
        try director.ipvsadm("-a -t 10.1.0.103:80 -r \(address):80 --fullnat")
      }
      let own = try director.lab.exec(
        "director", [Programs.ipvsadm, "-a", "-t", "10.1.0.103:80", "-r", "10.2.0.1:80", "--fullnat"])
      #expect(own.succeeded && own.errors.contains("10.2.0.1 is this very host's"), "\(own.errors)")
      #expect(try refusal(director, "local-address add 10.2.0.255").contains("is the broadcast address"))
      let said = try warnings(director)
      #expect(said.contains("There is no route to ") && said.contains("10.77.0.1") && said.contains("10.78.0.1"))
      #expect(said.contains("FULLNAT does not reach 10.2.0.1 on this very host"))
      #expect(!said.contains("10.2.0.11"), "\(said)")
      // No address of the servers' family.
      try director.ipvsadm("-C")
      try director.shell("director", "ip address flush dev back; ip address flush dev front")
      try director.shell("director", "ip route add 10.2.0.0/24 dev back")
      try director.ipvsadm("-A -t [fd10:1::103]:80 -s rr")
      try director.ipvsadm("-a -t [fd10:1::103]:80 -r 10.2.0.11:80 --fullnat")
      try director.svs("local-address list")
      #expect(try warnings(director).contains("This host had no address of its own towards 10.2.0.11"))
    }
  }

  /// Routing rules that somebody deleted, and a firewall that drops what is on its way to svs0.
  @Test(arguments: [false, true])
  func theWayOfMarksIsWatched(six: Bool) async throws {
    try await withDirector(Stage.plain) { director in
      let c = Case(method: .nat, six: six)
      let ip = six ? "ip -6" : "ip"
      try director.ipvsadm("-A -t \(c.bracketedVIP):80 -s rr")
      try director.ipvsadm("-a -t \(c.bracketedVIP):80 -r \(c.bracketed(c.servers()[0])):80 -m")
      #expect(try warnings(director) == "")
      let lost = "Somebody deleted routing rules or routes"
      func mend() throws {
        try director.svs("attach")
        #expect(try warnings(director) == "")
      }
      try director.shell("director", "\(ip) rule del ipproto tcp dport 80 lookup 21334")
      #expect(try warnings(director).contains(lost))
      try mend()
      try director.shell("director", "\(ip) route flush table 21334")
      #expect(try warnings(director).contains("\(lost) of the director's ('\(ip) rule', what this host itself sends"))
      try mend()

      try director.ipvsadm("-A -f 7\(six ? " -6" : "") -s rr")
      #expect(try warnings(director) == "")
      try director.shell("director", "\(ip) rule del fwmark 7 lookup 21335")
      #expect(try warnings(director).contains("packets for services by firewall mark"))
      try mend()
      for table in [21335, 21336] {
        try director.shell("director", "\(ip) route flush table \(table)")
        #expect(try warnings(director).contains(lost), "\(table)")
        try mend()
      }

      // By nftables, for both families or for one, and as iptables writes it.
      let dropping = "type filter hook forward priority 0; policy drop;"
      try director.shell("director", "nft 'table \(six ? "ip" : "ip6") f { chain way { \(dropping) }; }'")
      #expect(try warnings(director) == "", "the other family's")
      try director.shell("director", "nft 'table inet f { chain way { \(dropping) ct state established accept; }; }'")
      #expect(try warnings(director).contains("The chain way of the table f drops what no rule accepts"))
      for rule in [
        "oifname svs0 accept", "oifname \"svs*\" accept", "oif svs0 accept", "meta mark 7 accept",
        "oifname { \"eth1\", \"svs0\" } accept", "oifname vmap { svs0 : accept }",
      ] {
        try director.shell("director", "nft 'add rule inet f way \(rule)'")
        #expect(try warnings(director) == "", "\(rule)")
        try director.shell("director", "nft flush chain inet f way")
        #expect(try warnings(director) != "")
      }
      try director.shell("director", "nft delete table inet f")
      let tables = six ? "ip6tables" : "iptables"
      try director.shell("director", "\(tables) -P FORWARD DROP")
      #expect(try warnings(director).contains("The chain FORWARD of the table filter"))
      try director.shell("director", "\(tables) -A FORWARD -m mark --mark 7 -j ACCEPT")
      #expect(try warnings(director) == "")
      try director.shell("director", "\(tables) -F FORWARD; \(tables) -A FORWARD -o svs0 -j ACCEPT")
      #expect(try warnings(director) == "")
      try director.shell("director", "\(tables) -F FORWARD; \(tables) -P FORWARD ACCEPT")
      #expect(try warnings(director) == "")
    }
  }
}
