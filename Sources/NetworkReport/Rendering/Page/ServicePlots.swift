/// What a ClusterIP costs, as plots.
struct ServicePlots: Sendable {
  private let part: ServiceCostPart?

  init(_ report: NetworkReport) { part = report.services }

  var figures: [Markup] {
    guard let part else { return [] }
    let strips = [
      strip(part, "Throughput", "Gbit/s") { $0.gigabitsPerSecond },
      strip(part, "Requests on new connections, median", "µs") { $0.medianRequestMicroseconds },
      strip(part, "New connections", "1/s") { $0.newConnectionsPerSecond },
      strip(part, "Processor time for each gigabit", "s/Gbit") { $0.machineBusySecondsPerGigabit },
      Strip.ratios("Against each other", part.comparisons), Strip.ratios("As services grow", part.scalingComparisons),
    ].filter { !$0.isEmpty }.map(\.markup)
    let scaling = scaling(part)
    let all = strips + (scaling.isEmpty ? [] : [scaling.markup])
    return all.isEmpty ? [] : [.element("div", ["class": "figures"], all)]
  }

  private func strip(
    _ part: ServiceCostPart, _ title: String, _ unit: String, _ estimate: (ServiceVariant) -> Estimate
  ) -> Strip {
    let rows = part.variants.map { variant in
      let series = ServiceAccess.allCases.firstIndex(of: variant.access) ?? 0
      return Strip.Row(
        label: variant.access.title,
        marks: [Strip.Mark("", [4, 3, 0, 1][series % 4], estimate(variant), unit: unit)])
    }
    return Strip(
      title: title, unit: unit == "1/s" ? "per second" : unit, look: .bar, scale: .linear(rows.flatMap(\.extent)),
      rows: rows)
  }

  private func scaling(_ part: ServiceCostPart) -> Chart {
    let served: [ServiceAccess] = [.clusterIPHooks, .clusterIPNFTables]
    let lines = served.enumerated().compactMap { index, access -> Chart.Line? in
      let points = part.scaling.filter { $0.access == access }.sorted { $0.services < $1.services }.compactMap {
        point in
        point.newConnectionsPerSecond.median.flatMap { median in
          median.isFinite && point.services > 0
            ? Chart.Point(x: Double(point.services), y: median, interval: point.newConnectionsPerSecond.interval) : nil
        }
      }
      return points.isEmpty ? nil : Chart.Line(name: access.title, series: index, points: points)
    }
    let points = lines.flatMap(\.points)
    let x = Scale.logarithmic(points.map(\.x))
    // The measured numbers themselves, where they are not too near to each other.
    var labels: [(at: Double, text: String)] = []
    for count in Set(points.map(\.x)).sorted(by: >) {
      guard let at = x.percent(count), (labels.last.flatMap { x.percent($0.at) } ?? 200) - at > 14 else { continue }
      labels.append((count, Cells.short(count)))
    }
    return Chart(
      title: "New connections as services grow",
      summary: part.scaling.map {
        "\($0.access.title), \(Cells.count($0.services)) services: \(Cells.number($0.newConnectionsPerSecond)) per second"
      }.joined(separator: "; "), xTitle: "services (logarithmic)", yTitle: "per second",
      x: x, y: .linear(points.flatMap { [$0.y, $0.interval?.high].compactMap(\.self) }), xLabels: labels.reversed(),
      lines: lines)
  }
}
