import Measurement

/// Throughput by path and backend, against node to node, with what it costs beside bytes.
struct ThroughputContent: Sendable {
  private let report: NetworkReport

  init(_ report: NetworkReport) { self.report = report }

  var section: ReportSection {
    let part = report.throughput
    var section = ReportSection(
      id: "throughput", title: "Throughput by path and overlay backend",
      missing: ReportContent.absence(of: .throughput, in: report, isThere: part != nil))
    guard let part else { return section }
    section.lead = [
      "One TCP connection, without each run's first row; the medians of the rounds, and intervals that hold the true ones "
        + "95 times in 100. Loss is what is missing against node to node of the same round."
    ]
    if part.paths.isEmpty { section.missing = ["No path was measured."] }
    section.missing += OverlayPath.allCases.filter { path in
      !part.paths.isEmpty && !part.paths.contains { $0.path == path && $0.directions.contains(where: Self.isMeasured) }
    }.map { "No value for \($0.title)." }
    section.tables =
      TransferDirection.allCases.compactMap { figures(part, $0) } + [roundTrips(part)].compactMap { $0 }
      + [
        ReportContent.table("Against node to node", part.againstNodeToNode, showsLoss: true),
        ReportContent.table("host-gw against vxlan", part.hostGatewayAgainstVXLAN),
        switches(part), runs(part),
      ].compactMap { $0 } + part.paths.flatMap { path in path.runs.map { rows(path, $0) } }
    return section
  }

  private static func isMeasured(_ figures: DirectionFigures) -> Bool {
    figures.gigabitsPerSecond.median?.isFinite == true
  }

  private func figures(_ part: ThroughputPart, _ direction: TransferDirection) -> ReportTable? {
    let rows = part.paths.compactMap { path in
      path.directions.first { $0.direction == direction }.map { (path, $0) }
    }
    guard !rows.isEmpty else { return nil }
    var table = ReportTable(
      "Throughput, \(direction == .clientSends ? "the client sends" : "the server sends")",
      [
        .text("path"), .text("backend"), .number("Gbit/s"), .number("interval"), .number("loss"), .text("verdict"),
        .number("retr/GB"), .number("CPU s/Gbit"),
      ])
    for (path, figures) in rows {
      let comparison = Self.comparison(part, path.path, direction)
      let isReference = path.path == .nodeToNode
      table.add([
        .init(path.path.route), .init(path.path.backend ?? "none"), .init(Cells.number(figures.gigabitsPerSecond)),
        .init(Cells.interval(figures.gigabitsPerSecond.interval)),
        .init(isReference ? "" : Cells.percent(comparison?.lossPercent)),
        isReference ? "" : comparison.map { Cells.verdict($0.verdict) } ?? .init(Cells.none),
        .init(Cells.number(figures.retransmitsPerGigabyte)), .init(Cells.number(figures.machineBusySecondsPerGigabit)),
      ])
    }
    table.notes = [
      "retr/GB: TCP segments sent again for each 10⁹ bytes; CPU: of all the machine's processors, both sides of the path."
    ]
    return table
  }

  /// The comparison of a path with node to node in a direction, by the words of its subject.
  static func comparison(
    _ part: ThroughputPart, _ path: OverlayPath, _ direction: TransferDirection
  ) -> PairedRatio? {
    let ofPath = part.againstNodeToNode.filter {
      $0.subject.hasPrefix(path.title) && $0.quantity.contains("throughput")
    }
    func says(_ ratio: PairedRatio, _ direction: TransferDirection) -> Bool {
      ratio.subject.contains(direction.rawValue) || ratio.quantity.contains(direction.rawValue)
    }
    if let found = ofPath.first(where: { says($0, direction) }) { return found }
    // Without the direction's words, the first is of the first direction.
    let wordless = ofPath.filter { ratio in !TransferDirection.allCases.contains { says(ratio, $0) } }
    let index = direction == .clientSends ? 0 : 1
    return wordless.indices.contains(index) ? wordless[index] : nil
  }

