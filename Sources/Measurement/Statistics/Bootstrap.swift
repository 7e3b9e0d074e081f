/// Confidence intervals of a median or quantile, and of the ratio of two, by bootstrap.
///
/// A quantile of a resample of n values is the value at the place that an order statistic of n even random numbers
/// takes. That place is drawn at once, from its beta distribution, in place of n values: the intervals are those of a
/// plain percentile bootstrap (Efron, 1979), and a million values cost no more than ten. Values that depend on each
/// other, as seconds of one run do, make an interval too narrow.
public struct Bootstrap: Sendable {
  /// The share of such intervals that hold the true value.
  public var confidence: Double
  public var resamples: Int
  public var seed: UInt64

  public init(confidence: Double = 0.95, resamples: Int = 10_000, seed: UInt64 = 1) {
    self.confidence = confidence
    self.resamples = resamples
    self.seed = seed
  }

  /// Which place of a distribution is looked at.
  public enum Statistic: Hashable, Sendable {
    case median
    case quantile(Double)

    public func value(_ distribution: Distribution) -> Double? {
      switch self {
      case .median: distribution.median
      case .quantile(let share): distribution.quantile(share)
      }
    }
  }

  /// Nil of fewer than two values.
  public func interval(_ statistic: Statistic, of distribution: Distribution) -> ClosedRange<Double>? {
    var generator = SeededGenerator(seed: seed)
    guard distribution.count > 1 else { return nil }
    return bounds((0..<resamples).map { _ in draw(statistic, distribution, &generator) })
  }

  /// The interval of `after`'s statistic divided by `before`'s; nil of fewer than two values, or where `before` is 0.
  public func ratio(
    _ statistic: Statistic, of after: Distribution, to before: Distribution
  ) -> ClosedRange<Double>? {
    var generator = SeededGenerator(seed: seed)
    guard after.count > 1, before.count > 1 else { return nil }
    var ratios: [Double] = []
    ratios.reserveCapacity(resamples)
    for _ in 0..<resamples {
      let divisor = draw(statistic, before, &generator)
      guard divisor != 0 else { return nil }
      ratios.append(draw(statistic, after, &generator) / divisor)
    }
    return bounds(ratios)
  }

  private func draw(
    _ statistic: Statistic, _ distribution: Distribution, _ generator: inout SeededGenerator
  ) -> Double {
    let count = distribution.count
    switch statistic {
    case .median where count % 2 == 0:
      // Two neighbouring order statistics, together.
      let below = generator.gamma(Double(count / 2))
      let between = generator.exponential()
      let sum = below + between + generator.gamma(Double(count / 2))
      return (value(distribution, below / sum) + value(distribution, (below + between) / sum)) / 2
    case .median: return orderStatistic(count / 2 + 1, distribution, &generator)
    case .quantile(let share): return orderStatistic(Distribution.rank(share, of: count), distribution, &generator)
    }
  }

  private func orderStatistic(
    _ rank: Int, _ distribution: Distribution, _ generator: inout SeededGenerator
  ) -> Double {
    let below = generator.gamma(Double(rank))
    return value(distribution, below / (below + generator.gamma(Double(distribution.count + 1 - rank))))
  }

  private func value(_ distribution: Distribution, _ place: Double) -> Double {
    let rank = max(1, min(distribution.count, Int((place * Double(distribution.count)).rounded(.up))))
    return distribution.value(rank: rank) ?? .nan
  }

  private func bounds(_ values: [Double]) -> ClosedRange<Double>? {
    let drawn = Distribution(values)
    let tail = (1 - confidence) / 2
    guard let low = drawn.quantile(tail), let high = drawn.quantile(1 - tail) else { return nil }
    return low...high
  }
}
