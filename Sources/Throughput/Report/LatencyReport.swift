import Measurement

extension TextReport {
  func latency(_ latency: LatencyUnderLoad) -> [String] {
    var lines = ["", "Round trips beside the test, milliseconds:"]
    lines.append("            Count      Min     Mean   Median      p90      p99      Max")
    for (name, times) in [("idle", latency.idle), ("loaded", latency.loaded)] {
      guard let summary = Distribution(times).summary else { continue }
      let figures = [summary.minimum, summary.mean, summary.median, summary.p90, summary.p99, summary.maximum]
      lines.append(
        "  " + name.atLeft(8) + formatted("%7d", Int32(summary.count))
          + figures.map { formatted("%9.3f", $0 / 1000) }.joined())
    }
    if let idle = Distribution(latency.idle).summary, let loaded = Distribution(latency.loaded).summary,
      idle.median > 0, idle.p99 > 0
    {
      lines.append(
        formatted(
          "  Under load the median is %.1f times, the p99 %.1f times that of the idle path.",
          loaded.median / idle.median, loaded.p99 / idle.p99))
    }
    if latency.unanswered > 0 { lines.append("  Without an answer when the test ended: \(latency.unanswered)") }
    return lines
  }
}
