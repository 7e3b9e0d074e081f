@testable import IngressModel
import Testing

@Suite("Source hash")
struct SourceHashTests {
  private func assign(_ weights: [Int], clients: Int, isUsable: (Int) -> Bool = { _ in true }) throws -> [Int] {
    let ids = weights.indices.map { StableHash.of("http://10.0.0.\($0):80".utf8) }
    return try (0..<clients).map { client in
      let address = try #require(ClientAddress.v4(client))
      let picked = SourceHash.pick(address, weights: weights, ids: ids, isUsable: isUsable)
      return try #require(picked)
    }
  }

  @Test("When a server goes, its clients alone move; when it is back, they return")
  func consistency() throws {
    let before = try assign([1, 1, 1, 1], clients: 4000)
    let without = try assign([1, 1, 1, 1], clients: 4000) { $0 != 2 }
    for (old, new) in zip(before, without) {
      if old == 2 { #expect(new != 2) } else { #expect(new == old) }
    }
    // Its clients spread over all that stay.
    let moved = zip(before, without).filter { $0.0 == 2 }.map(\.1)
    for server in [0, 1, 3] { #expect(moved.count { $0 == server } > moved.count / 5) }
    #expect(try assign([1, 1, 1, 1], clients: 4000) == before)
  }

  @Test("Clients spread by weight", arguments: [[1, 1, 1], [1, 2, 5], [10, 1], [0, 1, 1]])
  func shares(weights: [Int]) throws {
    let clients = 20_000
    let assigned = try assign(weights, clients: clients)
    let total = Double(weights.reduce(0, +))
    for (server, weight) in weights.enumerated() {
      let share = Double(assigned.count { $0 == server }) / Double(clients)
      // Four standard deviations of a share of 20,000 are at most 0.0142.
      #expect(abs(share - Double(weight) / total) < 0.0142)
    }
  }

  @Test("The hash is the same in every process: these values never change")
  func stability() {
    #expect(StickyCookie.value(of: Server(host: "10.0.0.1", port: 80)) == "816a5649503fe84b")
    #expect(StickyCookie.value(of: Server(scheme: .https, host: "fd00::1", port: 8443)) == "ed41784638bb3f23")
  }

  @Test("A pool hashes the client, and takes turns where there is none")
  func pool() throws {
    let pool = try #require(try ServicePools([.servers([1, 1, 1]) { $0.strategy = .sourceHash }])["shop"])
    let client = try #require(ClientAddress.v4(77))
    let seen = Set(try (0..<20).map { _ in try #require(pool.choose(client: client, at: .second(1))).number })
    #expect(seen.count == 1)
    let turns = Set(try (0..<3).map { _ in try #require(pool.choose(at: .second(1))).number })
    #expect(turns.count == 3)
  }
}
