extension Comparison {
  /// The comparison as a table, with its remarks below.
  public var text: String {
    var table = TextTable([
      .init("", .left), .init("", .left), .init("before"), .init("after"), .init("ratio"), .init("95 % interval"),
      .init("", .left),
    ])
    let namesSubjects = Set(rows.map(\.subject)).count > 1
    for row in rows {
      let name = namesSubjects && !row.subject.isEmpty ? "\(row.name) of \(row.subject)" : row.name
      table.add([
        row.statistic == "median" ? name : "", row.statistic, Figures.value(row.before, unit: row.unit),
        Figures.value(row.after, unit: row.unit), row.ratio.map(Figures.ratio) ?? "-", Self.interval(row),
        Self.sentence(row),
      ])
    }
    return table.text + (remarks.isEmpty ? "" : "\n") + remarks.map { "note: \($0)\n" }.joined()
  }

  private static func interval(_ row: Row) -> String {
    guard let low = row.low, let high = row.high else { return "-" }
    return "\(Figures.fixed(low, places: 3)) to \(Figures.fixed(high, places: 3))"
  }

  private static func sentence(_ row: Row) -> String {
    let difference = row.ratio.map { " by \(Figures.percent(abs($0 - 1)))" } ?? ""
    return switch row.verdict {
    case .better: "better\(difference)"
    case .worse: "worse\(difference)"
    case .noise: "noise"
    case .undecided: "undecided: too few values"
    }
  }
}
