import Dataplane
import DataplaneSimulation
import DataplaneTesting
import DataplaneTypes
import Testing

/// twos, which the recorded IPVS does not have: what it draws, and what it chooses of that.
struct TwoChoicesTests {
  /// Servers that stand as they are: nothing is opened, so that every choice meets the same loads.
  private func choices(
    _ servers: [(weight: Int32, active: UInt32)], overloaded: Set<Int> = [], rounds: Int = 40_000
  ) throws -> [Double] {
    let state = MemoryPlatform.State()
    let vip = TestAddress("10.9.9.1")
    let service = state.addService(
      svs_service_key(vip: vip.value, port: UInt16(80).bigEndian, proto: 6, family: 2),
      scheduler: schedulerNumber("twos"))
    var numbers: [UInt32] = []
    for (position, server) in servers.enumerated() {
      var record = svs_server()
      record.weight = server.weight
      record.active = server.active
      record.overloaded = overloaded.contains(position) ? 1 : 0
      numbers.append(state.addServer(record, to: service))
    }
    let record = try #require(state.serviceRecords.find(service))
    // Any seed but 0; a fixed one, so that the test means the same in every run.
    record.pointee.cursor = 0x5eed
    let flow = svs_flow_key(
      src: vip.value, dst: vip.value, sport: 1, dport: UInt16(80).bigEndian, proto: 6, family: 2)
    var counts = [Double](repeating: 0, count: servers.count + 1)
    for _ in 0..<rounds {
      let choice = Schedulers.pick(record, flow, MemoryPlatform(state))
      counts[choice == 0 ? servers.count : try #require(numbers.firstIndex(of: choice - 1))] += 1
    }
    return counts.map { $0 / Double(rounds) }
  }

  /// Four and a half standard deviations of 40,000 draws at most.
  private let tolerance = 0.012

  private func expect(_ shares: [Double], _ expected: [Double]) {
    for (share, wanted) in zip(shares, expected) {
      #expect(abs(share - wanted) < tolerance, "\(shares), not \(expected)")
    }
  }

  @Test func betweenIdleServersWeightsDecide() throws {
    // All overheads are 0, so that the first draw stands.
    expect(try choices([(1, 0), (1, 0), (2, 0)]), [0.25, 0.25, 0.5, 0])
    expect(try choices([(1, 0), (0, 0), (3, 0)]), [0.25, 0, 0.75, 0])
  }

  @Test func theLessLoadedOfTwoIsTaken() throws {
    // The busiest wins only against itself, the idlest always: (1/3)², and what is left.
    expect(try choices([(1, 2), (1, 1), (1, 0)]), [1 / 9, 3 / 9, 5 / 9, 0])
    // Load counts by weight: 4 connections on weight 2 are as much as 2 on weight 1, and less than 3.
    expect(try choices([(2, 4), (1, 3)]), [1 - 1 / 9, 1 / 9, 0])
  }

  @Test func serversThatTakeNoneAreNeverDrawn() throws {
    expect(try choices([(5, 0), (1, 0)], overloaded: [0]), [0, 1, 0])
    expect(try choices([(0, 0), (0, 0)], rounds: 100), [0, 0, 1])
    expect(try choices([], rounds: 100), [1])
  }
}
