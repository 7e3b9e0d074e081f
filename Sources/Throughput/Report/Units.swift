/// Octets and rates as iperf3 writes them: three digits, and the largest unit of which there is one.
public enum RateFormat: Character, CaseIterable, Sendable {
  case bits = "a"
  case kilobits = "k"
  case megabits = "m"
  case gigabits = "g"
  case terabits = "t"
  case kilobytes = "K"
  case megabytes = "M"
  case gigabytes = "G"
  case terabytes = "T"

  /// Such as `4.46 GBytes`; 1 KByte is 1,024 octets.
  static func amount(_ bytes: Double) -> String {
    scaled(bytes, 1024, ["Bytes", "KBytes", "MBytes", "GBytes", "TBytes"])
  }

  /// Such as `38.3 Gbits/sec`; 1 Kbit is 1,000 bits.
  func rate(bytes: Double, seconds: Double) -> String {
    let speed = seconds > 0 ? bytes / seconds : 0
    let steps = ["K": 1, "M": 2, "G": 3, "T": 4][rawValue.uppercased()] ?? 0
    let names = ["", "K", "M", "G", "T"]
    if self == .bits {
      return Self.scaled(speed * 8, 1000, names.map { $0 + "bits" }) + "/sec"
    }
    let isBits = rawValue.isLowercase
    let value = (0..<steps).reduce(isBits ? speed * 8 : speed) { value, _ in value / (isBits ? 1000 : 1024) }
    return "\(Self.digits(value)) \(names[steps])\(isBits ? "bits" : "Bytes")/sec"
  }

  private static func scaled(_ value: Double, _ base: Double, _ names: [String]) -> String {
    var rest = value
    var step = 0
    while rest >= base, step < names.count - 1 {
      rest /= base
      step += 1
    }
    return "\(digits(rest)) \(names[step])"
  }

  private static func digits(_ value: Double) -> String {
    value < 9.995 ? formatted("%4.2f", value) : value < 99.95 ? formatted("%4.1f", value) : formatted("%4.0f", value)
  }
}

/// Numbers with the letters that iperf3 takes behind them.
public enum ScaledNumber {
  /// Octets and blocks: K is 1,024.
  public static func amount(_ text: String) -> UInt64? { parse(text, 1024) }
  /// Bits a second: K is 1,000.
  public static func rate(_ text: String) -> UInt64? { parse(text, 1000) }

  private static func parse(_ text: String, _ base: Double) -> UInt64? {
    var digits = text
    var factor = 1.0
    if let letter = text.last, let power = ["k": 1, "m": 2, "g": 3, "t": 4][letter.lowercased()] {
      digits.removeLast()
      for _ in 0..<power { factor *= base }
    }
    guard digits.allSatisfy({ $0.isASCII && $0.isNumber || $0 == "." }), let value = Double(digits), value.isFinite,
      value * factor < 9e18
    else { return nil }
    return UInt64(value * factor)
  }
}
