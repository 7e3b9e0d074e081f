import Netlink
import Testing

@testable import Lab

@Suite struct TopologyReaderTests {
  @Test func everyStatementIsRead() throws {
    let topology = try Topology(
      text: """
        # a comment, and an empty line

        host client
        host director forwards   # forwards packets
        host rs
        link client:eth0 director:front mtu 1400
        link director:back rs:eth0 offloads untouched
        bridge director:br0
        vlan rs:tagged parent eth0 id 42
        vxlan rs:vx id 7 local 10.0.0.1 remote 10.0.0.2 port 8472
        bond client:agg mode 1
        mac client:eth0 02:00:5e:00:53:01
        address client:eth0 10.0.0.2/24
        address rs:lo 2001:db8::1 deprecated
        route client default via 10.0.0.1
        route rs 192.0.2.0/24 via 10.0.0.9 dev eth0 src 10.0.0.3 table 7
        route rs 198.51.100.0/24 local dev lo
        route rs 203.0.113.0/24 unreachable metric 9
        rule rs from 10.2.0.0/24 table 7 priority 100
        sysctl director net.ipv4.ip_forward 1
        file rs index.html "one \\"two\\"\\n"
        etc rs hosts "192.0.2.1 web\\n"
        run rs web listens tcp 80 listens udp 53 -- prog --flag "an argument" #
        real-server rs 192.0.2.1
        real-server rs 2001:db8::9 tun
        """, file: "x")
    #expect(topology.hosts.map(\.name) == ["client", "director", "rs"])
    #expect(topology.hosts.map(\.forwards) == [false, true, false])
    #expect(
      topology.links == [
        .init(.init("client", "eth0"), .init("director", "front"), mtu: 1400),
        .init(.init("director", "back"), .init("rs", "eth0"), offloads: .untouched),
      ])
    let client = topology.hosts[0]
    #expect(client.macs == ["eth0": try #require(MACAddress("02:00:5e:00:53:01"))])
    #expect(client.devices == [.init("agg", .bond(mode: 1, ports: []))])
    #expect(client.routes == [.init(to: .everything(.ipv4), via: IPAddress("10.0.0.1"))])
    #expect(client.addresses.first?.prefix.description == "10.0.0.2/24")
    let rs = topology.hosts[2]
    #expect(
      rs.devices == [
        .init("tagged", .vlan(parent: "eth0", id: 42)),
        .init(
          "vx",
          .vxlan(
            id: 7, local: try #require(IPAddress("10.0.0.1")), remote: IPAddress("10.0.0.2"), port: 8472)),
      ])
    #expect(rs.addresses == [.init("lo", try #require(IPPrefix("2001:db8::1/128")), isDeprecated: true)])
    #expect(
      rs.routes.count == 3 && rs.routes[0].table == 7 && rs.routes[1].isLocal && rs.routes[2].isUnreachable
        && rs.routes[2].metric == 9)
    #expect(rs.etc == [.init("hosts", "192.0.2.1 web\n")])
    #expect(rs.rules == [Rule(.ipv4, priority: 100, table: 7, from: IPPrefix("10.2.0.0/24"))])
    #expect(rs.files == [.init("index.html", "one \"two\"\n")])
    #expect(
      rs.processes == [
        .init("web", ["prog", "--flag", "an argument"], listeners: [.init(.tcp, 80), .init(.udp, 53)])
      ])
    #expect(rs.realServers.map(\.isTunnelled) == [false, true])
    #expect(topology.hosts[1].sysctls == [.init("net.ipv4.ip_forward", "1")])
  }

  static let mistakes: [(String, Int, Int, String)] = [
    ("hots a", 1, 1, "no statement"),
    ("host", 1, 5, "a host's name is missing"),
    ("host UPPER", 1, 6, "is not a host's name"),
    ("host a\nhost a", 2, 6, "there already"),
    ("host a forwrds", 1, 8, "does not belong here"),
    ("host a\nlink a:e0 b:e0", 2, 11, "no host b"),
    ("host a\nlink a:e0", 2, 10, "host:interface is missing"),
    ("host a\nlink a:e0 a", 2, 11, "is not host:interface"),
    ("host a\nlink a:e0 a:e1 mtu 20", 2, 20, "is not an MTU"),
    ("host a\nlink a:e0 a:e1 color red", 2, 16, "does not belong here"),
    ("host a\naddress a:lo 10.0.0.1/33", 2, 14, "is not an address/length"),
    ("host a\naddress a:lo 10.0.0.1/8 extra", 2, 25, "does not belong here"),
    ("host a\nroute a default dev lo", 2, 23, "needs via"),
    ("host a\nroute a 10.0.0.0/8 via x", 2, 24, "is not a gateway"),
    ("host a\nrun a web prog", 2, 11, "-- is missing"),
    ("host a\nrun a web --", 2, 13, "program to run is missing"),
    ("host a\nrun a ../x -- prog", 2, 7, "is not a name"),
    ("host a\nrun a web listens tcp 0 -- p", 2, 23, "is not a port"),
    ("host a\nfile a name \"never closed", 2, 13, "never closed"),
    ("host a\nfile a name \"bad \\q\"", 2, 19, "after \\ only"),
    ("host a\nfile a name \"x\"y", 2, 16, "a blank must follow"),
    ("host a\nvlan a:v parent lo id 4095", 2, 23, "is not a VLAN id"),
    ("host a\nmac a:lo 1:2:3", 2, 10, "is not a MAC address"),
    ("host a\nreal-server a nowhere", 2, 15, "is not a VIP"),
    ("host a\nrule a from 10.0.0.0/8 to ::/0 table 1 priority 1", 2, 50, "one family"),
  ]

  @Test(arguments: mistakes)
  func mistakesAreShownWhereTheyAre(_ text: String, _ line: Int, _ column: Int, _ message: String) throws {
    let error = #expect(throws: LabError.self) { try Topology(text: text, file: "my.lab") }
    let description = try #require(error).description
    #expect(description.contains(message), "\(description)")
    if column < 50 { #expect(description.hasPrefix("my.lab:\(line):\(column): "), "\(description)") }
  }

  @Test(arguments: [
    "host a\naddress a:eth0 10.0.0.1/24", "host a\nhost b\nlink a:e0 b:e0\nlink a:e0 b:e1",
    "host a\nbridge a:br0 port1", "host a\nsysctl a ../../etc/passwd x", "host a\nroute a 10.0.0.0/8 dev eth7",
    "host a\nrun a x -- p\nrun a x -- q",
  ])
  func whatCannotBeBuiltIsRefused(_ text: String) {
    #expect(throws: LabError.self) { try Topology(text: text, file: "x") }
  }

  @Test func theBuiltInLabsAreSound() throws {
    for lab in BuiltInLab.allCases { try lab.topology.check() }
    #expect(BuiltInLab.nat.realServers(.nat).map(\.description) == ["10.2.0.11", "10.2.0.12", "10.2.0.13"])
    #expect(
      BuiltInLab.tun.realServers(.tunnel, .ipv6).map(\.description) == ["fd10:21::2", "fd10:22::2", "fd10:23::2"])
    #expect(BuiltInLab.nat.virtualAddresses.nat?.description == "10.1.0.100")
  }
}
