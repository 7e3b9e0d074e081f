import Glibc

/// Where values stand along an axis: in per cent of its length, as the page may be narrow or wide.
struct Scale: Sendable {
  let low: Double
  let high: Double
  let isLogarithmic: Bool
  /// The values that are written at the axis; the first and last stand at its ends.
  let ticks: [Double]

  /// From nothing to the greatest of the values.
  static func linear(_ values: [Double]) -> Scale {
    let greatest = values.filter(\.isFinite).max() ?? 1
    return linear(from: 0, to: greatest > 0 && greatest < 1e300 ? greatest : 1)
  }

  /// From one value to another, both included, widened to steps of 1, 2 or 5.
  static func linear(from low: Double, to high: Double) -> Scale {
    let span = high > low ? high - low : 1
    let raw = span / 4
    let power = pow(10, log10(raw).rounded(.down))
    let step = power * ([1, 2, 2.5, 5, 10].first { $0 * power >= raw * 0.999 } ?? 10)
    let first = (low / step).rounded(.down) * step
    let count = min(8, max(1, ((high - first) / step - 1e-9).rounded(.up)))
    let ticks = (0...Int(count)).map { first + Double($0) * step }
    return Scale(low: first, high: ticks.last ?? high, isLogarithmic: false, ticks: ticks)
  }

  /// Over the positive values, widened to 1, 2 or 5 times powers of ten.
  static func logarithmic(_ values: [Double]) -> Scale {
    let values = values.filter { $0 > 1e-300 && $0 < 1e300 }
    guard let least = values.min(), let greatest = values.max() else { return linear(from: 0, to: 1) }
    let low = aligned(least, up: false), high = aligned(max(greatest, least * 1.5), up: true)
    // As many as a narrow page has room for.
    var ticks = steps(from: low, to: high, [1, 2, 5])
    if ticks.count > 6 { ticks = steps(from: low, to: high, [1, 3]) }
    if ticks.count > 6 { ticks = steps(from: low, to: high, [1]) }
    while ticks.count > 6 { ticks = ticks.enumerated().filter { $0.offset % 2 == 0 }.map(\.element) }
    return Scale(low: low, high: high, isLogarithmic: true, ticks: ticks)
  }

  private static func aligned(_ value: Double, up: Bool) -> Double {
    let power = pow(10, log10(value).rounded(.down))
    let steps = [1.0, 2, 5, 10].map { $0 * power }
    return (up ? steps.first { $0 >= value * 0.9999 } : steps.last { $0 <= value * 1.0001 }) ?? power
  }

  private static func steps(from low: Double, to high: Double, _ mantissas: [Double]) -> [Double] {
    let first = Int(log10(low).rounded(.down)), last = Int(log10(high).rounded(.up))
    return (first...max(first, last)).flatMap { exponent in mantissas.map { $0 * pow(10, Double(exponent)) } }
      .filter { $0 >= low * 0.999 && $0 <= high * 1.001 }
  }

  /// 0 to 100; what lies outside stands at the end. Nil where the value is none.
  func percent(_ value: Double) -> Double? {
    guard value.isFinite else { return nil }
    let share =
      isLogarithmic
      ? value > 0 ? (log(value) - log(low)) / (log(high) - log(low)) : 0 : (value - low) / (high - low)
    return share.isFinite ? min(1, max(0, share)) * 100 : nil
  }

  /// A tick's number, without zeros that say nothing.
  static func label(_ value: Double) -> String {
    Cells.short(value)
  }
}

/// A number in an attribute: two places, and always finite.
func coordinate(_ value: Double) -> String {
  guard value.isFinite else { return "0" }
  let rounded = (value * 100).rounded() / 100
  return rounded == rounded.rounded() && abs(rounded) < 1e9 ? "\(Int(rounded))" : "\(rounded)"
}
