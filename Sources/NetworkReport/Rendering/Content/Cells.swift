import Measurement

/// How measured values are written in cells and labels; what is not there, or not finite, is a dash.
enum Cells {
  static let none = "-"

  static func number(_ value: Double?) -> String {
    guard let value, value.isFinite else { return none }
    // Beyond what can be a measured value, digits are only noise.
    return abs(value) < 1e15 ? Figures.significant(value) : "\(value)"
  }

  /// Without zeros that say nothing: 10 for 10.0.
  static func short(_ value: Double?) -> String {
    let text = number(value)
    guard text.contains("."), !text.contains("e") else { return text }
    let kept = text.reversed().drop { $0 == "0" }.drop { $0 == "." }
    return String(kept.reversed())
  }

  /// Three places about 1, where the third tells something; else three digits.
  static func ratio(_ value: Double?) -> String {
    guard let value, value.isFinite, abs(value) < 1e15 else { return none }
    return abs(value) < 2 ? Figures.fixed(value, places: 3) : number(value)
  }

  static func number(_ estimate: Estimate) -> String { number(estimate.median) }

  /// `1.84–1.91`; in words where a minus stands beside the dash.
  static func interval(_ interval: ConfidenceInterval?, scale: Double = 1) -> String {
    guard let interval, interval.low.isFinite, interval.high.isFinite else { return none }
    let low = number(interval.low * scale), high = number(interval.high * scale)
    return low.hasPrefix("-") || high.hasPrefix("-") ? "\(low) to \(high)" : "\(low)–\(high)"
  }

  static func fixed(_ value: Double?, places: Int) -> String {
    guard let value, value.isFinite, abs(value) < 1e15 else { return none }
    return Figures.fixed(value, places: places)
  }

  static func percent(_ value: Double?) -> String { value.map { fixed($0, places: 1) + " %" } ?? none }

  static func share(_ value: Double?) -> String { percent(value.map { $0 * 100 }) }

  static func count(_ value: Int?) -> String { value.map { Figures.grouped($0) } ?? none }

  /// A value with its unit: `2.34 Gbit/s`, `27 %`, `1.21 ×`, `12,345 /s`; counts are whole.
  static func value(_ value: Double?, unit: String) -> String {
    let text = number(value)
    guard text != none else { return text }
    switch unit {
    case "1": return short(value)
    case "rounds", "bytes": return "\(short(value)) \(unit)"
    case "×": return "\(ratio(value)) ×"
    case "1/s": return "\(text) /s"
    default: return "\(text) \(unit)"
    }
  }

  /// With its interval: `2.34 Gbit/s (2.31–2.37)`.
  static func value(_ value: Double?, interval: ConfidenceInterval?, unit: String) -> String {
    let isRatio = unit == "×" && interval.map { $0.low >= 0 && $0.high.isFinite } ?? false
    let span = isRatio ? "\(ratio(interval?.low))–\(ratio(interval?.high))" : Self.interval(interval)
    return Self.value(value, unit: unit) + (span == none ? "" : " (\(span))")
  }

  static func verdict(_ verdict: Verdict) -> ReportTable.Cell {
    switch verdict {
    case .differs: ReportTable.Cell("differs", .plain)
    case .withinNoise: ReportTable.Cell("within noise", .unsure)
    case .undecided: ReportTable.Cell("undecided", .unsure)
    }
  }

  static func goal(_ goal: PairedRatio.Goal?) -> ReportTable.Cell {
    guard let goal else { return "" }
    let tone: ReportTable.Tone =
      switch goal.standing {
      case .reached: .good
      case .missed: .bad
      case .reachedWithinNoise, .missedWithinNoise, .notMeasured: .unsure
      }
    return ReportTable.Cell("\(goal.kind.rawValue) \(short(goal.bound)): \(goal.standing.rawValue)", tone)
  }
}

/// Texts from elsewhere, made fit for a line: no control characters, none that turn the direction of writing, an end.
enum Legible {
  /// - Parameter limit: unicode scalars kept; an ellipsis stands for the others.
  static func line(_ text: String, limit: Int = 1000) -> String {
    var result = String.UnicodeScalarView()
    var kept = 0
    var marks = 0
    for scalar in text.unicodeScalars {
      // Accents piled up higher than any language needs would cover the lines above.
      marks = scalar.properties.generalCategory == .nonspacingMark ? marks + 1 : 0
      if marks > 3 { continue }
      guard kept < limit else {
        result.append("…")
        break
      }
      kept += 1
      switch scalar.value {
      case 0x09, 0x0a, 0x0d, 0x2028, 0x2029: result.append(" ")
      case 0...0x1f, 0x7f...0x9f, 0x61c, 0x200b, 0x200e, 0x200f, 0x202a...0x202e, 0x2060...0x206f, 0xfeff,
        0xfff0...0xfffb,
        0xfffe, 0xffff:
        result.append("\u{fffd}")
      default: result.append(scalar)
      }
    }
    return String(result)
  }

  /// Cut to so many characters, the last an ellipsis where something is missing.
  static func cut(_ text: String, to width: Int) -> String {
    guard text.count > width else { return text }
    return String(text.prefix(max(0, width - 1))) + "…"
  }
}
