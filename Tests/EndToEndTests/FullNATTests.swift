import Foundation
import HostSystem
import Netlink
import Testing

@testable import Lab

/// FULLNAT: servers that need no route through the director, whatever network they are in.
@Suite struct FullNATTests {
  /// Behind a router that is their gateway, in networks of their own.
  @Test(arguments: [false, true])
  func serversNeedNoRouteThroughTheDirector(six: Bool) async throws {
    let lab = BuiltInLab.fullnat
    try await withDirector(lab.topology) { director in
      let c = Case(method: .fullNAT, six: six)
      let service = "\(c.bracketedVIP):80"
      try director.ipvsadm("-A -t \(service) -s rr")
      for server in lab.realServers(.fullNAT, six ? .ipv6 : .ipv4) {
        try director.ipvsadm("-a -t \(service) -r \(c.bracketed("\(server)")):80 --fullnat")
      }
      #expect(tally(try director.fetch(c, 6)) == ["rs1": 2, "rs2": 2, "rs3": 2])

      // Without a pool the director's own address stands for the clients.
      let own = try #require(try director.pools().first)
      #expect(own.isOwn && own.used == 6 && own.places == 31_744)

      // Rules are saved and restored with the method.
      let rules = try director.ipvsadm("-S -n")
      #expect(rules.contains("--fullnat"))
      try director.ipvsadm("-C")
      try director.ipvsadm("-R", input: rules)
      #expect(try director.ipvsadm("-S -n") == rules)
      #expect(try director.ipvsadm("-L -n").contains("FullNat"))
      #expect(tally(try director.fetch(c, 3)) == ["rs1": 1, "rs2": 1, "rs3": 1])
    }
  }

  /// TCP, UDP, large datagrams, uploads and errors, to servers in the director's network.
  @Test(arguments: [false, true])
  func whatNATCarriesFULLNATCarries(six: Bool) async throws {
    try await withDirector(Stage.plain) { director in
      let c = Case(method: .fullNAT, six: six)
      try director.startServers()
      let local = c.address(net: 2, host: 60)
      try director.run("director", ["ip", "address", "add", local, "dev", "back"] + (six ? ["nodad"] : []))
      try director.svs("local-address add \(local)")
      try director.balance(c, net: 2)
      for size in [4_000, 20_001] {
        #expect(tally(try director.ask(c, 3, size: size)) == ["rs1": 1, "rs2": 1, "rs3": 1], "\(size) bytes")
      }
      // A server that has nobody at the port says so, and the client hears it.
      try director.ipvsadm("-A -u \(c.bracketedVIP):7 -s rr")
      try director.ipvsadm("-a -u \(c.bracketedVIP):7 -r \(c.bracketed(c.servers(net: 2)[0])):7 --fullnat")
      let ask =
        "import socket; s = socket.socket(socket.AF_INET\(six ? "6" : ""), socket.SOCK_DGRAM); s.settimeout(5); "
        + "s.connect(('\(c.vip)', 7)); s.send(b'?'); s.recv(1)"
      let refused = try director.lab.exec("client", [Programs.python, "-c", ask])
      #expect(refused.errors.contains("ConnectionRefusedError"), "\(refused.output)\(refused.errors)")
      let pool = try #require(try director.pools().first)
      #expect(!pool.isOwn && pool.addresses == "\(local)/\(six ? 128 : 32)" && pool.used > 10)
      #expect(try director.drops()["icmp-error-forwarded", default: 0] > 0)
    }
  }

  /// A pool of one port: one connection to each server, and the next is refused as where there is no server.
  @Test func aPoolThatIsFullRefuses() async throws {
    try await withDirector(Stage.plain) { director in
      let c = Case(method: .fullNAT, six: false)
      try director.startServers()
      let service = "\(c.vip):9001"
      try director.ipvsadm("-A -t \(service) -s rr")
      try director.ipvsadm("-a -t \(service) -r \(c.servers(net: 2)[0]):9001 --fullnat")
      try director.run("director", ["ip", "address", "add", "10.2.0.60", "dev", "back"])
      try director.svs("local-address add tcp:\(service) 10.2.0.60 --ports 5000-5000")
      let connect = "import socket, sys; s = socket.create_connection(('\(c.vip)', 9001), 3)"
      let first = try director.lab.spawn(
        "client", [Programs.python, "-c", connect + "; print('up', flush=True); s.recv(1)"],
        name: "first")
      try director.eventually(within: .seconds(10), "the first connection stands") {
        try Files.text(first.log) == "up\n"
      }
      let second = try director.lab.exec("client", [Programs.python, "-c", connect])
      #expect(second.errors.contains("refused"), "\(second.errors)")
      let pool = try #require(try director.pools().first { $0.addresses == "10.2.0.60/32" })
      #expect(pool.used == 1 && pool.places == 1 && pool.fullest == 1 && pool.refused >= 1)
      #expect(try director.drops()["no-local-port", default: 0] >= 1)
      #expect(
        try director.lab.exec("director", [Programs.svs, "status"]).output.contains("local addresses"),
        "a full pool is warned of")

      // Addresses that leave the pool go on to serve what they have; others take what is new.
      try director.svs("local-address del tcp:\(service) 10.2.0.60")
      try director.run("client", [Programs.python, "-c", connect])
      #expect(try director.pools().contains { $0.addresses == "10.2.0.60/32" && $0.isLeaving && $0.used == 1 })
      director.lab.stop(first)
    }
  }
}

/// A pool as `svs local-address list --json` tells of it.
struct PoolLine: Decodable {
  var addresses: String
  var places: Int
  var used: Int
  var fullest: Int
  var refused: Int
  var ownAddress: Bool
  var leaving: Bool

  var isOwn: Bool { ownAddress }
  var isLeaving: Bool { leaving }
}

extension DirectorLab {
  func pools() throws -> [PoolLine] {
    try JSONDecoder().decode([PoolLine].self, from: Data(try svs("local-address list --json").utf8))
  }
}
