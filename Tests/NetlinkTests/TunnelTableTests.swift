import Glibc
import Synchronization
import Testing

@testable import Netlink

@Suite struct TunnelTableTests {
  @Test(arguments: [("10.9.0.1", 1450), ("fd09::1", 1430)])
  func whatAVXLANDeviceIsToldIsReadBack(_ local: String, _ mtu: UInt32) throws {
    let pair = try Pair()
    let socket = try pair.a.socket()
    let mac = try #require(MACAddress("02:00:5e:00:53:0a"))
    let settings = VXLANSettings(
      id: 77, parent: pair.aIndex, local: IPAddress(local), port: 8472, learns: false)
    try socket.createLink("tun", .tunnels(settings), mac: mac, mtu: mtu, queueLength: 0)
    let made = try socket.interface(named: "tun")
    #expect(made.vxlan == settings)
    #expect(made.mac == mac && made.mtu == mtu && made.kind == "vxlan")
    #expect(try socket.interface(named: "left").vxlan == nil)
    try socket.setLink(made.index, up: true)
    let again = #expect(throws: NetlinkError.self) { try socket.createLink("tun2", .tunnels(settings)) }
    #expect(again?.code == EEXIST)
  }

  @Test func otherSettingsAreReadBackToo() throws {
    let pair = try Pair()
    let socket = try pair.a.socket()
    let group = VXLANSettings(
      id: 5, parent: pair.aIndex, remote: IPAddress("10.9.0.2"), port: 4789, timeToLive: 9)
    try socket.createLink("one", .tunnels(group))
    #expect(try socket.interface(named: "one").vxlan == group)
    let external = VXLANSettings(id: 0, port: 4790, isExternal: true)
    try socket.createLink("any", .tunnels(external))
    #expect(try socket.interface(named: "any").vxlan?.isExternal == true)
  }

  @Test(arguments: [("10.9.0.1", "10.9.0.2", "10.9.0.3"), ("fd09::1", "fd09::2", "fd09::3")])
  func forwardingEntriesComeChangeAndGo(_ local: String, _ first: String, _ second: String) throws {
    let pair = try Pair()
    let socket = try pair.a.socket()
    let settings = VXLANSettings(
      id: 7, parent: pair.aIndex, local: IPAddress(local), port: 8472, learns: false)
    try socket.createLink("tun", .tunnels(settings))
    let index = try socket.interface(named: "tun").index
    let mac = try #require(MACAddress("02:00:5e:00:53:99"))
    let (one, two) = (try #require(IPAddress(first)), try #require(IPAddress(second)))
    try socket.addForwardingEntry(to: mac, remote: one, interfaceIndex: index)
    let expected = ForwardingEntry(mac: mac, interfaceIndex: index, remote: one)
    #expect(try socket.forwardingEntries(interfaceIndex: index) == [expected])
    #expect(try socket.forwardingEntries().contains(expected))
    let taken = #expect(throws: NetlinkError.self) {
      try socket.addForwardingEntry(to: mac, remote: two, interfaceIndex: index)
    }
    #expect(taken?.code == EEXIST)
    try socket.addForwardingEntry(to: mac, remote: two, interfaceIndex: index, replacing: true)
    #expect(try socket.forwardingEntries(interfaceIndex: index).map(\.remote) == [two])
    try socket.removeForwardingEntry(to: mac, remote: two, interfaceIndex: index)
    #expect(try socket.forwardingEntries(interfaceIndex: index).isEmpty)
    let gone = #expect(throws: NetlinkError.self) {
      try socket.removeForwardingEntry(to: mac, remote: two, interfaceIndex: index)
    }
    #expect(gone?.code == ENOENT)
  }

  @Test func neighboursOfOneInterface() throws {
    let pair = try Pair()
    let socket = try pair.a.socket()
    try socket.createLink("br", .bridge)
    let bridge = try socket.interface(named: "br").index
    try socket.setLink(bridge, up: true)
    let mac = try #require(MACAddress("02:00:5e:00:53:99"))
    let address = try #require(IPAddress("10.9.0.50"))
    try socket.addPermanentNeighbour(address, mac: mac, interfaceIndex: bridge)
    try socket.addPermanentNeighbour(address, mac: mac, interfaceIndex: pair.aIndex)
    let found = try socket.neighbours(interfaceIndex: bridge).filter { $0.state == .permanent }
    #expect(found.map(\.interfaceIndex) == [bridge] && found.map(\.address) == [address])
  }

  @Test(arguments: [("198.51.100.0/24", "10.9.0.2", "10.9.0.3"), ("2001:db8:5::/48", "fd09::2", "fd09::3")])
  func makersAndScopesOfRoutes(_ destination: String, _ first: String, _ second: String) throws {
    let pair = try Pair()
    let socket = try pair.a.socket()
    let prefix = try #require(IPPrefix(destination))
    func found() throws -> RouteEntry? { try socket.routeEntries().first { $0.route.destination == prefix } }
    var route = Route(to: prefix, via: IPAddress(first), interfaceIndex: pair.aIndex)
    try socket.addRoute(route)
    #expect(try found()?.maker == 4, "an administrator's where nothing is said")
    route.gateway = IPAddress(second)
    try socket.addRoute(route, replacing: true, maker: RouteEntry.unnamedMaker)
    let entry = try #require(try found())
    #expect(entry.maker == 3 && entry.scope == 0 && entry.hops == 1)
    #expect(entry.route.gateway == IPAddress(second))
    #expect(try socket.routeEntries().filter { $0.route.destination == prefix }.count == 1)
    let own = try socket.routeEntries().first { $0.route.destination.description == "10.9.0.0/24" }
    #expect(own?.maker == 2 && own?.scope == 253)
  }
}

