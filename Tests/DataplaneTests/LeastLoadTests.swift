import Dataplane
import DataplaneSimulation
import DataplaneTesting
import DataplaneTypes
import Testing

/// The schedulers that take the least loaded server, against their definitions, with more servers than the records have.
struct LeastLoadTests {
  /// Numerator and denominator of what the scheduler goes by.
  typealias Overhead = (svs_server) -> (UInt64, UInt64)

  private static func connections(_ s: svs_server) -> UInt64 { UInt64(s.active) * 256 + UInt64(s.inactive) }

  /// The first server of the list with the least overhead, of those that take connections; index + 1, 0 for none.
  private func least(_ list: [(UInt32, svs_server)], _ overhead: Overhead) -> UInt32 {
    var best: (UInt32, UInt64, UInt64)?
    for (index, server) in list where server.weight > 0 && server.overloaded == 0 {
      let (load, weight) = overhead(server)
      if let known = best, load * known.2 >= known.1 * weight { continue }
      best = (index, load, weight)
    }
    return best?.0 ?? 0
  }

  @Test(arguments: ["lc", "wlc", "sed", "nq"])
  func takesWhatItsDefinitionSays(scheduler: String) throws {
    let overheads: [String: Overhead] = [
      "lc": { (Self.connections($0), 1) }, "wlc": { (Self.connections($0), UInt64($0.weight)) },
      "sed": { (UInt64($0.active) + 1, UInt64($0.weight)) }, "nq": { (UInt64($0.active) + 1, UInt64($0.weight)) },
    ]
    let overhead = try #require(overheads[scheduler])
    var random = SeededGenerator(seed: 7)
    let vip = TestAddress("10.9.9.1").value
    let flow = svs_flow_key(src: vip, dst: vip, sport: 1, dport: UInt16(80).bigEndian, proto: 6, family: 2)
    for round in 0..<400 {
      let state = MemoryPlatform.State(capacity: 1024)
      let service = state.addService(
        svs_service_key(vip: vip, port: UInt16(80).bigEndian, proto: 6, family: 2),
        scheduler: schedulerNumber(scheduler))
      var list: [(UInt32, svs_server)] = []
      for _ in 0..<Int.random(in: 0...24, using: &random) {
        var server = svs_server()
        server.weight = Int32.random(in: 0...4, using: &random)
        server.active = UInt32.random(in: (round % 2 == 0 ? 0 : 1)...6, using: &random)
        server.inactive = UInt32.random(in: 0...600, using: &random)
        server.overloaded = UInt32.random(in: 0..<8, using: &random) == 0 ? 1 : 0
        // The newest stands at the head.
        list.insert((state.addServer(server, to: service) + 1, server), at: 0)
      }
      var expected = least(list, overhead)
      if scheduler == "nq",
        let idle = list.first(where: { $0.1.weight > 0 && $0.1.overloaded == 0 && $0.1.active == 0 })
      {
        expected = idle.0
      }
      let record = try #require(state.serviceRecords.find(service))
      #expect(Schedulers.pick(record, flow, MemoryPlatform(state)) == expected, "round \(round): \(list.count) servers")
    }
  }
}
