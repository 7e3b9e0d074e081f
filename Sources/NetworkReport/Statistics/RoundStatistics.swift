import Glibc
import Measurement

/// What values of several rounds come to, and whether two series of rounds differ.
enum RoundStatistics {
  /// From so many rounds on a bootstrap alone is wide enough; see ``interval(_:resamples:)``.
  static let roundsForBootstrap = 20
  /// More rounds than this are nobody's plan.
  static let mostRoundsToAskFor = 1000

  static func estimate(_ values: [RoundValue]) -> Estimate {
    let values = values.filter(\.value.isFinite)
    return Estimate(
      median: Distribution(values.map(\.value)).median, interval: interval(values.map(\.value)), values: values)
  }

  /// An interval that holds the true value 95 times in 100; nil of fewer than three values.
  ///
  /// The percentile bootstrap of a median knows no values beyond those that it has seen, and of few it is too narrow: of
  /// three its interval reaches from the least to the largest, which one time in four are both on one side of the truth,
  /// of seven it leaves the two outermost out, and holds the truth 87 times in 100. Up to twenty rounds it is therefore
  /// widened to the interval of a trimmed mean (Tukey and McLaughlin, 1963), of logarithms where there are any: that
  /// takes the rounds' noise for about normal in the middle, and bears a wild round where there are six or more.
  static func interval(_ values: [Double], resamples: Int = 10_000) -> ConfidenceInterval? {
    let values = values.filter(\.isFinite)
    guard values.count >= 3, let least = values.min(), let largest = values.max() else { return nil }
    // Equal values give themselves back, whatever logarithms do to their last digits.
    guard least < largest else { return ConfidenceInterval(low: least, high: largest) }
    guard let drawn = Bootstrap(resamples: resamples).interval(.median, of: Distribution(values)) else { return nil }
    guard values.count < roundsForBootstrap else {
      return ConfidenceInterval(low: drawn.lowerBound, high: drawn.upperBound)
    }
    guard let trimmed = trimmedInterval(values) else { return nil }
    return ConfidenceInterval(low: min(drawn.lowerBound, trimmed.low), high: max(drawn.upperBound, trimmed.high))
  }

  private static func trimmedInterval(_ values: [Double]) -> ConfidenceInterval? {
    let takesLogarithms = values.allSatisfy { $0 > 0 }
    let sorted = (takesLogarithms ? values.map { log($0) } : values).sorted()
    let count = sorted.count
    // A fifth at either end; of fewer than six nothing can be spared.
    let cut = count < 6 ? 0 : count / 5
    let kept = sorted[cut..<(count - cut)]
    guard let first = kept.first, let last = kept.last, let mean = Distribution(Array(kept)).mean,
      let deviation = Distribution(sorted.map { max(first, min(last, $0)) }).standardDeviation
    else { return nil }
    let error = deviation / (Double(kept.count) / Double(count) * Double(count).squareRoot())
    let reach = studentQuantile(kept.count - 1) * error
    let bounds = takesLogarithms ? (exp(mean - reach), exp(mean + reach)) : (mean - reach, mean + reach)
    guard bounds.0.isFinite, bounds.1.isFinite else { return nil }
    // What is counted, as segments that were sent again, is none at the least.
    let isNeverNegative = sorted.allSatisfy { $0 >= 0 } && !takesLogarithms
    return ConfidenceInterval(low: isNeverNegative ? max(0, bounds.0) : bounds.0, high: bounds.1)
  }

  /// The 97.5th percentile of Student's distribution with so many degrees of freedom, of which fewer than 13 are needed.
  private static func studentQuantile(_ freedom: Int) -> Double {
    let table = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179]
    return table[max(0, min(table.count - 1, freedom - 1))]
  }

  /// The first divided by the second, each round by itself; rounds that lack one of the two are left out.
  static func ratio(
    of subject: (name: String, values: [RoundValue]), to reference: (name: String, values: [RoundValue]),
    quantity: String, isMoreBetter: Bool, goal: (kind: PairedRatio.Goal.Kind, bound: Double)? = nil
  ) -> PairedRatio {
    let references = byRound(reference.values)
    let ratios = byRound(subject.values).compactMap { round, value -> RoundValue? in
      guard let divisor = references[round], divisor > 0, value >= 0 else { return nil }
      let ratio = value / divisor
      return ratio.isFinite ? RoundValue(round: round, value: ratio) : nil
    }.sorted { $0.round < $1.round }
    let plain = ratios.map(\.value)
    let interval = interval(plain)
    let ratio = Distribution(plain).median
    let verdict: Verdict = interval.map { $0.contains(1) ? .withinNoise : .differs } ?? .undecided
    return PairedRatio(
      quantity: quantity, isMoreBetter: isMoreBetter, subject: subject.name, reference: reference.name, ratio: ratio,
      interval: interval, values: ratios, verdict: verdict,
      roundsToDecide: verdict == .differs ? nil : roundsToDecide(plain),
      goal: goal.map { standing($0.kind, $0.bound, ratio, interval) })
  }

  /// A round that was measured more than once counts once, with its median.
  private static func byRound(_ values: [RoundValue]) -> [Int: Double] {
    Dictionary(grouping: values.filter(\.value.isFinite), by: \.round).compactMapValues {
      Distribution($0.map(\.value)).median
    }
  }

  /// How many rounds of the same noise would tell the ratio from 1; nil where it is 1, or there is no noise to go by.
  static func roundsToDecide(_ ratios: [Double]) -> Int? {
    guard ratios.count >= 2, ratios.allSatisfy({ $0 > 0 && $0.isFinite }) else { return nil }
    let logarithms = Distribution(ratios.map { log($0) })
    guard let mean = logarithms.mean, let deviation = logarithms.standardDeviation, deviation > 0, mean != 0 else {
      return nil
    }
    // Student's quantile comes near 2.1 from some fifteen rounds on; of fewer it is larger.
    let needed = (2.1 * deviation / mean) * (2.1 * deviation / mean)
    guard needed < Double(mostRoundsToAskFor) else { return nil }
    return max(ratios.count + 1, Int(needed.rounded(.up)) + 2, 3)
  }

  private static func standing(
    _ kind: PairedRatio.Goal.Kind, _ bound: Double, _ ratio: Double?, _ interval: ConfidenceInterval?
  ) -> PairedRatio.Goal {
    func keeps(_ value: Double) -> Bool { kind == .atLeast ? value >= bound : value <= bound }
    let standing: PairedRatio.Goal.Standing
    if let ratio {
      // Without an interval nobody knows how far the true ratio may be.
      let ends = interval.map { [$0.low, $0.high] } ?? [-.infinity, .infinity]
      standing =
        switch (keeps(ratio), ends.allSatisfy(keeps), ends.contains(where: keeps)) {
        case (true, true, _): .reached
        case (true, false, _): .reachedWithinNoise
        case (false, _, true): .missedWithinNoise
        case (false, _, false): .missed
        }
    } else {
      standing = .notMeasured
    }
    return PairedRatio.Goal(kind: kind, bound: bound, standing: standing)
  }
}
