/// Load as plots: percentiles, and requests and times over the seconds.
struct LoadPlots: Sendable {
  private let runs: [LoadRun]

  init(_ report: NetworkReport) { runs = report.load?.runs ?? [] }

  var figures: [Markup] {
    let charts = [percentiles, requests, times].filter { !$0.isEmpty }.map(\.markup)
    return charts.isEmpty ? [] : [.element("div", ["class": "figures small"], charts)]
  }

  private func line(_ index: Int, _ points: [Chart.Point], marked: [Int]? = nil) -> Chart.Line {
    Chart.Line(name: LoadContent.title(runs[index]), series: index % 5, points: points, marked: marked)
  }

  private var percentiles: Chart {
    let shares = Set(runs.flatMap(\.percentiles).map(\.share)).filter(\.isFinite).sorted().prefix(12)
    let lines = runs.indices.map { index in
      line(
        index,
        shares.enumerated().compactMap { place, share in
          runs[index].percentiles.first { $0.share == share && $0.milliseconds.isFinite && $0.milliseconds > 0 }.map {
            Chart.Point(x: Double(place), y: $0.milliseconds)
          }
        })
    }
    // On a phone there is no room for every one.
    let labelled = shares.enumerated().filter {
      shares.count <= 7 || $0.offset % 2 == 0 || $0.offset == shares.count - 1
    }
    let crowded = labelled.count > 1 && labelled[labelled.count - 1].offset - labelled[labelled.count - 2].offset == 1
    let kept = crowded && shares.count > 7 ? labelled.filter { $0.offset != shares.count - 2 } : labelled
    return Chart(
      title: "Percentiles under load",
      summary: runs.map { run in
        "\(LoadContent.title(run)): median \(Cells.value(run.percentiles.first?.milliseconds, unit: "ms"))"
      }.joined(separator: "; "), xTitle: "percentile", yTitle: "ms, logarithmic",
      x: Scale(low: 0, high: Double(max(1, shares.count - 1)), isLogarithmic: false, ticks: []),
      y: .logarithmic(lines.flatMap(\.points).map(\.y)),
      xLabels: kept.map { (Double($0.offset), String(LoadContent.percentile($0.element).dropLast(2))) }, lines: lines)
  }

  private var requests: Chart {
    let lines = runs.indices.filter { runs[$0].perSecond.count > 1 }.map { index in
      line(
        index,
        runs[index].perSecond.map {
          Chart.Point(x: Double($0.second), y: max(0, Double($0.requests) - Double($0.failures)))
        }, marked: [])
    }
    return overTime("Answered requests over time", "requests/s", lines)
  }

  private var times: Chart {
    let lines = runs.indices.filter { runs[$0].perSecond.count > 1 }.map { index in
      line(
        index,
        runs[index].perSecond.compactMap { second in
          second.p95Milliseconds.flatMap { $0.isFinite ? Chart.Point(x: Double(second.second), y: $0) : nil }
        }, marked: [])
    }
    return overTime("95th percentile over time", "ms", lines)
  }

  private func overTime(_ title: String, _ unit: String, _ lines: [Chart.Line]) -> Chart {
    var lines = lines
    // Three marks tell the lines apart.
    for index in lines.indices {
      let count = lines[index].points.count
      lines[index].marked = Array(Set([count / 6, count / 2, count * 5 / 6])).sorted()
    }
    let points = lines.flatMap(\.points)
    return Chart(
      title: title, summary: "one value for each second", xTitle: "seconds from the beginning", yTitle: unit,
      x: .linear(points.map(\.x)), y: .linear(points.map(\.y)), lines: lines)
  }
}
