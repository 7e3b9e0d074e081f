import DataplaneSimulation
import DataplaneTesting
import DataplaneTypes
import Glibc
import Synchronization
import Testing

@testable import Dataplane

/// What may happen on another CPU in the middle of a packet.
struct RaceTests {
  private let vip = TestAddress("10.9.9.1")
  private let state = MemoryPlatform.State(capacity: 64)
  private let service: UInt32

  init() throws {
    for index in UInt32(1)...2 {
      _ = state.devices.replace(
        index, svs_device(flags: UInt32(SVS_DEVICE_REDIRECT), lower: index, vlan: 0, reserved: 0))
    }
    state.routes = [MemoryRoute(family: 2, prefix: svs_addr(), length: 0, ifindex: 2)]
    let config = try #require(state.configuration.find(0))
    // Rules change, and what has lost its server ends.
    config.pointee.rules_generation = 1
    config.pointee.services4 = 1
    config.pointee.expire_nodest_conn = 1
    service = state.addService(
      svs_service_key(vip: vip.value, port: UInt16(80).bigEndian, proto: 6, family: 2),
      scheduler: schedulerNumber("rr"))
    for host in 11...12 {
      var server = svs_server()
      server.addr = TestAddress("10.0.0.\(host)").value
      server.port = UInt16(80).bigEndian
      server.family = 2
      server.weight = 1
      state.addServer(server, to: service)
    }
  }

  private func persistent() throws {
    let record = try #require(state.serviceRecords.find(service))
    record.pointee.persistence = 300
    record.pointee.netmask = ~0
  }

  private func removeServers() {
    state.configuration.find(0)?.pointee.rules_generation &+= 1
    for index in UInt32(0)..<2 { state.servers.find(index)?.pointee.status = UInt32(SVS_REMOVED) }
  }

  private func request(_ port: UInt16) -> [UInt8] {
    var packet = TestPacket()
    packet.sourcePort = port
    return packet.bytes
  }

  private var counted: [UInt32] {
    (UInt32(0)..<2).flatMap { index in
      state.servers.find(index).map { [$0.pointee.active, $0.pointee.inactive, $0.pointee.persistent] } ?? []
    }
  }

  private var live: UInt32 { state.runtime.find(0)?.pointee.live ?? 0 }

  /// The sweep comes by while a connection's flows are not entered yet; it used to end it, and the flow stayed for ever.
  @Test(arguments: [false, true])
  func theSweepLeavesHalfMadeConnectionsAlone(_ isPersistent: Bool) throws {
    if isPersistent { try persistent() }
    var swept = 0
    state.flows.inserting = { _ in
      removeServers()
      MemoryPlatform(state).sweep()
      swept += 1
    }
    #expect(state.process(request(40_000)).0 != .pass)
    #expect(swept > 0)
    state.flows.inserting = nil
    // By now it stands, without a server: the sweep ends all of it, templates a little later.
    state.clock += 1_000_000_000
    for _ in 0..<2 { MemoryPlatform(state).sweep() }
    #expect(state.connectionTexts == [])
    #expect(state.flows.count == 0)
    #expect(counted == [0, 0, 0, 0, 0, 0])
    #expect(live == 0)
  }

  /// Two connections of one client open at once: the one whose template comes second goes where the first went.
  @Test func bothTakeTheTemplateThatWasFirst() throws {
    try persistent()
    var isFirst = true
    var other: [UInt8] = []
    state.flows.inserting = { key in
      guard key.kind & UInt32(SVS_KIND_TEMPLATE) != 0, isFirst else { return }
      isFirst = false
      other = state.process(request(40_001)).1
    }
    let (verdict, own) = state.process(request(40_000))
    #expect(!isFirst && verdict == .redirect)
    #expect(own.count > 34 && other.count > 34)
    #expect(Array(own[30..<34]) == Array(other[30..<34]), "both go to one server")
    #expect(state.connectionTexts.count == 3)
    #expect(state.events.find(Event.contention.rawValue)?.pointee.packets == 0)
    let template = (UInt32(0)..<3).compactMap { state.connections.find($0)?.pointee }.first { $0.method == 0xff }
    #expect(template?.control == 2, "it controls both")
  }

  /// A template that a packet has found, but has not counted its connection for yet, does not end.
  @Test func whatIsHeldDoesNotEnd() throws {
    try persistent()
    let table = ConnectionTable(MemoryPlatform(state))
    #expect(state.process(request(40_000)).0 == .redirect)
    let slot = try #require((UInt32(0)..<2).first { state.connections.find($0)?.pointee.method == 0xff })
    let template = try #require(state.connections.find(slot))
    let word = StateWord(bits: template.pointee.word)
    let reference = FlowReference(slot: slot, generation: word.generation, fromServer: false)
    state.clock += 100_000_000_000
    removeServers()
    // Its connection ends; it was visited before that, and does not control any now.
    MemoryPlatform(state).sweep()
    #expect(template.pointee.word != 0 && template.pointee.control == 0)
    #expect(table.hold(reference, now: ConnectionTable<MemoryPlatform>.tick(state.clock)))
    #expect(template.pointee.control == 1)
    // As it stands between the two steps of holding.
    template.pointee.control = 0
    MemoryPlatform(state).sweep()
    #expect(template.pointee.word != 0)
    state.clock += 200_000_000
    MemoryPlatform(state).sweep()
    #expect(template.pointee.word == 0)
    // Whoever comes late does not touch what has the slot now.
    template.pointee.control = 7
    #expect(!table.hold(reference, now: 0) && template.pointee.control == 7)
  }

  /// Many CPUs grow and shrink one destination's set: its count stays the number of its places.
  @Test func aDestinationsSetStaysSound() {
    nonisolated(unsafe) let set = UnsafeMutablePointer<svs_locality>.allocate(capacity: 1)
    set.initialize(to: svs_locality())
    defer { set.deallocate() }
    let violations = Atomic(0)
    withThreads(4) { thread in
      var random = SeededGenerator(seed: UInt64(thread))
      for round in UInt32(1)...200_000 {
        let tick = UInt32(thread) << 24 | round
        if Bool.random(using: &random) {
          set.insert(UInt32.random(in: 1...64, using: &random), at: tick)
        } else {
          // As the scheduler does: it looks at count and time first.
          let modified = set.pointee.modified
          if set.pointee.count > 1 { set.erase(at: 0, modified: modified, tick: tick) }
        }
        if set.pointee.count > UInt32(SVS_LOCALITY_PLACES) { violations.add(1, ordering: .relaxed) }
      }
    }
    #expect(violations.load(ordering: .relaxed) == 0)
    #expect(set.pointee.count <= UInt32(SVS_LOCALITY_PLACES))
  }

  private func withThreads(_ count: Int, _ body: @Sendable (Int) -> Void) {
    final class Job {
      let number: Int
      let body: @Sendable (Int) -> Void
      init(_ number: Int, _ body: @escaping @Sendable (Int) -> Void) { (self.number, self.body) = (number, body) }
    }
    withoutActuallyEscaping(body) { body in
      let threads = (0..<count).map { number in
        var thread = pthread_t()
        let job = Unmanaged.passRetained(Job(number, body)).toOpaque()
        let made = pthread_create(
          &thread, nil,
          { argument in
            if let argument {
              let job = Unmanaged<Job>.fromOpaque(argument).takeRetainedValue()
              job.body(job.number)
            }
            return nil
          }, job)
        precondition(made == 0)
        return thread
      }
      for thread in threads { pthread_join(thread, nil) }
    }
  }
}
