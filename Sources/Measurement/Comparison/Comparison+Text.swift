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
    let tables = [rows.isEmpty ? "" : table.text, failureText].filter { !$0.isEmpty }
    return tables.joined(separator: "\n") + (remarks.isEmpty ? "" : "\n") + remarks.map { "note: \($0)\n" }.joined()
  }

  private var failureText: String {
    guard !failures.isEmpty else { return "" }
    var table = TextTable([.init("failed", .left), .init("before"), .init("after"), .init("", .left)])
    for row in failures {
      let new = row.newKinds.isEmpty ? "" : "; new: \(FailureRow.list(row.newKinds))"
      table.add([
        row.subject, "\(Figures.grouped(row.failuresBefore)) of \(Figures.grouped(row.totalBefore))",
        "\(Figures.grouped(row.failuresAfter)) of \(Figures.grouped(row.totalAfter))", row.verdict.rawValue + new,
      ])
    }
    return table.text
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

extension Comparison.FailureRow {
  static func list(_ kinds: [String: Int]) -> String {
    kinds.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { "\(Figures.grouped($0.value)) × \($0.key)" }
      .joined(separator: ", ")
  }
}
