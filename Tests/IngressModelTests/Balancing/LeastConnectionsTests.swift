@testable import IngressModel
import Testing

@Suite("Least connections")
struct LeastConnectionsTests {
  @Test(
    "The least load for the weight; equals are all candidates",
    arguments: [
      ([1, 1, 1], [3, 1, 2], [1]), ([1, 1, 1], [1, 1, 2], [0, 1]), ([1, 2, 4], [0, 1, 3], [0, 1, 2]),
      ([10, 1], [8, 0], [0]), ([10, 1], [9, 0], [0, 1]), ([10, 1], [10, 0], [1]), ([0, 1], [0, 50], [1]),
    ])
  func candidates(weights: [Int], open: [Int], expected: [Int]) throws {
    let best = try #require(
      LeastConnections.candidates(weights: weights, open: { open[$0] }, isUsable: { _ in true }))
    #expect([best.first] + best.more == expected)
  }

  @Test("Open requests decide, and end when they are finished")
  func pool() throws {
    let pool = try #require(
      try ServicePools([.servers([1, 1]) { $0.strategy = .leastConnections }])["shop"])
    let first = try #require(pool.choose(at: .second(1)))
    let request = first.server.begin(at: .second(1))
    for _ in 0..<4 {
      let next = try #require(pool.choose(at: .second(1)))
      #expect(next.server !== first.server)
    }
    first.server.finish(request, RequestOutcome(status: 200), at: .second(2))
    #expect(first.server.openRequests == 0)
    let idle = Set(try (0..<4).map { _ in try #require(pool.choose(at: .second(2))).number })
    #expect(idle == ["1", "2"], "idle servers take turns")
  }

  @Test("Under load, open requests settle at the ratio of the weights")
  func ratio() throws {
    let pool = try #require(
      try ServicePools([.servers([1, 3]) { $0.strategy = .leastConnections }])["shop"])
    for _ in 0..<400 { _ = try #require(pool.choose(at: .second(1))).server.begin(at: .second(1)) }
    #expect(pool.servers.map(\.openRequests) == [100, 300])
  }
}
