/// The member with the fewest open requests for its weight.
enum LeastConnections {
  /// Whether one member is less loaded than another: by (open + 1) / weight, the load with the next request on it.
  ///
  /// Cross-multiplied: a quotient of integers would make unlike loads equal.
  static func isLess(_ open: Int, _ weight: Int, than otherOpen: Int, _ otherWeight: Int) -> Bool {
    (open + 1) * otherWeight < (otherOpen + 1) * weight
  }

  /// Members with the least load; their turns are another's to take. O(members).
  static func candidates(weights: [Int], open: (Int) -> Int, isUsable: (Int) -> Bool) -> (first: Int, more: [Int])? {
    var best: (first: Int, more: [Int])?
    var load = 0
    for index in weights.indices where weights[index] > 0 && isUsable(index) {
      let count = open(index)
      guard let known = best else {
        (best, load) = ((index, []), count)
        continue
      }
      if isLess(count, weights[index], than: load, weights[known.first]) {
        (best, load) = ((index, []), count)
      } else if !isLess(load, weights[known.first], than: count, weights[index]) {
        best?.more.append(index)
      }
    }
    return best
  }
}
