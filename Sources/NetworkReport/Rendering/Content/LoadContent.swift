import Measurement

/// What the application bears, with percentiles as Locust lists them.
struct LoadContent: Sendable {
  private let report: NetworkReport

  init(_ report: NetworkReport) { self.report = report }

  var section: ReportSection {
    let part = report.load
    var section = ReportSection(
      id: "load", title: "Load", missing: ReportContent.absence(of: .load, in: report, isThere: part != nil))
    guard let part else { return section }
    section.lead = [
      "Users that send one request after the other to the application: a login, and then metrics. One run each, without "
        + "intervals; requests a second and times are those of answered requests, Locust's times of all."
    ]
    if part.runs.isEmpty { section.missing = ["No load was run."] }
    section.missing += part.runs.compactMap { run in
      run.failure.map { "\(Legible.line($0.measurement)): \(Legible.line($0.reason))" }
    }
    guard !part.runs.isEmpty else { return section }
    section.tables =
      [summary(part), percentiles(part)] + [tasks(part), failures(part)].compactMap { $0 }
      + part.runs.filter { !$0.perSecond.isEmpty }.map(seconds)
    return section
  }

  static func title(_ run: LoadRun) -> String {
    run.generator == .locust ? "Locust, \(Legible.line(run.title, limit: 80))" : Legible.line(run.title, limit: 80)
  }

  private func summary(_ part: LoadPart) -> ReportTable {
    var table = ReportTable(
      "Requests",
      [
        .text("from"), .number("users"), .number("spawn rate"), .number("seconds"), .number("requests"),
        .number("failures"), .number("answered/s"), .number("mean ms"),
      ])
    for run in part.runs {
      table.add([
        .init(Self.title(run)), .init(Cells.count(run.users)),
        .init(run.usersSpawnedPerSecond.map { Cells.short($0) + " /s" } ?? "at once"),
        .init(Cells.short(run.seconds)), .init(Cells.count(run.requests)),
        .init(Cells.count(run.failures), run.failures > 0 ? .bad : .plain), .init(Cells.number(run.requestsPerSecond)),
        .init(Cells.number(run.meanMilliseconds)),
      ])
    }
    for run in part.runs {
      let host = Legible.line(run.host, limit: 100), url = Legible.line(run.url, limit: 300)
      table.notes.append("\(Self.title(run)): \(url) from \(host), by \(run.generator.rawValue).")
      guard let locust = run.locust else { continue }
      let answer = locust.webStatus.map { "answered \($0)" } ?? "did not answer"
      let version = locust.version.map { " " + Legible.line($0, limit: 40) } ?? ""
      table.notes.append(
        "Locust\(version) with \(Wording.count(locust.workers, "worker")); its page "
          + "\(Legible.line(locust.webURL, limit: 300)) \(answer).")
    }
    return table
  }

  private func percentiles(_ part: LoadPart) -> ReportTable {
    let shares = Set(part.runs.flatMap(\.percentiles).map(\.share)).filter(\.isFinite).sorted().prefix(12)
    var table = ReportTable(
      "Percentiles of answered requests, ms", [.text("from")] + shares.map { .number(Self.percentile($0)) })
    for run in part.runs {
      table.add(
        [.init(Self.title(run))]
          + shares.map { share in
            .init(Cells.number(run.percentiles.first { $0.share == share }?.milliseconds))
          })
    }
    return table
  }

  /// `50 %`, `99.9 %`.
  static func percentile(_ share: Double) -> String {
    let percent = share * 100
    return Cells.fixed(percent, places: abs(percent - percent.rounded()) < 1e-9 ? 0 : 1) + " %"
  }

  private func tasks(_ part: LoadPart) -> ReportTable? {
    guard part.runs.contains(where: { !$0.tasks.isEmpty }) else { return nil }
    var table = ReportTable(
      "By task", .detail,
      [
        .text("from"), .text("task"), .number("requests"), .number("failures"), .number("requests/s"),
        .number("median ms"), .number("p95 ms"), .number("p99 ms"),
      ])
    for run in part.runs {
      for task in run.tasks {
        table.add([
          .init(Self.title(run)), .init(Legible.line(task.name, limit: 100)), .init(Cells.count(task.requests)),
          .init(Cells.count(task.failures), task.failures > 0 ? .bad : .plain),
          .init(Cells.number(task.requestsPerSecond)), .init(Cells.number(task.medianMilliseconds)),
          .init(Cells.number(task.p95Milliseconds)), .init(Cells.number(task.p99Milliseconds)),
        ])
      }
    }
    return table
  }

  private func failures(_ part: LoadPart) -> ReportTable? {
    guard part.runs.contains(where: { !$0.failuresByKind.isEmpty }) else { return nil }
    var table = ReportTable("Failures by kind", [.text("from"), .text("failure"), .number("requests")])
    for run in part.runs {
      for (kind, count) in run.failuresByKind.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }).prefix(20) {
        table.add([.init(Self.title(run)), .init(Legible.line(kind, limit: 300), .bad), .init(Cells.count(count))])
      }
    }
    return table
  }

  private func seconds(_ run: LoadRun) -> ReportTable {
    var table = ReportTable(
      "\(Self.title(run)), second by second", .rows,
      [
        .number("second"), .number("users"), .number("requests"), .number("failures"), .number("median ms"),
        .number("p95 ms"),
      ])
    for second in run.perSecond {
      table.add([
        .init(Cells.count(second.second)), .init(Cells.count(second.users)), .init(Cells.count(second.requests)),
        .init(Cells.count(second.failures), second.failures > 0 ? .bad : .plain),
        .init(Cells.number(second.medianMilliseconds)), .init(Cells.number(second.p95Milliseconds)),
      ])
    }
    return table
  }
}
