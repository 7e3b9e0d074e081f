import Dataplane
import DataplaneSimulation
import DataplaneTesting
import DataplaneTypes
import Testing

/// lblc and lblcr as time goes by, which no record shows.
struct LocalityExpiryTests {
  private let state = MemoryPlatform.State()
  private var day: UInt64 { 86_400_000_000_000 }

  /// A service of so many servers of weight 1, and a flow to its VIP.
  private func service(
    _ scheduler: String, servers: Int
  ) throws -> (UnsafeMutablePointer<svs_service>, svs_flow_key, [UnsafeMutablePointer<svs_server>]) {
    let vip = TestAddress("10.9.9.1").value
    let number = state.addService(
      svs_service_key(vip: vip, port: UInt16(80).bigEndian, proto: 6, family: 2),
      scheduler: schedulerNumber(scheduler))
    let records = try (0..<servers).map { _ in
      var record = svs_server()
      record.weight = 1
      return try #require(state.servers.find(state.addServer(record, to: number)))
    }
    let flow = svs_flow_key(src: vip, dst: vip, sport: 1, dport: UInt16(80).bigEndian, proto: 6, family: 2)
    return (try #require(state.serviceRecords.find(number)), flow, records)
  }

  @Test func lblcForgetsADestinationAfterADayWithoutUse() throws {
    let (service, flow, servers) = try service("lblc", servers: 2)
    let first = Schedulers.pick(service, flow, MemoryPlatform(state))
    // Loaded, but not more than its weight: a destination stays, where wlc would leave.
    servers[Int(first) - 1].pointee.active = 1
    for _ in 0..<3 {
      state.clock += day / 2
      #expect(Schedulers.pick(service, flow, MemoryPlatform(state)) == first)
    }
    state.clock += day + (1 << 25)
    #expect(Schedulers.pick(service, flow, MemoryPlatform(state)) != first)
  }

  @Test func lblcrGivesUpItsMostLoadedServerOnceADay() throws {
    let (service, flow, servers) = try service("lblcr", servers: 3)
    func pick() -> UInt32 { Schedulers.pick(service, flow, MemoryPlatform(state)) }
    var chosen: [UInt32] = []
    for load in UInt32(2)...4 {
      let choice = pick()
      chosen.append(choice)
      servers[Int(choice) - 1].pointee.active = load
    }
    #expect(Set(chosen).count == 3)
    // In use all the time, so that it is not forgotten as a whole; after a day the set of three shrinks.
    func members() throws -> UInt32 { try #require(state.localities.find(key(service, flow))).pointee.count }
    for server in servers { server.pointee.active = 1 }
    servers[Int(chosen[1]) - 1].pointee.active = 3
    state.clock += day / 2
    _ = pick()
    #expect(try members() == 3)
    state.clock += day / 2 + (1 << 25)
    _ = pick()
    #expect(try members() == 2)
    // The others have another day.
    _ = pick()
    #expect(try members() == 2)
    // The one that left was the most loaded: idle now, it is not chosen.
    servers[Int(chosen[1]) - 1].pointee.active = 0
    #expect(pick() != chosen[1])
    for _ in 0..<4 {
      state.clock += day / 2 + (1 << 25)
      _ = pick()
    }
    #expect(try members() == 1)
  }

  private func key(_ service: UnsafeMutablePointer<svs_service>, _ flow: svs_flow_key) -> svs_locality_key {
    svs_locality_key(
      destination: flow.dst, service: service.pointee.number, family: UInt32(flow.family) | service.pointee.memory << 8)
  }
}
