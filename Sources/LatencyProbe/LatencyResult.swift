import Measurement

/// What a measurement of latency found: the instrument's part of its JSON.
public struct LatencyResult: Codable, Sendable {
  public static let schema = ResultSchema(name: "svs.bench.latency", version: 1)

  /// One way to a server.
  public struct Path: Codable, Sendable {
    public var url: String
    public var probes: [Probe] = []
    /// How many probes have no response.
    public var failures = 0
    /// By curl's name of the time, in seconds, of those that have one.
    public var summaries: [String: Summary] = [:]
    public var phases: [PhaseShare] = []

    init(url: String) { self.url = url }

    public var answered: [Probe] { probes.filter(\.succeeded) }
  }

  /// What of the time goes to one phase.
  public struct PhaseShare: Codable, Hashable, Sendable {
    public var phase: Phase
    /// Seconds.
    public var mean: Double
    public var median: Double
    /// Of the mean total.
    public var share: Double
  }

  public var paths: [Path]
  public var wasInterrupted = false
  /// Why not all probes that were planned were answered; nil where they were.
  public var shortfall: String?

  init(_ paths: [Path]) { self.paths = paths }

  mutating func finish(planned: Int) {
    for index in paths.indices {
      let times = paths[index].answered.map(\.times)
      paths[index].failures = paths[index].probes.count - times.count
      for moment in Moment.allCases {
        paths[index].summaries[moment.rawValue] = Distribution(times.map(moment.value)).summary
      }
      let total = Distribution(times.map(\.total)).mean ?? 0
      paths[index].phases = Phase.allCases.compactMap { phase in
        let values = Distribution(times.map(phase.value))
        guard let mean = values.mean, let median = values.median else { return nil }
        return PhaseShare(phase: phase, mean: mean, median: median, share: total > 0 ? mean / total : 0)
      }
    }
    shortfall = wasInterrupted ? "interrupted" : firstFailure(planned)
  }

  private func firstFailure(_ planned: Int) -> String? {
    guard let path = paths.first(where: { $0.failures > 0 || $0.probes.count < planned }) else { return nil }
    let error = path.probes.first { !$0.succeeded }?.error ?? "it was not probed"
    return "\(path.url): \(path.failures) of \(path.probes.count) probes failed; the first: \(error)"
  }

  /// The times of all answered probes, by which results are compared.
  public var series: [Series] {
    paths.flatMap { path in
      // Of a URL that was given several times all stay, without a value too: they are told apart by their order.
      let answered = paths.filter { $0.url == path.url }.flatMap(\.answered)
      return Moment.allCases.compactMap { moment -> Series? in
        // Without TLS there is no such moment.
        if moment == .appconnect, !answered.contains(where: { $0.times.appconnect > 0 }) { return nil }
        guard !answered.isEmpty else { return nil }
        let samples = path.answered.map { moment.value($0.times) }
        return Series(moment.rawValue, of: path.url, unit: "s", better: .lower, samples: samples)
      }
    }
  }

  /// What became of all probes; a status from 400 on is a failure of the server, though it answered.
  public var outcomes: [Outcomes] {
    paths.map { path in
      var kinds: [String: Int] = [:]
      for probe in path.probes {
        kinds[probe.error ?? probe.status.map { "status \($0)" } ?? "no status", default: 0] += 1
      }
      let failures = path.probes.count { !$0.succeeded || ($0.status ?? 0) >= 400 }
      return Outcomes(of: path.url, total: path.probes.count, failures: failures, kinds: kinds)
    }
  }

  public var csv: CSV {
    var csv = CSV(
      ["url", "probe", "start"] + Moment.allCases.map(\.rawValue)
        + ["status", "http_version", "address", "content_bytes", "connections", "error"])
    for path in paths {
      for (number, probe) in path.probes.enumerated() {
        csv.add(
          [path.url, String(number + 1), Figures.seconds(probe.start)]
            + Moment.allCases.map { Figures.seconds($0.value(probe.times)) }
            + [
              probe.status.map(String.init) ?? "", probe.httpVersion ?? "", probe.address ?? "",
              String(probe.contentBytes), String(probe.connections), probe.error ?? "",
            ])
      }
    }
    return csv
  }
}
