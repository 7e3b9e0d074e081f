extension Report.Part {
  /// The part as a table, with its goals below.
  public var text: String {
    var lines = ["\(name) (\(unit))", "  \(method)"]
    let width = max(rows.map(\.subject.count).max() ?? 0, 12)
    if !rows.isEmpty {
      lines.append("  " + "".padded(width) + "minimum".right(12) + "median".right(12) + "ratio".right(9))
    }
    for row in rows {
      lines.append(
        "  " + row.subject.padded(width) + Figure.number(row.minimum).right(12) + Figure.number(row.median).right(12)
          + (row.ratio.map(Figure.hundredths) ?? "").right(9))
    }
    for goal in goals {
      let bound =
        switch goal.bound {
        case .atMost: "at most"
        case .atLeast: "at least"
        case .exactly: "exactly"
        }
      lines.append(
        "  \(goal.isMet ? "met   " : "MISSED") \(goal.what): \(Figure.hundredths(goal.value)), asked for \(bound) \(Figure.hundredths(goal.limit))"
      )
    }
    lines += notes.map { "  " + $0 }
    return lines.joined(separator: "\n") + "\n"
  }
}

/// How figures are written.
enum Figure {
  /// With as many places as it has meaning.
  static func number(_ value: Double) -> String {
    value.isNaN ? "-" : (value < 100 ? tenths(value) : "\(Int(value.rounded()))")
  }

  static func tenths(_ value: Double) -> String {
    let scaled = Int((value * 10).rounded())
    return "\(scaled / 10).\(scaled % 10)"
  }

  static func hundredths(_ value: Double) -> String {
    guard value.isFinite else { return "-" }
    let scaled = Int((value * 100).rounded())
    if scaled % 100 == 0 { return "\(scaled / 100)" }
    return "\(scaled / 100)." + (scaled % 100 < 10 ? "0" : "") + "\(scaled % 100)"
  }
}

extension String {
  fileprivate func padded(_ width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
  fileprivate func right(_ width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}
