import Glibc
import Testing

@testable import NetworkReport

@Suite("What rounds come to")
struct RoundStatisticsTests {
  private func ratio(_ subject: [Double], _ reference: [Double]) -> PairedRatio {
    RoundStatistics.ratio(
      of: ("a", rounds(subject)), to: ("b", rounds(reference)), quantity: "throughput", isMoreBetter: true)
  }

  @Test("Of counts, of which some are none, no interval goes below none")
  func counts() throws {
    let interval = try #require(RoundStatistics.interval([0, 12, 0, 340]))
    #expect(interval.low == 0 && interval.high >= 340)
    #expect(try #require(RoundStatistics.interval([-3, 12, 0, 340])).low < -3)
  }

  @Test(
    "Intervals hold the true value about 95 times in 100, of few rounds too", arguments: [3, 4, 5, 6, 7, 8, 10, 13, 24])
  func coverage(count: Int) {
    var generator = Seeded(state: UInt64(count))
    var held = 0
    let trials = 300
    for _ in 0..<trials {
      let values = (0..<count).map { _ in 10 * exp(0.1 * generator.normal()) }
      if RoundStatistics.interval(values, resamples: 400)?.contains(10) == true { held += 1 }
    }
    #expect(Double(held) / Double(trials) > 0.9, "\(held) of \(trials)")
  }

  @Test("A wild round among seven does not hide a difference")
  func wildRound() throws {
    let interval = try #require(RoundStatistics.interval([1.27, 1.25, 1.3, 1.28, 1.26, 1.29, 0.3]))
    #expect(interval.low > 1 && interval.high < 1.5, "\(interval)")
  }

  @Test("Two things that are the same are seldom called different", arguments: [3, 4, 6, 8])
  func falseAlarms(count: Int) {
    var generator = Seeded(state: UInt64(100 + count))
    var different = 0
    for _ in 0..<300 {
      let ratios = (0..<count).map { _ in (10 + generator.normal()) / (10 + generator.normal()) }
      if RoundStatistics.interval(ratios, resamples: 400)?.contains(1) == false { different += 1 }
    }
    #expect(different < 30, "\(different) of 300")
  }

  @Test("A clear difference is told, and which way")
  func difference() throws {
    let faster = ratio([12.1, 12.0, 11.9, 12.2], [10.0, 10.1, 9.9, 10.2])
    #expect(faster.verdict == .differs)
    let interval = try #require(faster.interval)
    #expect(interval.low > 1.15 && interval.high < 1.25)
    #expect(faster.roundsToDecide == nil)
    #expect(try #require(faster.lossPercent) < -15)
    let slower = ratio([5.7, 5.6, 5.8, 5.7], [10.0, 10.1, 9.9, 10.2])
    let loss = try #require(slower.lossPercentInterval)
    #expect(loss.low < loss.high && loss.low > 40 && loss.high < 47)
    #expect(slower.lossPercent.map(loss.contains) == true)
  }

  @Test("Rounds are paired, so that a slow round slows both")
  func pairing() {
    // Both halve from round to round; their ratio does not move.
    let paired = ratio([8, 4.05, 2, 1.01], [10, 5, 2.5, 1.25])
    #expect(paired.verdict == .differs)
    let partial = RoundStatistics.ratio(
      of: ("a", [RoundValue(round: 1, value: 2), RoundValue(round: 3, value: 9)]),
      to: ("b", [RoundValue(round: 2, value: 5), RoundValue(round: 3, value: 3)]), quantity: "x", isMoreBetter: true)
    #expect(partial.values == [RoundValue(round: 3, value: 3)])
  }

  @Test("Nothing, one value, NaN, zeros and infinities decide nothing")
  func adversarial() {
    for (subject, reference) in [
      ([], []), ([1.0], [2.0]), ([1, 2], [1, 2]), ([.nan, .nan, .nan], [1, 2, 3]), ([1, 2, 3], [0, 0, 0]),
      ([.infinity, 1, 2], [1, .nan, 2]), ([1, 2, 3], []), ([1, 2, 3], [-1, -1, -1]), ([-1, -2, -3], [1, 1, 1]),
      ([1e308, 1e308, 1e308], [1e-308, 1e-308, 1e-308]),
    ] as [([Double], [Double])] {
      let ratio = ratio(subject, reference)
      #expect(ratio.verdict == .undecided, "\(subject) \(reference)")
      #expect(ratio.interval == nil)
      #expect(ratio.ratio?.isFinite != false)
      #expect(ratio.values.allSatisfy { $0.value.isFinite })
    }
    let estimate = RoundStatistics.estimate(rounds([.nan, 4, .infinity]))
    #expect(estimate.median == 4 && estimate.interval == nil && estimate.values.map(\.round) == [2])
    #expect(RoundStatistics.estimate([]) == Estimate())
  }

  @Test("Rounds that are all zero are a ratio of zero, and differ from one")
  func zeros() {
    let ratio = ratio([0, 0, 0, 0], [1, 2, 3, 4])
    #expect(ratio.ratio == 0 && ratio.verdict == .differs && ratio.interval == ConfidenceInterval(low: 0, high: 0))
  }

  @Test("Equal values have an interval of no width, without the errors of logarithms")
  func equal() {
    #expect(RoundStatistics.interval([7.3, 7.3, 7.3]) == ConfidenceInterval(low: 7.3, high: 7.3))
    let ratio = ratio([3, 3, 3], [3, 3, 3])
    #expect(ratio.verdict == .withinNoise && ratio.roundsToDecide == nil)
  }

  @Test("How many rounds would decide grows with the noise, and does decide")
  func roundsToDecide() throws {
    let quiet = try #require(RoundStatistics.roundsToDecide([1.05, 0.99, 1.06, 1.0]))
    let loud = try #require(RoundStatistics.roundsToDecide([1.3, 0.8, 1.3, 0.85]))
    #expect(quiet > 4 && loud > quiet)
    #expect(RoundStatistics.roundsToDecide([1, 1, 1]) == nil)
    #expect(RoundStatistics.roundsToDecide([1.2]) == nil)
    #expect(RoundStatistics.roundsToDecide([1.5, 0.6667, 1.5, 0.6667]) == nil)
    var generator = Seeded(state: 5)
    let sample = (0..<5).map { _ in exp(0.03 + 0.05 * generator.normal()) }
    if let needed = RoundStatistics.roundsToDecide(sample) {
      let more = (0..<(3 * needed)).map { _ in exp(0.03 + 0.05 * generator.normal()) }
      #expect(ratio(more, more.map { _ in 1 }).verdict == .differs)
    }
  }

  @Test(
    "A goal is reached for sure, within noise, or not",
    arguments: [
      ([0.95, 0.951, 0.949, 0.95], PairedRatio.Goal.Standing.reached), ([0.5, 0.51, 0.49, 0.5], .missed),
      ([0.8, 1.05, 0.85, 1.1], .reachedWithinNoise), ([0.7, 1.0, 0.75, 0.98], .missedWithinNoise), ([], .notMeasured),
      ([0.95], .reachedWithinNoise), ([0.8, 0.85], .missedWithinNoise),
    ])
  func goals(values: [Double], standing: PairedRatio.Goal.Standing) {
    let ratio = RoundStatistics.ratio(
      of: ("a", rounds(values)), to: ("b", rounds(values.map { _ in 1 })), quantity: "x", isMoreBetter: true,
      goal: (.atLeast, 0.9))
    #expect(ratio.goal?.standing == standing, "\(String(describing: ratio.interval))")
  }
}
