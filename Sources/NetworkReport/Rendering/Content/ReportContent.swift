import Measurement

/// What a report has to show, in order, before anybody has decided how: a function of the report alone.
struct ReportContent: Sendable {
  var title: String
  /// When, where and how, in short phrases.
  var circumstances: [String]
  /// What a reader must know before the figures.
  var warnings: [String]
  var conclusions: [Conclusion]
  var sections: [ReportSection]

  init(_ report: NetworkReport) {
    title = "Network report of the cluster \(Legible.line(report.cluster.name, limit: 80))"
    circumstances = Self.circumstances(report)
    warnings = Self.warnings(report)
    conclusions = report.conclusions
    sections = [
      LatencyContent(report).section, LoadContent(report).section, ThroughputContent(report).section,
      ServiceContent(report).section, MachineContent(report).section, Self.failures(report),
    ].compactMap { $0 }
  }

  /// Why a part has no figures; nil where it has.
  static func absence(of part: ReportPart, in report: NetworkReport, isThere: Bool) -> [String] {
    if isThere { return [] }
    guard report.plan.parts.contains(part) else { return ["Not measured: this part was not asked for."] }
    return [
      report.wasInterrupted
        ? "Not measured: the run was ended before this part." : "Not measured, though it was asked for."
    ]
  }

  private static func circumstances(_ report: NetworkReport) -> [String] {
    let environment = report.environment, plan = report.plan
    let memory = environment.memoryBytes.map { ", \(Cells.short(Double($0) / 1_073_741_824)) GiB" } ?? ""
    let rounds = plan.rounds == 1 ? "1 round" : "\(Cells.count(plan.rounds)) rounds"
    return [
      Legible.line(environment.started, limit: 40),
      "\(Legible.line(environment.machineName, limit: 80)): \(Legible.line(environment.processorModel, limit: 80)), "
        + "\(environment.processors) processors\(memory)",
      "Linux \(Legible.line(environment.kernel, limit: 60)) \(Legible.line(environment.architecture, limit: 20))",
      "\(plan.isQuick ? "quick" : "full"): \(rounds), \(Cells.short(plan.secondsPerThroughputRun)) s for each transfer",
    ]
  }

  private static func warnings(_ report: NetworkReport) -> [String] {
    var warnings: [String] = []
    if report.wasInterrupted { warnings.append("The run was ended before all was measured; what it had is here.") }
    if !report.failures.isEmpty {
      let one = report.failures.count == 1
      warnings.append(
        "\(Cells.count(report.failures.count)) \(one ? "measurement has" : "measurements have") no value: see Failures."
      )
    }
    if !report.omissions.isEmpty {
      let what = report.omissions.prefix(6).map { Legible.line($0.measurement, limit: 100) }
      warnings.append(
        "The machine was slower than planned, and there was no time for: \(what.joined(separator: "; ")).")
    }
    if report.plan.rounds < 3 {
      warnings.append("Fewer than three rounds give no intervals: nothing can be told from noise.")
    }
    return warnings + report.environment.warnings.map { Legible.line($0) }.filter { $0.contains { $0 != " " } }
  }

  private static func failures(_ report: NetworkReport) -> ReportSection? {
    guard !report.failures.isEmpty else { return nil }
    var table = ReportTable(
      "What was tried and has no value", [.text("measurement"), .number("round"), .text("reason")])
    for failure in report.failures {
      table.add([
        .init(Legible.line(failure.measurement)), .init(Cells.count(failure.round)),
        .init(Legible.line(failure.reason, limit: 500), .bad),
      ])
    }
    return ReportSection(id: "failures", title: "Failures", tables: [table])
  }

  /// Comparisons as rows; what is the same in all of them stands in the title.
  static func table(_ title: String, _ comparisons: [PairedRatio], showsLoss: Bool = false) -> ReportTable? {
    guard let first = comparisons.first else { return nil }
    let hasGoals = comparisons.contains { $0.goal != nil }
    let isOneReference = comparisons.count > 1 && comparisons.allSatisfy { $0.reference == first.reference }
    let isOneQuantity = comparisons.count > 1 && comparisons.allSatisfy { $0.quantity == first.quantity }
    var title = title
    if isOneQuantity { title += ": " + Legible.line(first.quantity, limit: 100) }
    if isOneReference, !title.lowercased().hasSuffix(first.reference.lowercased()) {
      title += ", against " + Legible.line(first.reference, limit: 100)
    }
    var table = ReportTable(
      title, .comparison,
      [.text("compared")] + (isOneReference ? [] : [.text("with")]) + (isOneQuantity ? [] : [.text("quantity")])
        + [.number("ratio"), .number("interval")] + (showsLoss ? [.number("loss")] : []) + [.text("verdict")]
        + (hasGoals ? [.text("goal")] : []))
    for comparison in comparisons {
      var cells: [ReportTable.Cell] = [.init(Legible.line(comparison.subject, limit: 300))]
      if !isOneReference { cells.append(.init(Legible.line(comparison.reference, limit: 300))) }
      if !isOneQuantity { cells.append(.init(Legible.line(comparison.quantity, limit: 100))) }
      cells += [.init(Cells.ratio(comparison.ratio)), .init(interval(comparison.interval))]
      if showsLoss { cells.append(.init(Cells.percent(comparison.lossPercent))) }
      table.add(cells + [verdict(comparison)] + (hasGoals ? [Cells.goal(comparison.goal)] : []))
    }
    return table
  }

  private static func interval(_ interval: ConfidenceInterval?) -> String {
    guard let interval, interval.low.isFinite, interval.high.isFinite else { return Cells.none }
    return "\(Cells.ratio(interval.low))–\(Cells.ratio(interval.high))"
  }

  private static func verdict(_ comparison: PairedRatio) -> ReportTable.Cell {
    var cell = Cells.verdict(comparison.verdict)
    if let rounds = comparison.roundsToDecide { cell.text += ", ~\(Cells.count(rounds)) rounds decide" }
    return cell
  }
}
