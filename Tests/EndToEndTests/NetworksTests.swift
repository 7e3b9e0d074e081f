import Netlink
import Testing

@testable import Lab

/// Other networks than the usual one, and other habits of operators.
@Suite struct NetworksTests {
  /// The labs that come with the product; in one of them the servers are behind a router.
  @Test(arguments: BuiltInLab.allCases)
  func builtInLabsWork(_ built: BuiltInLab) async throws {
    try await withDirector(built.topology) { director in
      let vips = built.virtualAddresses
      for six in [false, true] {
        for (method, vip) in [
          (Method.nat, vips.nat), (.direct, vips.direct), (.tunnel, vips.tunnel),
          (.fullNAT, vips.fullNAT),
        ] where vip != nil {
          let c = Case(method: method, six: six)
          let kind: BuiltInLab.Method =
            switch method {
            case .nat: .nat
            case .direct: .direct
            case .tunnel: .tunnel
            case .fullNAT: .fullNAT
            }
          try director.ipvsadm("-A -t \(c.bracketedVIP):80 -s rr")
          for server in built.realServers(kind, six ? .ipv6 : .ipv4) {
            try director.ipvsadm("-a -t \(c.bracketedVIP):80 -r \(c.bracketed("\(server)")):80 \(method.rawValue)")
          }
          #expect(tally(try director.fetch(c, 6)) == ["rs1": 2, "rs2": 2, "rs3": 2], "\(c)")
        }
      }
    }
  }

  /// A director that is no router, and on which the VIP is no address: it is only routed there.
  @Test(arguments: Case.all)
  func neitherForwardingNorTheVIPIsNeeded(_ c: Case) async throws {
    var topology = Stage.plain
    topology.change("director") { host in
      host.forwards = false
      host.addresses.removeAll { $0.prefix.length == 32 || $0.prefix.length == 128 }
    }
    let vip = c.vip
    let gateway = c.address(net: 1, host: 1)
    topology.change("client") { host in
      if let vip = IPAddress(vip) { host.routes.append(.init(to: IPPrefix(vip), via: IPAddress(gateway))) }
    }
    try await withDirector(topology) { director in
      try director.startServers()
      try director.balance(c, net: 2)
    }
  }

  /// `ip netns exec` hides /sys/fs/bpf, and yet finds the same director.
  @Test func theDirectorIsFoundFromEverywhere() async throws {
    try await withDirector(Topology(hosts: [.init("director")])) { director in
      let name = Lab.namespaceName(lab: director.lab.name, host: "director")
      try director.shell("director", "ip netns exec \(name) \(Programs.ipvsadm) -A -t 10.1.0.1:80 -s rr")
      #expect(try director.listing().services.map(\.name) == ["10.1.0.1:80"])
      try director.ipvsadm("-A -t 10.1.0.2:80 -s rr")
      let listed = try director.shell("director", "ip netns exec \(name) \(Programs.ipvsadm) -L -n")
      #expect(listed == (try director.ipvsadm("-L -n")))
      try director.shell("director", "ip netns exec \(name) \(Programs.svs) detach")
      #expect(try director.listing().services.isEmpty)
    }
  }

  /// Devices that go while they are in use: no command fails for it, and a new device can be attached.
  @Test func devicesMayGo() async throws {
    try await withDirector(Stage.plain) { director in
      let c = Case(method: .nat, six: false)
      try director.addService(c)
      #expect(tally(try director.fetch(c, 3)) == ["rs1": 1, "rs2": 1, "rs3": 1])

      // The pair: the operator is told, and the next change makes it again.
      try director.run("director", ["ip", "link", "del", "svs0"])
      let status = try director.lab.exec("director", [Programs.svs, "status"])
      #expect(status.ending == .exited(code: 4) && status.output.contains("svs0 is gone"), "\(status.output)")
      try director.svs("attach front back")
      #expect(tally(try director.fetch(c, 3)) == ["rs1": 1, "rs2": 1, "rs3": 1])
      #expect(try director.run("director", [Programs.svs, "status"]).contains("All is well"))
      try director.run("director", ["ip", "link", "del", "svs0"])
      try director.ipvsadm("-A -t 10.1.0.100:81")
      try director.run("director", ["ip", "neigh", "flush", "all"])
      #expect(tally(try director.fetch(c, 3)) == ["rs1": 1, "rs2": 1, "rs3": 1])

      // A link with an attachment.
      try director.run("director", ["ip", "link", "del", "front"])
      try director.svs("status --drops")
      try director.ipvsadm("-E -t \(c.vip):80 -s wrr")
      let gone = try director.lab.exec("director", [Programs.svs, "detach", "front"])
      #expect(!gone.succeeded && gone.errors.contains("front"), "\(gone.errors)")

      let rules = try director.ipvsadm("-S -n")
      try director.svs("detach")
      try director.shell(
        "director",
        """
        ip link add front type veth peer name eth9 && ip link set front up && ip addr add 10.1.0.1/24 dev front \
          && ip addr add \(c.vip)/32 dev front && ethtool -K front tx off gro on
        """)
      let client = Lab.namespaceName(lab: director.lab.name, host: "client")
      try director.run("director", ["ip", "link", "set", "eth9", "netns", client])
      try director.shell(
        "client",
        "ethtool -K eth9 tx off gro on && ip link set eth9 up && ip addr add 10.1.0.2/24 dev eth9 && ip link del eth0")
      try director.ipvsadm("-R", input: rules)
      #expect(tally(try director.fetch(c, 3)) == ["rs1": 1, "rs2": 1, "rs3": 1])
    }
  }

  /// What is printed for programs is JSON.
  @Test func jsonIsJSON() async throws {
    try await withDirector(Stage.plain) { director in
      let check = "\(Programs.python) -c 'import json, sys; json.load(sys.stdin)'"
      for words in ["status --json", "attach --json", "attach front --json", "status --json", "status --drops --json"] {
        try director.shell("director", "\(Programs.svs) \(words) 2> /dev/null | \(check)")
      }
    }
  }
}
