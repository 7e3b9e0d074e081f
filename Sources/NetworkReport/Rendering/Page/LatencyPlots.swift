/// Latency as plots: distributions by path, medians with intervals, where the time goes.
struct LatencyPlots: Sendable {
  private let part: LatencyPart?

  init(_ report: NetworkReport) { part = report.latency }

  var figures: [Markup] {
    guard let part else { return [] }
    var figures: [Markup] = []
    let distributions = distributions(part)
    if !distributions.isEmpty { figures.append(distributions.markup) }
    let small = [medians(part), Strip.ratios("Access paths", part.comparisons), phases(part)].filter { !$0.isEmpty }
      .map(\.markup)
    if !small.isEmpty { figures.append(.element("div", ["class": "figures"], small)) }
    return figures
  }

  private func distributions(_ part: LatencyPart) -> Chart {
    let lines = part.paths.enumerated().compactMap { index, path -> Chart.Line? in
      let points = path.distribution.filter { $0.milliseconds.isFinite && $0.milliseconds > 0 && $0.share.isFinite }
        .map { Chart.Point(x: $0.milliseconds, y: $0.share * 100) }
      guard !points.isEmpty else { return nil }
      let marked = [50.0, 90, 99].compactMap { percent in points.firstIndex { $0.y >= percent } }
      return Chart.Line(name: path.path.title, series: index, points: points, marked: marked, isStepped: true)
    }
    let summary = part.paths.map {
      "\($0.path.title): median \(Cells.value($0.medianTotalMilliseconds.median, unit: "ms"))"
    }.joined(separator: "; ")
    return Chart(
      title: "Distribution of request times", summary: summary, xTitle: "time_total, ms (logarithmic)",
      yTitle: "share of requests that took no longer, %", x: .logarithmic(lines.flatMap(\.points).map(\.x)),
      y: .linear(from: 0, to: 100), lines: lines, height: 260,
      note: "Marks: the median, the 90th and the 99th percentile.")
  }

  private func medians(_ part: LatencyPart) -> Strip {
    let rows = part.paths.map { path in
      Strip.Row(
        label: path.path.title,
        marks: [
          ("median", path.medianTotalMilliseconds), ("p99", path.p99TotalMilliseconds),
        ].enumerated().map { index, pair in
          Strip.Mark(pair.0, index, pair.1, unit: "ms")
        })
    }
    return Strip(
      title: "Median and 99th percentile", unit: "ms, logarithmic", look: .point,
      scale: .logarithmic(rows.flatMap(\.extent)), rows: rows)
  }

  private func phases(_ part: LatencyPart) -> Strip {
    var names: [String] = []
    for phase in part.paths.flatMap(\.phases) where !names.contains(phase.name) { names.append(phase.name) }
    let rows = part.paths.filter { !$0.phases.isEmpty }.map { path in
      Strip.Row(
        label: path.path.title,
        marks: path.phases.prefix(5).map { phase in
          let share = phase.share.map { ", \(Cells.share($0))" } ?? ""
          var mark = Strip.Mark(
            Legible.line(phase.name, limit: 40), min(4, names.firstIndex(of: phase.name) ?? 0),
            phase.medianMilliseconds,
            unit: "ms")
          mark.text = Cells.value(phase.medianMilliseconds.median, unit: "ms") + share
          mark.interval = nil
          return mark
        })
    }
    return Strip(
      title: "Where the time goes", unit: "medians of each phase by itself, ms", look: .bar,
      scale: .linear(rows.flatMap(\.extent)), rows: rows)
  }
}

extension Strip.Mark {
  /// Of an estimate over rounds, its interval in brackets.
  init(_ name: String, _ series: Int, _ estimate: Estimate, unit: String) {
    self.init(
      name: name, series: series, value: estimate.median.flatMap { $0.isFinite ? $0 : nil },
      interval: estimate.interval, rounds: estimate.values.map(\.value),
      text: Cells.value(estimate.median, interval: estimate.interval, unit: unit))
  }
}

extension Strip.Row {
  /// All values that must have a place on the axis.
  var extent: [Double] {
    marks.flatMap { mark in
      [mark.value, mark.interval?.low, mark.interval?.high].compactMap(\.self) + mark.rounds.prefix(100)
    }
  }
}

extension Strip {
  /// Ratios with their intervals, and a line at 1; those of the same two things stand together.
  static func ratios(_ title: String, _ ratios: [PairedRatio]) -> Strip {
    let ratios = ratios.filter { $0.ratio?.isFinite == true }.prefix(40)
    let isOneReference = ratios.allSatisfy { $0.reference == ratios.first?.reference }
    var rows: [Row] = []
    var last: PairedRatio?
    for ratio in ratios {
      let verdict = Cells.verdict(ratio.verdict).text
      let mark = Mark(
        name: Legible.line(ratio.quantity, limit: 80), series: ratio.verdict == .differs ? 0 : 4, value: ratio.ratio,
        interval: ratio.interval, rounds: [],
        text: Cells.value(ratio.ratio, interval: ratio.interval, unit: "×") + ", " + verdict)
      if let last, last.subject == ratio.subject, last.reference == ratio.reference {
        rows[rows.count - 1].marks.append(mark)
      } else {
        let subject = Legible.line(ratio.subject, limit: 120)
        let label = isOneReference ? subject : subject + " against " + Legible.line(ratio.reference, limit: 120)
        rows.append(Row(label: label, marks: [mark]))
      }
      last = ratio
    }
    var title = title
    if isOneReference, let reference = ratios.first?.reference, !title.hasSuffix(reference) {
      title += ", against " + Legible.line(reference, limit: 120)
    }
    return Strip(
      title: title, unit: "ratio, logarithmic; at the line, 1, both are the same", look: .point,
      scale: .logarithmic(rows.flatMap(\.extent) + [1]), rows: rows, reference: 1)
  }
}
