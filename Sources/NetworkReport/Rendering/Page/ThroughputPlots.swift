/// Throughput as plots: by path and direction, against node to node, over time, and what it costs.
struct ThroughputPlots: Sendable {
  private let part: ThroughputPart?

  init(_ report: NetworkReport) { part = report.throughput }

  var figures: [Markup] {
    guard let part else { return [] }
    var figures: [Markup] = []
    let bars = strip(part, "Throughput", "Gbit/s", .bar) { $0.gigabitsPerSecond }
    if !bars.isEmpty { figures.append(bars.markup) }
    let cost = strip(part, "Processor time of the whole machine for each gigabit", "s/Gbit", .bar) {
      $0.machineBusySecondsPerGigabit
    }
    let retransmits = strip(part, "Segments sent again for each gigabyte", "/GB", .bar) { $0.retransmitsPerGigabyte }
    let pair = [cost, retransmits].filter { !$0.isEmpty }.map(\.markup)
    if !pair.isEmpty { figures.append(.element("div", ["class": "figures"], pair)) }
    let roundTrips = roundTrips(part)
    if !roundTrips.isEmpty { figures.append(roundTrips.markup) }
    let ratios = [
      Strip.ratios("Against node to node", part.againstNodeToNode),
      Strip.ratios("host-gw against vxlan", part.hostGatewayAgainstVXLAN),
    ].filter { !$0.isEmpty }.map(\.markup)
    if !ratios.isEmpty { figures.append(.element("div", ["class": "figures"], ratios)) }
    return figures + overTime(part)
  }

  private static let directions = ["client sends", "server sends"]

  private func strip(
    _ part: ThroughputPart, _ title: String, _ unit: String, _ look: Strip.Look,
    _ estimate: (DirectionFigures) -> Estimate
  ) -> Strip {
    let rows = part.paths.compactMap { path -> Strip.Row? in
      let marks = path.directions.map { figures in
        Strip.Mark(
          figures.direction.rawValue, figures.direction == .clientSends ? 0 : 1, estimate(figures), unit: unit)
      }
      return marks.isEmpty ? nil : Strip.Row(label: path.path.title, marks: marks)
    }
    return Strip(
      title: title, unit: unit, look: look, scale: .linear(rows.flatMap(\.extent)), rows: rows,
      legend: Self.directions)
  }

  private func roundTrips(_ part: ThroughputPart) -> Strip {
    let rows = part.paths.flatMap { path in
      path.directions.compactMap { figures -> Strip.Row? in
        guard figures.loadedRoundTripMilliseconds.median != nil || figures.idleRoundTripMilliseconds.median != nil
        else {
          return nil
        }
        return Strip.Row(
          label: "\(path.path.title), \(figures.direction.rawValue)",
          marks: [
            Strip.Mark("idle", 0, figures.idleRoundTripMilliseconds, unit: "ms"),
            Strip.Mark("under load", 1, figures.loadedRoundTripMilliseconds, unit: "ms"),
          ])
      }
    }
    return Strip(
      title: "Round trips, idle and under load", unit: "of an echo beside the transfer, ms, logarithmic", look: .point,
      scale: .logarithmic(rows.flatMap(\.extent)), rows: rows, legend: ["idle", "under load"])
  }

  // MARK: Over time

  /// One chart for each path, all with the same axes: every run, and the rounds' median for each second.
  private func overTime(_ part: ThroughputPart) -> [Markup] {
    let charts = part.paths.map { path in (path, lines(path)) }.filter { !$0.1.isEmpty }
    let points = charts.flatMap { $0.1.flatMap(\.points) }
    guard !points.isEmpty else { return [] }
    let x = Scale.linear(points.map(\.x)), y = Scale.linear(points.map(\.y))
    let markup = charts.map { path, lines in
      Chart(
        title: path.path.title,
        summary: path.directions.map {
          "\($0.direction.rawValue) \(Cells.value($0.gigabitsPerSecond.median, unit: "Gbit/s"))"
        }.joined(separator: "; "), xTitle: "seconds of the run", yTitle: "Gbit/s", x: x, y: y, lines: lines, height: 130
      ).markup
    }
    return [
      .element("h3", ["class": "over"], "Throughput over time"),
      .element(
        "p", ["class": "lead"], "Thin lines are single runs, thick ones the median of the rounds in each second."),
      .element("div", ["class": "figures small"], markup),
    ]
  }

  private func lines(_ path: ThroughputPath) -> [Chart.Line] {
    TransferDirection.allCases.enumerated().flatMap { index, direction -> [Chart.Line] in
      let runs = path.runs.filter { $0.direction == direction }.map { run in
        // A run's end may be a row of a few milliseconds, which says nothing.
        run.intervals.filter { $0.endSeconds - $0.startSeconds > 0.25 && $0.bitsPerSecond.isFinite }
          .map { Chart.Point(x: $0.endSeconds, y: $0.bitsPerSecond / 1e9) }
      }.filter { !$0.isEmpty }
      guard !runs.isEmpty else { return [] }
      let single = runs.prefix(20).map { Chart.Line(name: "a run", series: index, points: $0, isFaint: true) }
      let seconds = Dictionary(grouping: runs.flatMap(\.self).filter { $0.x.isFinite }, by: \.x)
      let medians = seconds.map { second, points in
        let sorted = points.map(\.y).sorted()
        let middle = (sorted[sorted.count / 2] + sorted[(sorted.count - 1) / 2]) / 2
        return Chart.Point(x: second, y: middle)
      }.sorted { $0.x < $1.x }
      let marked = Array(Set([0, medians.count / 2, medians.count - 1]))
      return (runs.count > 1 ? single : [])
        + [Chart.Line(name: direction.rawValue, series: index, points: medians, marked: marked.sorted())]
    }
  }
}
