import Measurement

/// How figures and verdicts read in a sentence.
enum Wording {
  /// `10.4 Gbit/s (9.90 to 10.8)`.
  static func estimate(_ estimate: Estimate, _ unit: String) -> String {
    guard let median = estimate.median else { return "no value" }
    return "\(Figures.significant(median)) \(unit)" + (estimate.interval.map { " (\(interval($0)))" } ?? "")
  }

  static func interval(_ interval: ConfidenceInterval) -> String {
    "\(Figures.significant(interval.low)) to \(Figures.significant(interval.high))"
  }

  /// `0.973 × (0.950 to 0.991)`.
  static func ratio(_ ratio: PairedRatio) -> String {
    guard let value = ratio.ratio else { return "no value" }
    let interval = ratio.interval.map { " (\(Cells.ratio($0.low)) to \(Cells.ratio($0.high)))" }
    return "\(Cells.ratio(value)) ×" + (interval ?? "")
  }

  /// Whether two things are as good as alike: an interval that holds 1 says so only where it is narrow.
  ///
  /// From a wide one it follows that nothing can be told, not that there is no difference.
  static func isAlike(_ ratio: PairedRatio) -> Bool {
    ratio.interval.map { $0.low >= 0.9 && $0.high <= 1.1 } ?? false
  }

  /// `43.1 % (41.0 to 45.3 %)`, of a loss.
  static func loss(_ ratio: PairedRatio) -> String {
    guard let loss = ratio.lossPercent else { return "no value" }
    let interval = ratio.lossPercentInterval.map {
      " (\(Figures.fixed($0.low, places: 1)) to \(Figures.fixed($0.high, places: 1)) %)"
    }
    return "\(Figures.fixed(loss, places: 1)) %" + (interval ?? "")
  }

  static func count(_ count: Int, _ what: String) -> String {
    "\(Figures.grouped(count)) \(what)\(count == 1 ? "" : "s")"
  }

  static func sentence(_ text: String) -> String {
    guard let last = text.last else { return "nobody knows why." }
    return ".!?".contains(last) ? text : text + "."
  }

  static func capitalized(_ text: String) -> String { text.prefix(1).uppercased() + text.dropFirst() }

  /// `a`, `a and b`, `a, b and c`.
  static func list(_ items: [String]) -> String {
    guard let last = items.last, items.count > 1 else { return items.first ?? "" }
    return items.dropLast().joined(separator: ", ") + " and " + last
  }
}

extension Conclusion.Standing {
  init(_ verdict: Verdict) {
    switch verdict {
    case .differs: self = .certain
    case .withinNoise: self = .withinNoise
    case .undecided: self = .undecided
    }
  }
}

extension Conclusion.Evidence {
  /// Nil where nothing was measured.
  init?(_ name: String, _ estimate: Estimate, _ unit: String) {
    guard let median = estimate.median else { return nil }
    self.init(name: name, value: median, interval: estimate.interval, unit: unit)
  }

  init?(_ ratio: PairedRatio) {
    guard let value = ratio.ratio else { return nil }
    self.init(
      name: "\(ratio.quantity), \(ratio.subject) against \(ratio.reference)", value: value, interval: ratio.interval,
      unit: "×")
  }
}
