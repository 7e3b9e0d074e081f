import Measurement

/// The report as `--json` writes it: the envelope of all instruments around it.
public typealias NetworkReportDocument = ResultDocument<NetworkReport>

extension NetworkReport {
  public static let schema = ResultSchema(name: "svs.bench.report", version: 1)

  /// The document of a report that took so long as the clock says.
  public func document(clock: RunClock) -> NetworkReportDocument {
    ResultDocument(
      schema: Self.schema, tool: ResultTool(name: "svs bench report"), clock: clock, partial: wasInterrupted,
      error: wasInterrupted ? "interrupted" : nil, series: series, result: self)
  }

  /// Rounds' values in SI units, by which two reports are compared.
  public var series: [Series] {
    var series: [Series] = []
    func add(_ name: String, _ subject: String, _ unit: String, _ better: Series.Direction, _ values: [Double]) {
      if !values.isEmpty { series.append(Series(name, of: subject, unit: unit, better: better, samples: values)) }
    }
    for path in latency?.paths ?? [] {
      add("median latency", path.path.title, "s", .lower, path.medianTotalMilliseconds.values.map { $0.value / 1000 })
    }
    for run in load?.runs ?? [] {
      add("requests per second", "\(run.generator.rawValue), \(run.title)", "1/s", .higher, run.wholeSeconds)
    }
    for path in throughput?.paths ?? [] {
      for figures in path.directions {
        let subject = "\(path.path.title), \(figures.direction.rawValue)"
        add("throughput", subject, "bit/s", .higher, figures.gigabitsPerSecond.values.map { $0.value * 1e9 })
        add(
          "processor time per bit", subject, "s", .lower,
          figures.machineBusySecondsPerGigabit.values.map { $0.value / 1e9 })
      }
    }
    for variant in services?.variants ?? [] {
      let subject = variant.access.title
      add("service throughput", subject, "bit/s", .higher, variant.gigabitsPerSecond.values.map { $0.value * 1e9 })
      add("service latency", subject, "s", .lower, variant.medianRequestMicroseconds.values.map { $0.value / 1e6 })
      add("new connections", subject, "1/s", .higher, variant.newConnectionsPerSecond.values.map(\.value))
    }
    for point in services?.scaling ?? [] {
      let subject = "\(point.access.title), \(point.services) services"
      add("new connections", subject, "1/s", .higher, point.newConnectionsPerSecond.values.map(\.value))
    }
    return series
  }
}

extension LoadRun {
  /// Answered requests of the seconds that are whole: without the first and the last.
  fileprivate var wholeSeconds: [Double] {
    perSecond.dropFirst().dropLast().map { Double(max(0, $0.requests - $0.failures)) }
  }
}
