/// What an order of times comes to.
public struct LatencySummary: Hashable, Sendable {
  public var count: Int
  /// Microseconds.
  public var minimum, mean, median, p90, p99, maximum: Double

  public init?(_ times: [Double]) {
    guard !times.isEmpty else { return nil }
    let sorted = times.sorted()
    /// The smallest time that at least this share of all does not exceed.
    func percentile(_ share: Double) -> Double {
      sorted[min(sorted.count - 1, max(0, Int((share * Double(sorted.count)).rounded(.up)) - 1))]
    }
    count = sorted.count
    minimum = sorted[0]
    maximum = sorted[sorted.count - 1]
    mean = sorted.reduce(0, +) / Double(sorted.count)
    median = percentile(0.5)
    p90 = percentile(0.9)
    p99 = percentile(0.99)
  }
}

extension TextReport {
  func latency(_ latency: LatencyUnderLoad) -> [String] {
    var lines = ["", "Round trips beside the test, milliseconds:"]
    lines.append("            Count      Min     Mean   Median      p90      p99      Max")
    for (name, times) in [("idle", latency.idle), ("loaded", latency.loaded)] {
      guard let summary = LatencySummary(times) else { continue }
      let figures = [summary.minimum, summary.mean, summary.median, summary.p90, summary.p99, summary.maximum]
      lines.append(
        "  " + name.atLeft(8) + formatted("%7d", Int32(summary.count))
          + figures.map { formatted("%9.3f", $0 / 1000) }.joined())
    }
    if let idle = LatencySummary(latency.idle), let loaded = LatencySummary(latency.loaded), idle.median > 0 {
      lines.append(
        formatted("  Under load the median is %.1f times, the p99 %.1f times that of the idle path.",
          loaded.median / idle.median, loaded.p99 / idle.p99))
    }
    if latency.unanswered > 0 { lines.append("  Without an answer when the test ended: \(latency.unanswered)") }
    return lines
  }
}
