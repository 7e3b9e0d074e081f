/// Weighted round robin whose turns of one member are spread evenly: a a b a a, not a a a a b.
///
/// Each pick adds every usable member's weight to its credit, takes the one with the most, and takes the sum from it.
public struct SmoothRoundRobin: Hashable, Sendable {
  private(set) var credits: [Int]

  public init(count: Int) { credits = Array(repeating: 0, count: count) }

  /// Credits from before a reload, so that frequent reloads do not favour the first member.
  init(credits: [Int]) { self.credits = credits }

  /// O(members); nil if none is usable or all that are have weight 0.
  public mutating func next(weights: [Int], isUsable: (Int) -> Bool) -> Int? {
    var best: Int?
    var total = 0
    for index in weights.indices where weights[index] > 0 && isUsable(index) {
      credits[index] += weights[index]
      total += weights[index]
      if let known = best, credits[known] >= credits[index] { continue }
      best = index
    }
    if let best { credits[best] -= total }
    return best
  }
}
