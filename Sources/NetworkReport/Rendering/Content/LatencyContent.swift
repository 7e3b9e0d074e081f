import Measurement

/// Latency by access path: curl's table of each, and what the requests come to.
struct LatencyContent: Sendable {
  private let report: NetworkReport

  init(_ report: NetworkReport) { self.report = report }

  var section: ReportSection {
    let part = report.latency
    var section = ReportSection(
      id: "latency", title: "Latency by access path",
      missing: ReportContent.absence(of: .latency, in: report, isThere: part != nil))
    guard let part else { return section }
    section.lead = [
      "What a request takes, on a connection of its own, by the way it takes to the application; time_connect, "
        + "time_starttransfer and time_total are curl's, from the request's beginning."
    ]
    if part.paths.isEmpty { section.missing = ["No path was measured."] }
    section.tables = [summary(part)] + part.paths.map(requests) + [phases(part)].compactMap { $0 }
    if let table = ReportContent.table("Paths against each other", part.comparisons) { section.tables.append(table) }
    return section
  }

  private func summary(_ part: LatencyPart) -> ReportTable {
    var table = ReportTable(
      "time_total in ms",
      [
        .text("path"), .number("mean of 10"), .number("mean"), .number("median"), .number("interval"), .number("p90"),
        .number("p99"), .number("requests"), .number("failed"),
      ])
    for path in part.paths {
      table.add([
        .init(path.path.title), .init(Cells.number(path.tableMeanTotalMilliseconds)),
        .init(Cells.number(path.meanTotalMilliseconds)), .init(Cells.number(path.medianTotalMilliseconds)),
        .init(Cells.interval(path.medianTotalMilliseconds.interval)), .init(Cells.number(path.p90TotalMilliseconds)),
        .init(Cells.number(path.p99TotalMilliseconds)), .init(Cells.count(path.requests)),
        .init(Cells.count(path.failedRequests), path.failedRequests > 0 ? .bad : .plain),
      ])
    }
    table.notes = [
      "mean of 10: of the first ten requests, the cold first one among them; interval: 95 %, of the rounds' medians.",
      "What comes from outside passes the director (XDP); what nodes and pods send to a ClusterIP is translated when they "
        + "connect.",
    ]
    return table
  }

  private func requests(_ path: LatencyPath) -> ReportTable {
    let hasNames = path.table.contains { $0.nameLookupSeconds > 0 }
    var table = ReportTable(
      "\(path.path.title): \(Legible.line(path.url, limit: 300)) from \(Legible.line(path.host, limit: 100))", .detail,
      (hasNames ? [.number("time_namelookup")] : []) + [
        .number("time_connect"), .number("time_starttransfer"), .number("time_total"),
      ])
    for request in path.table {
      let times = [request.connectSeconds, request.startTransferSeconds, request.totalSeconds]
      let all = (hasNames ? [request.nameLookupSeconds] : []) + times
      table.add(all.map { .init(Cells.fixed($0, places: 6), request.error == nil ? .plain : .bad) })
    }
    if path.table.isEmpty {
      table.notes = ["No request was made."]
    } else {
      table.notes = ["mean of time_total: \(Cells.value(path.tableMeanTotalMilliseconds, unit: "ms"))"]
    }
    table.notes += path.table.enumerated().compactMap { index, request in
      if let error = request.error { return "Request \(index + 1) has no answer: \(Legible.line(error))" }
      guard let status = request.status, !(200..<400).contains(status) else { return nil }
      return "Request \(index + 1) was answered with status \(status)."
    }
    table.notes += path.failures.map { Legible.line($0.reason) }
    return table
  }

  private func phases(_ part: LatencyPart) -> ReportTable? {
    var names: [String] = []
    for phase in part.paths.flatMap(\.phases) where !names.contains(phase.name) { names.append(phase.name) }
    guard !names.isEmpty else { return nil }
    var table = ReportTable(
      "What each phase takes by itself, medians in ms", .detail,
      [.text("path")] + names.map { .number(Legible.line($0, limit: 40)) })
    for path in part.paths {
      table.add(
        [.init(path.path.title)]
          + names.map { name in
            .init(path.phases.first { $0.name == name }.map { Cells.number($0.medianMilliseconds) } ?? Cells.none)
          })
    }
    return table
  }
}