/// Whatever a message holds, it is read or passed over.
@Suite struct DamagedMessageTests {
  @Test func damagedMessages() throws {
    var random = Xorshift(state: 0x2545_F491_4F6C_DD1D)
    var read = 0
    for _ in 0..<30_000 {
      // A header of a kind that is looked at, attributes that could be some, and noise.
      let kinds: [UInt16] = [16, 17, 20, 21, 24, 25, 28, 29]
      var body = [UInt8](repeating: 0, count: 16)
      for place in body.indices { body[place] = UInt8.random(in: 0...20, using: &random) }
      for _ in 0..<Int.random(in: 0...6, using: &random) {
        let size = UInt16.random(in: 0...24, using: &random)
        let length = Bool.random(using: &random) ? size + 4 : UInt16.random(in: 0...40, using: &random)
        body += [UInt8(length & 0xFF), UInt8(length >> 8), UInt8.random(in: 0...30, using: &random), 0]
        body += (0..<(Int(size) + 3) & ~3).map { _ in UInt8.random(in: 0...255, using: &random) }
      }
      let kind = kinds[Int.random(in: 0..<kinds.count, using: &random)]
      let said = UInt32(body.count + 16 + Int.random(in: -8...8, using: &random))
      var datagram =
        withUnsafeBytes(of: said) { Array($0) } + [UInt8(kind), 0] + [UInt8](repeating: 0, count: 10) + body
      if Bool.random(using: &random) { datagram += datagram }
      for reply in Reply.all(in: datagram[...]) {
        if NetworkChange(reply) != nil { read += 1 }
        if ForwardingEntry(reply) != nil { read += 1 }
        if RouteEntry(reply) != nil { read += 1 }
        if Interface(reply) != nil { read += 1 }
        _ = VXLANSettings(Attributes(reply.payload))
      }
    }
    #expect(read > 1000)
  }

  private struct Xorshift: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return state
    }
  }
}

@Suite struct ChangeWatchTests {
  @Test func changesAreTold() throws {
    let pair = try Pair()
    let watch = try pair.a.namespace.perform { () throws(NetlinkError) in try ChangeWatch() }
    let socket = try pair.a.socket()
    _ = try watch.take()
    try socket.createLink("br", .bridge)
    let bridge = try socket.interface(named: "br").index
    try socket.setLink(bridge, up: true)
    try expect(watch, .link(index: bridge, name: "br"))
    let mac = try #require(MACAddress("02:00:5e:00:53:99"))
    try socket.addPermanentNeighbour(try #require(IPAddress("10.9.0.50")), mac: mac, interfaceIndex: bridge)
    try expect(watch, .neighbour(index: bridge))
    try socket.addAddress(try #require(IPPrefix("10.8.0.1/24")), interfaceIndex: bridge)
    try expect(watch, .address(index: bridge))
    try socket.addRoute(Route(to: try #require(IPPrefix("2001:db8::/32")), interfaceIndex: bridge))
    try expect(watch, .route)
    try socket.deleteLink(bridge)
    try expect(watch, .linkGone(index: bridge, name: "br"))
  }

  @Test func otherNamespacesAreNotTold() throws {
    let here = try Scratch()
    let there = try Scratch()
    let watch = try here.namespace.perform { () throws(NetlinkError) in try ChangeWatch() }
    try there.socket().createLink("br", .bridge)
    #expect(try watch.take().isEmpty)
  }

  @Test func whatDoesNotFitIsToldAsLost() throws {
    let scratch = try Scratch()
    let watch = try scratch.namespace.perform { () throws(NetlinkError) in try ChangeWatch() }
    var least: CInt = 0
    setsockopt(watch.descriptor, SOL_SOCKET, SO_RCVBUF, &least, socklen_t(MemoryLayout<CInt>.size))
    let socket = try scratch.socket()
    for number in 0..<20 { try socket.createLink("br\(number)", .bridge) }
    #expect(try watch.take().contains(.lost))
    // And it goes on, with room for more than one.
    var usual: CInt = 1 << 16
    setsockopt(watch.descriptor, SOL_SOCKET, SO_RCVBUF, &usual, socklen_t(MemoryLayout<CInt>.size))
    try socket.createLink("after", .bridge)
    let index = try socket.interface(named: "after").index
    try expect(watch, .link(index: index, name: "after"))
  }

  @Test func aNamespaceIsEnteredByAnotherThread() throws {
    let scratch = try Scratch()
    let expected = try scratch.namespace.cookie
    let box = Box(try NetworkNamespace.named(scratch.name))
    var thread = pthread_t()
    let made = pthread_create(
      &thread, nil,
      { pointer in
        if let pointer {
          let box = Unmanaged<Box>.fromOpaque(pointer).takeRetainedValue()
          let cookie = try? box.namespace.perform { () throws(NetlinkError) in try NetworkNamespace.current().cookie }
          box.seen.store(cookie ?? 0, ordering: .releasing)
        }
        return nil
      }, Unmanaged.passRetained(box).toOpaque())
    try #require(made == 0)
    pthread_join(thread, nil)
    #expect(box.seen.load(ordering: .acquiring) == expected)
  }

  private final class Box: Sendable {
    let namespace: NetworkNamespace
    let seen = Atomic<UInt64>(0)
    init(_ namespace: consuming NetworkNamespace) { self.namespace = namespace }
  }

  private func expect(_ watch: borrowing ChangeWatch, _ change: NetworkChange) throws {
    var seen: [NetworkChange] = []
    var waiting = pollfd(fd: watch.descriptor, events: Int16(POLLIN), revents: 0)
    while !seen.contains(change) {
      guard poll(&waiting, 1, 10_000) > 0 else {
        Issue.record("\(change) was not told, but \(seen)")
        return
      }
      seen += try watch.take()
    }
  }
}
