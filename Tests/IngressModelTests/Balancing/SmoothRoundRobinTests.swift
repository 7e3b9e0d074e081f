@testable import IngressModel
import Testing

@Suite("Smooth weighted round robin")
struct SmoothRoundRobinTests {
  private func picks(_ weights: [Int], _ count: Int, isUsable: (Int) -> Bool = { _ in true }) -> [Int?] {
    var robin = SmoothRoundRobin(count: weights.count)
    return (0..<count).map { _ in robin.next(weights: weights, isUsable: isUsable) }
  }

  @Test(
    "Turns are spread evenly",
    arguments: [
      ([5, 1, 1], [0, 0, 1, 0, 2, 0, 0]), ([1, 1, 1], [0, 1, 2]), ([3, 2], [0, 1, 0, 1, 0]), ([0, 1], [1, 1]),
      ([4], [0, 0, 0]),
    ])
  func sequence(weights: [Int], expected: [Int]) { #expect(picks(weights, expected.count) == expected) }

  @Test("Each cycle gives each member exactly its weight, and begins anew")
  func exactShares() {
    var random = RepeatableRandom(1)
    for _ in 0..<200 {
      let weights = (0..<Int.random(in: 1...8, using: &random)).map { _ in Int.random(in: 0...9, using: &random) }
      let cycle = weights.reduce(0, +)
      let drawn = picks(weights, cycle * 2)
      for round in [drawn.prefix(cycle), drawn.suffix(cycle)] {
        let shares = weights.indices.map { index in round.count { $0 == index } }
        #expect(shares == weights)
      }
      #expect(Array(drawn.prefix(cycle)) == Array(drawn.suffix(cycle)))
    }
  }

  @Test("Members that are not usable have no turn and leave no gap")
  func unusable() {
    #expect(picks([2, 1, 1], 6) { $0 != 0 } == [1, 2, 1, 2, 1, 2])
    #expect(picks([2, 1], 2) { _ in false } == [nil, nil])
    #expect(picks([0, 0], 1) == [nil])
    #expect(picks([], 1) == [nil])
  }

  @Test("A member that comes back does not get all that it missed")
  func comingBack() {
    var robin = SmoothRoundRobin(count: 2)
    for _ in 0..<1000 { _ = robin.next(weights: [1, 1]) { $0 == 0 } }
    let after = (0..<10).map { _ in robin.next(weights: [1, 1]) { _ in true } }
    #expect(after.count { $0 == 1 } == 5)
  }
}
