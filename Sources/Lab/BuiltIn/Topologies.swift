import Netlink

// Network 1 is the client's side, network 2 the servers', 21 to 23 those of servers elsewhere. The director is host 1
// and a client host 2 of its network, real server N is host 10 + N, a router host 254.

/// client - director - switch - rs1, rs2, rs3.
func natTopology() -> Topology {
  let client = Topology.Host(
    "client", addresses: Part.addresses("eth0", net: 1, host: 2), routes: Part.defaultRoutes(net: 1, host: 1))
  let director = Topology.Host(
    "director", forwards: true,
    addresses: Part.addresses("front", net: 1, host: 1) + Part.vip("front", VIP.nat)
      + Part.addresses("back", net: 2, host: 1))
  let servers = Part.servers.map { number in
    Part.server(
      number, addresses: Part.addresses("eth0", net: 2, host: 10 + number),
      routes: Part.defaultRoutes(net: 2, host: 1))
  }
  return Topology(
    hosts: [client, director, Part.ethernetSwitch("switch", ports: 4)] + servers,
    links: [
      Topology.Link(.init("client", "eth0"), .init("director", "front")),
      Topology.Link(.init("director", "back"), .init("switch", "port0")),
    ]
      + Part.servers.map { Topology.Link(.init("rs\($0)", "eth0"), .init("switch", "port\($0)")) })
}

/// One switch for all.
func directTopology() -> Topology {
  let client = Topology.Host("client", addresses: Part.addresses("eth0", net: 1, host: 2))
  let director = Topology.Host(
    "director", forwards: true, addresses: Part.addresses("eth0", net: 1, host: 1) + Part.vip("eth0", VIP.direct))
  let servers = Part.servers.map { number in
    Part.server(
      number, addresses: Part.addresses("eth0", net: 1, host: 10 + number), routes: [],
      roles: VIP.both(VIP.direct).map { Topology.RealServerRole($0) })
  }
  return Topology(
    hosts: [client, director, Part.ethernetSwitch("switch", ports: 5)] + servers,
    links: [
      Topology.Link(.init("director", "eth0"), .init("switch", "port0")),
      Topology.Link(.init("client", "eth0"), .init("switch", "port4")),
    ]
      + Part.servers.map { Topology.Link(.init("rs\($0)", "eth0"), .init("switch", "port\($0)")) })
}

/// client, director and router on a switch; rs1, rs2 and rs3 behind the router.
func remoteTopology(_ lab: BuiltInLab) -> Topology {
  let isTunnelled = lab == .tun
  let client = Topology.Host(
    "client", addresses: Part.addresses("eth0", net: 1, host: 2), routes: Part.remoteRoutes(net: 1, host: 254))
  let director = Topology.Host(
    "director", forwards: true,
    addresses: Part.addresses("eth0", net: 1, host: 1) + Part.vip("eth0", isTunnelled ? VIP.tunnel : VIP.fullNAT),
    routes: Part.remoteRoutes(net: 1, host: 254))
  let router = Topology.Host(
    "router", forwards: true,
    addresses: Part.addresses("front", net: 1, host: 254)
      + Part.servers.flatMap { Part.addresses("rs\($0)", net: 20 + $0, host: 1) })
  let servers = Part.servers.map { number in
    Part.server(
      number, addresses: Part.addresses("eth0", net: 20 + number, host: 2),
      routes: Part.defaultRoutes(net: 20 + number, host: 1),
      roles: isTunnelled ? VIP.both(VIP.tunnel).map { Topology.RealServerRole($0, isTunnelled: true) } : [])
  }
  return Topology(
    hosts: [client, director, Part.ethernetSwitch("switch", ports: 3), router] + servers,
    links: [
      Topology.Link(.init("director", "eth0"), .init("switch", "port0")),
      Topology.Link(.init("client", "eth0"), .init("switch", "port1")),
      Topology.Link(.init("router", "front"), .init("switch", "port2")),
    ]
      + Part.servers.map { Topology.Link(.init("rs\($0)", "eth0"), .init("router", "rs\($0)")) })
}

/// Servers with a foot in the client's network, for DR, and one behind the director, for NAT and TUN.
func fullTopology() -> Topology {
  let client = Topology.Host(
    "client", addresses: Part.addresses("eth0", net: 1, host: 2),
    routes: [
      Topology.Route(to: IPPrefix(address(.ipv4, net: 2, host: 0), length: 24), via: address(.ipv4, net: 1, host: 1)),
      Topology.Route(to: IPPrefix(address(.ipv6, net: 2, host: 0), length: 64), via: address(.ipv6, net: 1, host: 1)),
    ])
  let director = Topology.Host(
    "director", forwards: true,
    addresses: Part.addresses("front", net: 1, host: 1)
      + [VIP.nat, VIP.direct, VIP.tunnel, VIP.fullNAT].flatMap { Part.vip("front", $0) }
      + Part.addresses("back", net: 2, host: 1))
  let servers = Part.servers.map { number in
    Part.server(
      number,
      addresses: Part.addresses("eth0", net: 1, host: 10 + number)
        + Part.addresses("eth1", net: 2, host: 10 + number),
      routes: Part.defaultRoutes(net: 2, host: 1, table: 2),
      // What leaves with an address of network 2 answers a request that came by NAT, and has to go back the same way
      // although the client is on the server's own link.
      rules: [IPAddress.Family.ipv4, .ipv6].map {
        Rule(
          $0, priority: 100, table: 2,
          from: IPPrefix(address($0, net: 2, host: 0), length: $0 == .ipv4 ? 24 : 64))
      },
      roles: VIP.both(VIP.direct).map { Topology.RealServerRole($0) }
        + VIP.both(VIP.tunnel).map { Topology.RealServerRole($0, isTunnelled: true) })
  }
  return Topology(
    hosts: [client, director, Part.ethernetSwitch("switch", ports: 5), Part.ethernetSwitch("backswitch", ports: 4)]
      + servers,
    links: [
      Topology.Link(.init("director", "front"), .init("switch", "port0")),
      Topology.Link(.init("client", "eth0"), .init("switch", "port4")),
      Topology.Link(.init("director", "back"), .init("backswitch", "port0")),
    ]
      + Part.servers.flatMap {
        [
          Topology.Link(.init("rs\($0)", "eth0"), .init("switch", "port\($0)")),
          Topology.Link(.init("rs\($0)", "eth1"), .init("backswitch", "port\($0)")),
        ]
      })
}
