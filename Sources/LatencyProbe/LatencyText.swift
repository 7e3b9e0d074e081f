import Measurement

/// A path's probes and what they come to, as text.
public struct LatencyText: Sendable {
  private let moments: [Moment]
  private let usesTLS: Bool

  public init(_ target: ProbeTarget) {
    usesTLS = target.usesTLS
    // The three of every report, and those two that may have taken time besides.
    moments =
      (target.isAddress ? [] : [.namelookup]) + [.connect] + (usesTLS ? [.appconnect] : []) + [.starttransfer, .total]
  }

  /// The head of the table of probes.
  public var head: String { moments.map(\.rawValue).joined(separator: "  ") }

  /// A probe's line of the table.
  public func line(_ probe: Probe) -> String {
    guard probe.succeeded else { return "failed after \(Figures.duration(probe.times.total)): \(probe.error ?? "")" }
    let cells = moments.map { Figures.seconds($0.value(probe.times)).paddedRight(to: $0.rawValue.count) }
    let note = probe.status.map { (200..<400).contains($0) ? "" : "  status \($0)" } ?? ""
    return cells.joined(separator: "  ").droppingTrailingBlanks + note
  }

  /// What the probes of a path come to.
  public func summary(_ path: LatencyResult.Path) -> String {
    var lines = [heading(path)]
    guard !path.summaries.isEmpty else { return lines[0] + "\n" }
    var table = TextTable([
      .init("", .left), .init("mean"), .init("median"), .init("p90"), .init("p99"), .init("min"), .init("max"),
      .init("std dev"),
    ])
    for moment in moments {
      guard let summary = path.summaries[moment.rawValue] else { continue }
      let values = [summary.mean, summary.median, summary.p90, summary.p99, summary.minimum, summary.maximum]
      table.add(
        [moment.rawValue] + values.map(Figures.duration) + [summary.standardDeviation.map(Figures.duration) ?? "-"])
    }
    var phases = TextTable([.init("by itself", .left), .init("mean"), .init("median"), .init("share")])
    for phase in path.phases {
      if phase.phase == .tls && !usesTLS { continue }
      phases.add([
        phase.phase.rawValue, Figures.duration(phase.mean), Figures.duration(phase.median),
        Figures.percent(phase.share),
      ])
    }
    lines += [table.text, phases.text]
    return lines.joined(separator: "\n")
  }

  private func heading(_ path: LatencyResult.Path) -> String {
    let answered = path.answered
    var text = "\(path.url): \(answered.count) of \(path.probes.count) probes answered"
    let addresses = Set(answered.compactMap(\.address)).sorted()
    if !addresses.isEmpty { text += " by \(addresses.joined(separator: ", "))" }
    let versions = Set(answered.compactMap(\.httpVersion)).sorted()
    if !versions.isEmpty { text += ", HTTP/\(versions.joined(separator: " and "))" }
    return text + Self.statuses(answered) + "\n"
  }

  /// The statuses where one is of failure: of several how often each, the commonest first.
  private static func statuses(_ answered: [Probe]) -> String {
    var counts: [Int: Int] = [:]
    for status in answered.compactMap(\.status) { counts[status, default: 0] += 1 }
    guard counts.keys.contains(where: { !(200..<400).contains($0) }) else { return "" }
    let sorted = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    guard sorted.count > 1 else { return ", status \(sorted[0].key)" }
    return ", " + sorted.map { "\(Figures.grouped($0.value)) × status \($0.key)" }.joined(separator: ", ")
  }
}
