/// Writes Prometheus' text format 0.0.4: families one after another, each with HELP and TYPE before its samples.
struct PrometheusWriter {
  enum Kind: String { case counter, gauge, histogram }

  private(set) var bytes: [UInt8] = []

  /// A family; its samples come from the closure, which may write none.
  mutating func family(_ name: String, _ kind: Kind, help: String, _ samples: (inout Samples) -> Void) {
    bytes.write("# HELP \(name) ")
    Self.escape(help, quotes: false, into: &bytes)
    bytes.write("\n# TYPE \(name) \(kind.rawValue)\n")
    var writer = Samples(name: name, bytes: exchange(&bytes, with: []))
    samples(&writer)
    bytes = writer.bytes
  }

  struct Samples {
    fileprivate let name: String
    fileprivate var bytes: [UInt8]

    mutating func add(_ labels: [(String, String)], _ value: UInt64) {
      begin("", labels)
      bytes.write(value)
      bytes.append(UInt8(ascii: "\n"))
    }

    mutating func add(_ labels: [(String, String)], _ value: Int) {
      begin("", labels)
      bytes.write(value)
      bytes.append(UInt8(ascii: "\n"))
    }

    /// Seconds from nanoseconds; buckets summed up, as the format wants them.
    mutating func add(_ labels: [(String, String)], _ durations: DurationTotals) {
      var below: UInt64 = 0
      for (index, count) in durations.counts.enumerated() {
        below &+= count
        var bound: [UInt8] = []
        if index < DurationTotals.bounds.count {
          bound.write(DurationTotals.bounds[index], decimals: 9)
        } else {
          bound.write("+Inf")
        }
        begin("_bucket", labels + [("le", String(decoding: bound, as: UTF8.self))])
        bytes.write(below)
        bytes.append(UInt8(ascii: "\n"))
      }
      begin("_sum", labels)
      bytes.write(durations.nanoseconds, decimals: 9)
      bytes.append(UInt8(ascii: "\n"))
      begin("_count", labels)
      bytes.write(below)
      bytes.append(UInt8(ascii: "\n"))
    }

    private mutating func begin(_ suffix: String, _ labels: [(String, String)]) {
      bytes.write(name)
      bytes.write(suffix)
      if !labels.isEmpty {
        bytes.append(UInt8(ascii: "{"))
        for (index, label) in labels.enumerated() {
          if index > 0 { bytes.append(UInt8(ascii: ",")) }
          bytes.write(label.0)
          bytes.write("=\"")
          PrometheusWriter.escape(label.1, quotes: true, into: &bytes)
          bytes.append(UInt8(ascii: "\""))
        }
        bytes.append(UInt8(ascii: "}"))
      }
      bytes.append(UInt8(ascii: " "))
    }
  }

  /// Backslashes and line feeds, in label values quotes too; carriage returns, which readers may take for line ends.
  fileprivate static func escape(_ text: String, quotes: Bool, into bytes: inout [UInt8]) {
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\\"): bytes.write("\\\\")
      case UInt8(ascii: "\n"): bytes.write("\\n")
      case UInt8(ascii: "\r"): bytes.append(UInt8(ascii: " "))
      case UInt8(ascii: "\"") where quotes: bytes.write("\\\"")
      default: bytes.append(byte)
      }
    }
  }
}
