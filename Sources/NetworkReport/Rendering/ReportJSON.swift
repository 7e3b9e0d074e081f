import FoundationEssentials
import Measurement

/// The report as a document: the envelope of all instruments around it, its members sorted by name.
public enum ReportJSON {
  /// What went before in a run and is to stand in its document.
  public static func document(
    _ report: NetworkReport, clock: RunClock, arguments: [String] = CommandLine.arguments,
    libraries: [String: String] = [:]
  ) -> NetworkReportDocument {
    NetworkReportDocument(
      schema: NetworkReport.schema, tool: ResultTool(name: "svs bench report", libraries: libraries), clock: clock,
      arguments: arguments, partial: report.wasInterrupted, series: series(report), result: report)
  }

  public static func text(_ document: NetworkReportDocument) throws(ResultFileError) -> String {
    try ResultFile.json(document)
  }

  /// The report of a document's text, to show it again.
  public static func report(of text: String) throws(ReportDocumentError) -> NetworkReport {
    let decoder = JSONDecoder()
    decoder.nonConformingFloatDecodingStrategy = .convertFromString(
      positiveInfinity: "infinity", negativeInfinity: "-infinity", nan: "nan")
    let data = Data(text.utf8)
    do {
      let schema = try decoder.decode(Envelope.self, from: data).schema
      guard schema.name == NetworkReport.schema.name, schema.version == NetworkReport.schema.version else {
        throw ReportDocumentError(
          "The document is '\(Legible.line(schema.name, limit: 60))' version \(schema.version); shown can be "
            + "'\(NetworkReport.schema.name)' version \(NetworkReport.schema.version).")
      }
      return try decoder.decode(Content.self, from: data).result
    } catch let error as ReportDocumentError {
      throw error
    } catch {
      throw ReportDocumentError("The document is not a whole report of 'svs bench report --json': \(reason(error)).")
    }
  }

  private struct Envelope: Decodable { var schema: ResultSchema }
  private struct Content: Decodable { var result: NetworkReport }

  private static func reason(_ error: any Error) -> String {
    switch error as? DecodingError {
    case .keyNotFound(let key, let context)?: "'\(path(context, key))' is missing"
    case .typeMismatch(_, let context)?, .valueNotFound(_, let context)?: "'\(path(context))' has another form"
    default: "it is not JSON, or was cut off"
    }
  }

  private static func path(_ context: DecodingError.Context, _ key: (any CodingKey)? = nil) -> String {
    Legible.line((context.codingPath + (key.map { [$0] } ?? [])).map(\.stringValue).joined(separator: "."), limit: 200)
  }

  /// The rounds' values by which two reports can be compared.
  static func series(_ report: NetworkReport) -> [Series] {
    var series: [Series] = []
    func add(
      _ name: String, _ subject: String, _ unit: String, _ better: Series.Direction, _ estimate: Estimate,
      _ factor: Double
    ) {
      let samples = estimate.values.map { $0.value * factor }.filter(\.isFinite)
      guard !samples.isEmpty else { return }
      series.append(Series(name, of: subject, unit: unit, better: better, samples: samples))
    }
    for path in report.latency?.paths ?? [] {
      add("latency, median of a round", path.path.title, "s", .lower, path.medianTotalMilliseconds, 1e-3)
    }
    for path in report.throughput?.paths ?? [] {
      for figures in path.directions {
        let subject = "\(path.path.title), \(figures.direction.rawValue)"
        add("throughput", subject, "bit/s", .higher, figures.gigabitsPerSecond, 1e9)
        add("processor time per gigabit", subject, "s", .lower, figures.machineBusySecondsPerGigabit, 1)
      }
    }
    for variant in report.services?.variants ?? [] {
      add("service throughput", variant.access.title, "bit/s", .higher, variant.gigabitsPerSecond, 1e9)
      add("new connections", variant.access.title, "1/s", .higher, variant.newConnectionsPerSecond, 1)
      add("request on a new connection", variant.access.title, "s", .lower, variant.medianRequestMicroseconds, 1e-6)
    }
    for point in report.services?.scaling ?? [] {
      let subject = "\(point.access.title), \(point.services) services"
      add("new connections among services", subject, "1/s", .higher, point.newConnectionsPerSecond, 1)
    }
    return series
  }
}

/// A document that is no report, or no whole one.
public struct ReportDocumentError: Error, CustomStringConvertible {
  public let description: String

  init(_ description: String) { self.description = description }
}
