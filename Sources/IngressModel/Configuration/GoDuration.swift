/// Durations as Go writes them: `10s`, `1m30s`, `1.5h`, `300ms`; bare integers are seconds.
enum GoDuration {
  private static let units: [(name: String, nanoseconds: Double)] = [
    ("ns", 1), ("us", 1e3), ("µs", 1e3), ("μs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9),
  ]

  /// Nil for what is no duration, is negative, or longer than 290 years.
  static func parse(_ text: String) -> Duration? {
    if let seconds = Int64(text) {
      return (0...9_000_000_000).contains(seconds) ? .seconds(seconds) : nil
    }
    var rest = text[...]
    var nanoseconds = 0.0
    guard !rest.isEmpty, rest.utf8.count <= 64 else { return nil }
    while !rest.isEmpty {
      let number = rest.prefix { ("0"..."9").contains($0) || $0 == "." }
      guard number.contains(where: \.isNumber), let value = Double(number.hasSuffix(".") ? "\(number)0" : "\(number)")
      else { return nil }
      rest = rest[number.endIndex...]
      let unit = rest.prefix { !("0"..."9").contains($0) && $0 != "." }
      guard let known = units.first(where: { $0.name == unit }) else { return nil }
      rest = rest[unit.endIndex...]
      nanoseconds += value * known.nanoseconds
    }
    return nanoseconds <= 9e18 ? .nanoseconds(Int64(nanoseconds)) : nil
  }
}