  private func roundTrips(_ part: ThroughputPart) -> ReportTable? {
    let rows = part.paths.flatMap { path in path.directions.map { (path, $0) } }
    guard rows.contains(where: { $0.1.loadedRoundTripMilliseconds.median != nil }) else { return nil }
    var table = ReportTable(
      "Round trips beside the load, ms",
      [
        .text("path"), .text("sends"), .number("idle"), .number("interval"), .number("loaded"), .number("interval"),
        .number("TCP's own"), .number("busy"),
      ])
    for (path, figures) in rows {
      table.add([
        .init(path.path.title), .init(figures.direction == .clientSends ? "client" : "server"),
        .init(Cells.number(figures.idleRoundTripMilliseconds)),
        .init(Cells.interval(figures.idleRoundTripMilliseconds.interval)),
        .init(Cells.number(figures.loadedRoundTripMilliseconds)),
        .init(Cells.interval(figures.loadedRoundTripMilliseconds.interval)),
        .init(Cells.number(figures.tcpRoundTripMilliseconds)),
        .init(Cells.share(figures.machineBusyShare.median)),
      ])
    }
    table.notes = ["Medians of an echo on a connection of its own; busy: how much of the machine was during the load."]
    return table
  }

  private func switches(_ part: ThroughputPart) -> ReportTable? {
    guard !part.switches.isEmpty else { return nil }
    var table = ReportTable(
      "Live changes of the backend", .rows, [.number("before round"), .text("to"), .number("seconds"), .text("")])
    for change in part.switches {
      table.add([
        .init(Cells.count(change.round)), .init(Legible.line(change.backend, limit: 40)),
        .init(Cells.number(change.seconds)),
        .init(change.failure.map { Legible.line($0.reason) } ?? "", change.failure == nil ? .plain : .bad),
      ])
    }
    return table
  }

  private func runs(_ part: ThroughputPart) -> ReportTable? {
    let all = part.paths.flatMap { path in path.runs.map { (path, $0) } }
    guard !all.isEmpty else { return nil }
    let inOrder = all.sorted { $0.1.startedSecondsAfterBeginning < $1.1.startedSecondsAfterBeginning }
    var table = ReportTable(
      "Every run, in the order in which they were made", .rows,
      [
        .number("at s"), .number("round"), .text("path"), .text("sends"), .number("Gbit/s"), .number("Retr"),
        .number("CPU s/Gbit"), .text("failure"),
      ])
    for (path, run) in inOrder {
      table.add([
        .init(Cells.fixed(run.startedSecondsAfterBeginning, places: 1)), .init(Cells.count(run.round)),
        .init(path.path.title), .init(run.direction == .clientSends ? "client" : "server"),
        .init(Cells.number(run.receiver.map { $0.bitsPerSecond / 1e9 })), .init(Cells.count(run.sender?.retransmits)),
        .init(Cells.number(run.machineBusySecondsPerGigabit)),
        .init(run.failure.map { Legible.line($0.reason) } ?? "", run.failure == nil ? .plain : .bad),
      ])
    }
    return table
  }

  /// A run as iperf3 prints one.
  private func rows(_ path: ThroughputPath, _ run: ThroughputRun) -> ReportTable {
    var table = ReportTable(
      "\(path.path.title), round \(Cells.count(run.round)), \(run.direction.rawValue)", .rows,
      [
        .text("Interval"), .number("Transfer"), .number("Bandwidth"), .number("Retr"), .number("Cwnd"),
        .number("RTT ms"),
      ])
    for row in run.intervals {
      table.add([
        .init(Self.span(row.startSeconds, row.endSeconds)), .init(Self.bytes(row.bytes)),
        .init(Self.rate(row.bitsPerSecond)), .init(Cells.count(row.retransmits)),
        .init(row.congestionWindowBytes.map(Self.bytes) ?? Cells.none),
        .init(Cells.number(row.tcpRoundTripMilliseconds)),
      ])
    }
    for (summary, name) in [(run.sender, "sender"), (run.receiver, "receiver")] {
      guard let summary else { continue }
      table.add([
        .init(Self.span(0, summary.seconds) + " " + name), .init(Self.bytes(summary.bytes)),
        .init(Self.rate(summary.bitsPerSecond)), .init(Cells.count(summary.retransmits)), "", "",
      ])
    }
    if let failure = run.failure { table.notes = [Legible.line(failure.reason)] }
    return table
  }

  private static func span(_ start: Double, _ end: Double) -> String {
    "\(Cells.fixed(start, places: 2))-\(Cells.fixed(end, places: 2)) s"
  }

  /// iperf3's units of bytes are powers of 1024.
  private static func bytes(_ count: Double) -> String {
    let units = [(1_073_741_824.0, "GBytes"), (1_048_576, "MBytes"), (1024, "KBytes")]
    guard count.isFinite else { return Cells.none }
    let unit = units.first { abs(count) >= $0.0 } ?? (1, "Bytes")
    return Cells.number(count / unit.0) + " " + unit.1
  }

  private static func rate(_ bitsPerSecond: Double) -> String {
    bitsPerSecond.isFinite ? Cells.number(bitsPerSecond / 1e9) + " Gbits/sec" : Cells.none
  }
}
