import DataplaneSimulation
import DataplaneTesting
import DataplaneTypes
import Testing

@testable import Dataplane

/// FULLNAT's connections take over ways that others have found, where those still serve.
@Suite struct RememberedWayTests {
  /// Counts look-ups of the way to the server.
  private final class Look {
    var ups = 0
    var device: UInt32 = 2
  }

  private func servers(_ look: Look, mtu: UInt16 = 1500) throws -> ToldServers {
    let servers = try ToldServers(UInt32(SVS_DISCLOSE_NOTHING), mtu: mtu)
    let rip = servers.rip.value
    servers.state.router = { query in
      if query.destination == rip { look.ups += 1 }
      query.outcome = .resolved
      query.ifindex = look.device
      query.mtu = mtu
    }
    return servers
  }

  private func open(_ servers: ToldServers, port: UInt16) -> Bool {
    servers.clientPort = port
    return servers.send(Segment([.syn], sequence: 1)) != nil
  }

  @Test func connectionsBetweenTheSameAddressesAskOnce() throws {
    let look = Look()
    let servers = try servers(look)
    for port in UInt16(40_000)..<40_010 { #expect(open(servers, port: port)) }
    #expect(look.ups == 1)
    let connection = try #require(servers.state.connections.find(9))
    #expect(connection.pointee.to_server.ifindex == 2 && connection.pointee.to_server.mtu == 1500)
  }

  @Test func itIsAskedAgainAfterASecond() throws {
    let look = Look()
    let servers = try servers(look)
    #expect(open(servers, port: 40_000))
    servers.state.clock += 1_100_000_000
    look.device = 3
    _ = servers.state.devices.replace(
      3, svs_device(flags: UInt32(SVS_DEVICE_REDIRECT), lower: 3, vlan: 0, reserved: 0))
    #expect(open(servers, port: 40_001) && look.ups == 2)
    #expect(try #require(servers.state.connections.find(1)).pointee.to_server.ifindex == 3)
  }

  @Test func aChangeOfRulesForgetsIt() throws {
    let look = Look()
    let servers = try servers(look)
    #expect(open(servers, port: 40_000))
    try #require(servers.state.configuration.find(0)).pointee.rules_generation += 1
    #expect(open(servers, port: 40_001) && look.ups == 2)
  }

  @Test func anotherLocalAddressAsksForItself() throws {
    let look = Look()
    let servers = try servers(look)
    let range = try #require(servers.state.localRanges.find(0))
    range.pointee.first = TestAddress("10.2.0.2").value
    range.pointee.bits = 1
    for port in UInt16(40_000)..<40_010 { #expect(open(servers, port: port)) }
    #expect(look.ups == 2)
  }

  /// Ways share their places: one of other addresses serves nobody.
  @Test func anotherPairOfAddressesInTheSamePlaceAsksForItself() throws {
    let look = Look()
    let servers = try servers(look)
    let place = { (address: TestAddress) in
      PacketPath<MemoryPlatform>.place(address.value, servers.rip.value)
    }
    let other = try #require(
      (0..<65_536).lazy.map { TestAddress("10.3.\($0 / 256).\($0 % 256)") }
        .first { place($0) == place(servers.local) })
    #expect(open(servers, port: 40_000) && look.ups == 1)
    let range = try #require(servers.state.localRanges.find(0))
    range.pointee.first = other.value
    #expect(open(servers, port: 40_001) && look.ups == 2)
    // The same words of the other family, as an IPv6 address may have them.
    let way = try #require(servers.state.rememberedWays.find(place(other)))
    #expect(way.pointee.source == other.value)
    way.pointee.family = 10
    #expect(open(servers, port: 40_002) && look.ups == 3)
  }

  @Test func whatMayBeTooLargeAsks() throws {
    let look = Look()
    let servers = try servers(look, mtu: 72)
    for port in UInt16(40_000)..<40_003 {
      servers.clientPort = port
      #expect(servers.send(Segment([.syn], sequence: 1, options: [UInt8](repeating: 1, count: 20))) != nil)
    }
    #expect(look.ups == 3)
  }

  /// Without an address to ask the server from, no route is what its client is told of.
  @Test func withoutALocalAddressThereIsNoRoute() throws {
    let servers = try servers(Look())
    try #require(servers.state.servers.find(0)).pointee.local = 0
    #expect(!open(servers, port: 40_000))
    #expect(servers.events(.noRoute) == 1 && servers.events(.noLocalPort) == 0)
    #expect(servers.state.freeSlots == [0])
  }
}
