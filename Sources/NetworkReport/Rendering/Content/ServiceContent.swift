import Measurement

/// What a ClusterIP costs, by our hooks and by nftables rules.
struct ServiceContent: Sendable {
  private let report: NetworkReport

  init(_ report: NetworkReport) { self.report = report }

  var section: ReportSection {
    let part = report.services
    var section = ReportSection(
      id: "services", title: "What a ClusterIP costs",
      missing: ReportContent.absence(of: .services, in: report, isThere: part != nil))
    guard let part else { return section }
    section.lead = [
      "One pod reaches another on another node over \(Legible.line(part.backend, limit: 40)): by the pod's own address, by "
        + "a ClusterIP that our hooks translate when the pod connects, and by one that nftables rules serve as kube-proxy "
        + "writes them, on both nodes; the cluster's own services are served beside it either way."
    ]
    if part.variants.isEmpty && part.scaling.isEmpty { section.missing = ["No way to the pod was measured."] }
    let failures = part.variants.flatMap(\.failures) + part.scaling.flatMap(\.failures)
    section.missing += failures.prefix(20).map { "\(Legible.line($0.measurement)): \(Legible.line($0.reason))" }
    section.tables = [
      variants(part), ReportContent.table("Against each other", part.comparisons), scaling(part),
      ReportContent.table("As services grow", part.scalingComparisons),
    ].compactMap { $0 }
    return section
  }

  private func variants(_ part: ServiceCostPart) -> ReportTable? {
    guard !part.variants.isEmpty else { return nil }
    var table = ReportTable(
      "ClusterIP and pod IP",
      [
        .text("way"), .number("Gbit/s"), .number("interval"), .number("CPU s/Gbit"), .number("median µs"),
        .number("p99 µs"), .number("new conn/s"), .number("interval"),
      ])
    for variant in part.variants {
      table.add([
        .init(variant.access.title), .init(Cells.number(variant.gigabitsPerSecond)),
        .init(Cells.interval(variant.gigabitsPerSecond.interval)),
        .init(Cells.number(variant.machineBusySecondsPerGigabit)),
        .init(Cells.number(variant.medianRequestMicroseconds)),
        .init(Cells.number(variant.p99RequestMicroseconds)), .init(Cells.number(variant.newConnectionsPerSecond)),
        .init(Cells.interval(variant.newConnectionsPerSecond.interval)),
      ])
    }
    table.notes = [
      "Median and p99: a request on a connection of its own; "
        + "medians are means of three parts' of each round."
    ]
    return table
  }

  private func scaling(_ part: ServiceCostPart) -> ReportTable? {
    guard !part.scaling.isEmpty else { return nil }
    var table = ReportTable(
      "New connections as services grow",
      [
        .text("served by"), .number("services"), .number("endpoints each"), .number("new conn/s"), .number("interval"),
        .number("s to install"),
      ])
    for point in part.scaling {
      table.add([
        .init(point.access.title), .init(Cells.count(point.services)), .init(Cells.count(point.endpointsPerService)),
        .init(Cells.number(point.newConnectionsPerSecond)),
        .init(Cells.interval(point.newConnectionsPerSecond.interval)), .init(Cells.number(point.secondsToInstall)),
      ])
    }
    table.notes = [
      "Seconds to install: of nftables on one node, once; of our hooks on all nodes, the fastest of the rounds."
    ]
    return table
  }
}
