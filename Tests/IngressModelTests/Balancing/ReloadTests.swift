@testable import IngressModel
import Testing

@Suite("Reloads keep what is known of servers")
struct ReloadTests {
  private func service(_ weights: [Int], checked: Bool = true) -> BackendService {
    .servers(weights) {
      $0.breaker = CircuitBreaker(failures: 1, pause: .seconds(10))
      if checked { $0.healthCheck = HealthCheck(path: "/") }
    }
  }

  @Test("Counters, health and breakers of servers that stay; others begin anew")
  func inheritance() throws {
    let old = try ServicePools([service([1, 1, 1])])
    let servers = try #require(old["shop"]).servers
    servers[0].finish(servers[0].begin(at: .second(1)), RequestOutcome(status: 200), at: .second(2))
    servers[1].record(.timeout, at: .second(3))
    servers[2].finish(servers[2].begin(at: .second(4)), RequestOutcome(failure: .connect), at: .second(4))

    let new = try ServicePools([service([5, 1, 1, 1])], inheriting: old)
    let after = try #require(new["shop"]).servers
    #expect(after[0].server.weight == 5)
    #expect(servers[0].server.weight == 1, "the pool in use has not changed")
    #expect(after[0].totals.requests == 1)
    #expect(after[1].health == .down(since: .second(3), reason: "no answer within 5.0 seconds"))
    #expect(after[2].breakerState == .open(until: .second(14)))
    #expect(after[3].totals == RequestTotals())
    #expect(after[3].health == .unknown)
    #expect(new["shop"]?.totals.requests == 2)
    let chosen = Set((0..<12).compactMap { _ in new["shop"]?.choose(at: .second(5))?.number })
    #expect(chosen == ["1", "4"])
  }

  @Test("Requests that began before a reload are open, and end, in the new pool too")
  func openRequests() throws {
    let old = try ServicePools([service([1])])
    let before = try #require(old["shop"]?.servers.first)
    let request = before.begin(at: .second(1))
    let new = try ServicePools([service([1])], inheriting: old)
    let after = try #require(new["shop"]?.servers.first)
    #expect(after.openRequests == 1)
    before.finish(request, RequestOutcome(status: 200), at: .second(2))
    #expect(after.openRequests == 0)
    #expect(after.totals.requests == 1)
    // A retry across the reload does not go to the server that failed.
    #expect(new["shop"]?.choose(excluding: [before], at: .second(2)) == nil)
  }

  @Test("A server that was down is not so for ever when its service has no health check any more")
  func checkRemoved() throws {
    let old = try ServicePools([service([1])])
    old["shop"]?.servers.first?.record(.timeout, at: .second(1))
    let new = try ServicePools([service([1], checked: false)], inheriting: old)
    #expect(new["shop"]?.choose(at: .second(2)) != nil)
    #expect(old["shop"]?.choose(at: .second(2)) == nil)
  }

  @Test("Reloads before each request do not favour the first server")
  func turns() throws {
    var pools = try ServicePools([service([1, 1, 1])])
    var numbers: [String] = []
    for _ in 0..<9 {
      pools = try ServicePools([service([1, 1, 1])], inheriting: pools)
      numbers.append(try #require(pools["shop"]?.choose(at: .second(1))).number)
    }
    #expect(numbers == ["1", "2", "3", "1", "2", "3", "1", "2", "3"])
  }
}
