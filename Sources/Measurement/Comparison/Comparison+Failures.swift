extension Comparison {
  /// What failed of one thing, in either result.
  public struct FailureRow: Codable, Sendable {
    public var subject: String
    public var failuresBefore: Int
    public var totalBefore: Int
    public var failuresAfter: Int
    public var totalAfter: Int
    /// Kinds of outcomes that the second result has and the first one has not: `status 503`, `cannot connect: …`.
    public var newKinds: [String: Int]
    public var verdict: Verdict

    init(_ before: Outcomes, _ after: Outcomes) {
      subject = after.subject
      (failuresBefore, totalBefore) = (before.failures, before.total)
      (failuresAfter, totalAfter) = (after.failures, after.total)
      newKinds = after.kinds.filter { before.kinds[$0.key] == nil }
      verdict = FailureRow.verdict((before.failures, before.total), (after.failures, after.total))
    }

    /// A failure where there was none is worse, however rare; other rates must differ by more than noise.
    static func verdict(_ before: (Int, Int), _ after: (Int, Int)) -> Verdict {
      switch (before.0, after.0) {
      case (0, 0): return .noise
      case (0, _): return .worse
      default:
        let interval = difference(before, after)
        return interval.contains(0) ? .noise : interval.lowerBound > 0 ? .worse : .better
      }
    }

    /// The interval that holds the difference of two shares 95 times in 100 (Newcombe, 1998, method 10, by Wilson's
    /// intervals of each).
    static func difference(_ before: (Int, Int), _ after: (Int, Int)) -> ClosedRange<Double> {
      guard before.1 > 0, after.1 > 0 else { return -1...1 }
      let (old, new) = (Double(before.0) / Double(before.1), Double(after.0) / Double(after.1))
      let (first, second) = (wilson(before), wilson(after))
      func root(_ a: Double, _ b: Double) -> Double { (a * a + b * b).squareRoot() }
      let low = new - old - root(new - second.lowerBound, first.upperBound - old)
      return low...max(low, new - old + root(second.upperBound - new, old - first.lowerBound))
    }

    private static func wilson(_ share: (Int, Int)) -> ClosedRange<Double> {
      let (count, part, z) = (Double(share.1), Double(share.0) / Double(share.1), 1.959964)
      let middle = (part + z * z / (2 * count)) / (1 + z * z / count)
      let half = z / (1 + z * z / count) * (part * (1 - part) / count + z * z / (4 * count * count)).squareRoot()
      return max(0, middle - half)...min(1, middle + half)
    }
  }

  mutating func compareOutcomes(_ before: [Outcomes]?, _ after: [Outcomes]?) {
    guard let before, let after else {
      guard (before == nil) != (after == nil) else { return }
      let which = before == nil ? "first" : "second"
      remarks.append("The \(which) result does not tell what failed; failures are not compared.")
      return
    }
    let isSingle = Set(before.map(\.subject)).count == 1 && Set(after.map(\.subject)).count == 1
    for (new, old) in Self.partners(of: after, in: before, by: { [isSingle ? "" : $0.subject] }) {
      // Of what was not tried before, nothing could fail.
      guard let old, old.total > 0 else {
        if new.failures > 0 {
          remarks.append("\(new.subject) is in the second result only; \(new.failures) of \(new.total) failed.")
        }
        continue
      }
      let row = FailureRow(old, new)
      if row.failuresBefore + row.failuresAfter > 0 { failures.append(row) }
      // A redirection to a page of excuses is fast and no failure.
      if row.failuresBefore + row.failuresAfter == 0, !row.newKinds.isEmpty {
        remarks.append("\(new.subject): new in the second result: \(FailureRow.list(row.newKinds)).")
      }
    }
  }
}
