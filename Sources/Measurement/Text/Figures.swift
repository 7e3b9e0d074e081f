import Glibc

/// How figures are written, always with a point and, above 9,999, commas between thousands.
public enum Figures {
  /// With so many places.
  public static func fixed(_ value: Double, places: Int) -> String {
    guard value.isFinite else { return "-" }
    var buffer = [CChar](repeating: 0, count: 400)
    let count = withVaList([CInt(clamping: places), value]) { vsnprintf(&buffer, buffer.count, "%.*f", $0) }
    return String(decoding: buffer.prefix(max(0, Int(count))).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// With about three digits that mean something: 0.0123, 1.23, 12.3, 123, 12,345.
  public static func significant(_ value: Double) -> String {
    let magnitude = abs(value)
    guard magnitude > 0, magnitude.isFinite else { return value == 0 ? "0" : "-" }
    // 9.996 has its three digits as 10.0.
    let places = max(0, min(12, 2 - Int(log10(magnitude * 1.0005).rounded(.down))))
    return magnitude >= 10_000 ? grouped(value) : fixed(value, places: places)
  }

  /// A whole number: 1,234,567.
  public static func grouped(_ value: Double) -> String {
    let text = fixed(value, places: 0)
    let digits = text.drop { $0 == "-" }
    guard digits.count > 4 else { return text }
    var result = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { result += "," }
      result.append(digit)
    }
    return (text.first == "-" ? "-" : "") + result
  }

  public static func grouped(_ value: Int) -> String { grouped(Double(value)) }

  /// Seconds with microseconds, as curl prints them: 0.001326.
  public static func seconds(_ value: Double) -> String { fixed(value, places: 6) }

  /// A time in the unit that suits it: 812 ns, 12.3 µs, 3.14 ms, 1.25 s.
  public static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite else { return "-" }
    let units: [(Double, String)] = [(1e-9, "ns"), (1e-6, "µs"), (1e-3, "ms"), (1, "s")]
    let unit = units.last { abs(seconds) >= $0.0 * 0.9995 } ?? (seconds == 0 ? (1, "s") : units[0])
    return significant(seconds / unit.0) + " " + unit.1
  }

  /// A share: 43.2 %.
  public static func percent(_ share: Double, places: Int = 1) -> String { fixed(share * 100, places: places) + " %" }

  /// A quotient: 0.973 ×.
  public static func ratio(_ value: Double) -> String { fixed(value, places: 3) + " ×" }

  /// A value of a series in its unit, with an SI prefix where that is easier to read: 3.22 Gbit/s.
  public static func value(_ value: Double, unit: String) -> String {
    switch unit {
    case "s": return duration(value)
    case "1": return significant(value)
    case "1/s": return significant(value) + " /s"
    default:
      let prefixes: [(Double, String)] = [(1, ""), (1e3, "k"), (1e6, "M"), (1e9, "G"), (1e12, "T")]
      let prefix = prefixes.last { abs(value) >= $0.0 } ?? prefixes[0]
      return significant(value / prefix.0) + " " + prefix.1 + unit
    }
  }
}
