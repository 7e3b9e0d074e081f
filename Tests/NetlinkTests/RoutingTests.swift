import Glibc
import Testing

@testable import Netlink

@Suite struct RoutingTests {
  @Test func addressesAreUsableAtOnce() throws {
    let pair = try Pair()
    let found = try pair.a.socket().addresses().filter { $0.interfaceIndex == pair.aIndex }
    let own = found.filter { !$0.prefix.address.isLinkLocal }
    #expect(Set(own.map(\.prefix.description)) == ["10.9.0.1/24", "fd09::1/64"])
    #expect(own.allSatisfy { !$0.flags.contains(.tentative) })
    let socket = try pair.a.socket()
    try socket.removeAddress(try #require(IPPrefix("10.9.0.1/24")), interfaceIndex: pair.aIndex)
    #expect(try !socket.addresses().contains { $0.prefix.description == "10.9.0.1/24" })
    let gone = #expect(throws: NetlinkError.self) {
      try socket.removeAddress(try #require(IPPrefix("10.9.0.1/24")), interfaceIndex: pair.aIndex)
    }
    #expect(gone?.code == EADDRNOTAVAIL)
  }

  @Test(arguments: [
    ("198.51.100.0/24", "10.9.0.2", "198.51.100.7"), ("2001:db8:5::/48", "fd09::2", "2001:db8:5::7"),
    ("198.51.100.0/24", "fd09::2", "198.51.100.7"),
  ])
  func routesAreFollowed(_ destination: String, _ gateway: String, _ target: String) throws {
    let pair = try Pair()
    let socket = try pair.a.socket()
    let route = Route(
      to: try #require(IPPrefix(destination)), via: IPAddress(gateway), interfaceIndex: pair.aIndex, mtu: 1400)
    try socket.addRoute(route)
    let answer = try socket.route(to: try #require(IPAddress(target)))
    #expect(answer.kind == .unicast)
    #expect(answer.interfaceIndex == pair.aIndex)
    #expect(answer.gateway == IPAddress(gateway))
    #expect(answer.source?.description == (target.contains(":") ? "fd09::1" : "10.9.0.1"))
    #expect(answer.table == 254)
    #expect(try socket.routes().contains { $0.destination == route.destination && $0.gateway == route.gateway })
    let again = #expect(throws: NetlinkError.self) { try socket.addRoute(route) }
    #expect(again?.code == EEXIST)
    try socket.addRoute(route, replacing: true)
    try socket.removeRoute(route)
    let gone = #expect(throws: NetlinkError.self) { try socket.route(to: try #require(IPAddress(target))) }
    #expect(gone?.code == ENETUNREACH)
  }

  @Test func localAndDirectlyConnectedDestinations() throws {
    let pair = try Pair()
    let socket = try pair.a.socket()
    #expect(try socket.route(to: try #require(IPAddress("10.9.0.1"))).kind == .local)
    // The kernel does part of this in a work queue.
    #expect(try eventually { try socket.route(to: try #require(IPAddress("fd09::1"))).kind == .local })
    let neighbour = try socket.route(to: try #require(IPAddress("10.9.0.77")))
    #expect(neighbour.gateway == nil && neighbour.interfaceIndex == pair.aIndex)
    try socket.addRoute(
      Route(to: try #require(IPPrefix("192.0.2.0/24")), interfaceIndex: 1, table: 255, kind: .local))
    #expect(try socket.route(to: try #require(IPAddress("192.0.2.200"))).kind == .local)
    #expect(try socket.routes(table: 255).contains { $0.destination.description == "192.0.2.0/24" })
  }

  /// Of a network that is to be this host's, the first address that is not.
  @Test(arguments: [
    ("10.0.0.64/30", ["10.0.0.64/32", "10.0.0.65/32", "10.0.0.66/32", "10.0.0.67/32"], nil),
    ("10.0.0.64/30", ["10.0.0.64/32", "10.0.0.65/32", "10.0.0.67/32"], "10.0.0.66"),
    ("10.0.0.64/30", ["10.0.0.64/31", "10.0.0.0/8"], nil), ("10.0.0.64/30", ["10.0.0.64/31"], "10.0.0.66"),
    ("10.0.0.64/30", [], "10.0.0.64"), ("10.0.0.64/32", ["0.0.0.0/0"], nil),
    ("fd00::1:0/112", ["fd00::1:0/113", "fd00::1:8000/113"], nil), ("fd00::1:0/112", ["fd00::1:0/113"], "fd00::1:8000"),
    ("fd00::5/128", ["fd00::5/128"], nil), ("10.0.0.1/32", ["fd00::/8"], "10.0.0.1"),
  ]) func addressesThatAreNotOursAreFound(_ network: String, _ own: [String], _ foreign: String?) throws {
    let addresses = OwnAddresses(try own.map { try #require(IPPrefix($0)) })
    #expect(addresses.firstForeign(in: try #require(IPPrefix(network)))?.description == foreign)
  }

  @Test func marksAndRulesChooseTheTable() throws {
    let pair = try Pair()
    let socket = try pair.a.socket()
    try socket.addRoute(
      Route(to: .everything(.ipv4), via: IPAddress("10.9.0.9"), interfaceIndex: pair.aIndex, table: 6666))
    let rule = Rule(.ipv4, priority: 100, table: 6666, mark: 7, markMask: 0xFF)
    try socket.addRule(rule)
    let target = try #require(IPAddress("203.0.113.5"))
    let marked = try socket.route(to: target, mark: 7)
    #expect(marked.table == 6666 && marked.gateway == IPAddress("10.9.0.9"))
    #expect(throws: NetlinkError.self) { try socket.route(to: target) }
    #expect(try socket.rules().contains(rule))
    try socket.removeRule(rule)
    #expect(try !socket.rules().contains(rule))
    let gone = #expect(throws: NetlinkError.self) { try socket.removeRule(rule) }
    #expect(gone?.code == ENOENT)
  }

  @Test func rulesKeepEveryPart() throws {
    let scratch = try Scratch()
    let socket = try scratch.socket()
    let rules = [
      Rule(
        .ipv4, priority: 90, table: 100, from: IPPrefix("10.0.0.0/8"), to: IPPrefix("192.0.2.1/32"),
        inputInterface: "lo", ipProtocol: UInt8(IPPROTO_TCP), destinationPorts: 80...443),
      Rule(.ipv6, priority: 91, table: 1000, to: IPPrefix("2001:db8::1/128"), outputInterface: "eth9"),
    ]
    for rule in rules { try socket.addRule(rule) }
    let found = try socket.rules()
    for rule in rules { #expect(found.contains(rule)) }
  }

  @Test func theSourceAndTheInputInterfaceCount() throws {
    let pair = try Pair()
    let socket = try pair.a.socket()
    try socket.addRoute(Route(to: try #require(IPPrefix("198.51.100.0/24")), via: IPAddress("10.9.0.2")))
    let target = try #require(IPAddress("198.51.100.7"))
    let forwarded = #expect(throws: NetlinkError.self) {
      try socket.route(to: target, from: IPAddress("10.9.0.2"), inputInterface: pair.aIndex)
    }
    #expect(forwarded?.code == EHOSTUNREACH, "forwarding is off in a new namespace")
  }

  @Test(arguments: ["10.9.0.2", "fd09::2"])
  func aManagedNeighbourIsResolvedWithoutTraffic(_ text: String) throws {
    let pair = try Pair()
    let socket = try pair.a.socket()
    let address = try #require(IPAddress(text))
    let mac = try pair.b.socket().interface(named: "right").mac
    // IPv6 solicits from the link-local address, which has to pass duplicate address detection first.
    let isReady = try eventually {
      try socket.addresses().contains {
        $0.interfaceIndex == pair.aIndex && $0.prefix.address.isLinkLocal && !$0.flags.contains(.tentative)
      }
    }
    #expect(isReady)
    try socket.addManagedNeighbour(address, interfaceIndex: pair.aIndex)
    let resolved = try eventually {
      try socket.neighbours().contains {
        $0.address == address && $0.interfaceIndex == pair.aIndex && $0.isManaged && $0.mac == mac
          && !$0.state.isDisjoint(with: .valid)
      }
    }
    #expect(resolved)
    try socket.addManagedNeighbour(address, interfaceIndex: pair.aIndex)
    try socket.removeNeighbour(address, interfaceIndex: pair.aIndex)
    try socket.removeNeighbour(address, interfaceIndex: pair.aIndex)
    #expect(try !socket.neighbours().contains { $0.address == address && $0.isManaged })
  }

  @Test func aPermanentNeighbour() throws {
    let pair = try Pair()
    let socket = try pair.a.socket()
    let mac = try #require(MACAddress("02:00:5e:00:53:99"))
    let address = try #require(IPAddress("10.9.0.50"))
    try socket.addPermanentNeighbour(address, mac: mac, interfaceIndex: pair.aIndex)
    let found = try #require(try socket.neighbours().first { $0.address == address })
    #expect(found.mac == mac && found.state == .permanent && !found.isManaged)
  }
}
