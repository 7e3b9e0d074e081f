/// What a Locust master's `stats/requests` says (locust 2.x, its web page's own source).
struct LocustReading: Sendable {
  /// No user is left, and every worker has reported.
  var hasEnded: Bool
  var workers: Int
  var requests: Int
  var failures: Int
  var failuresByKind: [String: Int]
  var meanMilliseconds: Double?
  var percentiles: [QuantilePoint]
  var tasks: [LoadTask]

  init(json text: String) throws(MeasuringError) {
    let page = try InstrumentOutput.decode(Page.self, text, what: "Locust")
    hasEnded = page.state == "stopped"
    workers = page.workers?.elements.count ?? page.worker_count?.count ?? 0
    let rows = page.stats?.elements ?? []
    let total = rows.last { $0.name == "Aggregated" }
    requests = total?.num_requests?.count ?? 0
    failures = min(total?.num_failures?.count ?? 0, requests)
    failuresByKind = [:]
    for error in page.errors?.elements ?? [] {
      failuresByKind[error.error, default: 0] += min(error.occurrences?.count ?? 0, 1 << 50)
    }
    meanMilliseconds = total?.avg_response_time?.positive
    percentiles = [
      (0.5, total?.median_response_time), (0.95, total?.p95), (0.99, total?.p99), (1, total?.max_response_time),
    ].compactMap { share, number in number?.value.map { QuantilePoint(share: share, milliseconds: $0) } }
    tasks = rows.filter { $0.name != "Aggregated" }.map { row in
      LoadTask(
        name: [row.method, row.name].compactMap(\.self).joined(separator: " "), requests: row.num_requests?.count ?? 0,
        failures: min(row.num_failures?.count ?? 0, row.num_requests?.count ?? 0),
        medianMilliseconds: row.median_response_time?.value, p95Milliseconds: row.p95?.value,
        p99Milliseconds: row.p99?.value)
    }
  }

  /// Takes all percentiles from `stats/requests/csv`, in place of the few of the page; a table of another form is none.
  mutating func take(percentilesOf table: String) {
    let rows = table.split(whereSeparator: \.isNewline).map {
      $0.split(separator: ",", omittingEmptySubsequences: false)
    }
    // Of its four first columns the name alone could hold a comma; that of all requests does not.
    guard let header = rows.first, let total = rows.last(where: { $0.count > 1 && $0[1] == "Aggregated" }),
      total.count == header.count
    else { return }
    let values = Dictionary(zip(header, total), uniquingKeysWith: { first, _ in first })
    let points = Self.columns.compactMap { column, share in
      values[column].flatMap { Double($0) }.flatMap { milliseconds in
        milliseconds.isFinite && milliseconds >= 0 ? QuantilePoint(share: share, milliseconds: milliseconds) : nil
      }
    }
    if points.count > percentiles.count { percentiles = points }
  }

  private static let columns: [(Substring, Double)] = [
    ("50%", 0.5), ("66%", 0.66), ("75%", 0.75), ("80%", 0.8), ("90%", 0.9), ("95%", 0.95), ("98%", 0.98), ("99%", 0.99),
    ("99.9%", 0.999), ("100%", 1),
  ]

  private struct Page: Decodable {
    var stats: LenientArray<Row>?
    var errors: LenientArray<Problem>?
    var workers: LenientArray<Worker>?
    var worker_count: LenientNumber?
    var state: String?
  }

  private struct Worker: Decodable, Sendable {}

  private struct Problem: Decodable, Sendable {
    var error: String
    var occurrences: LenientNumber?
  }

  private struct Row: Decodable, Sendable {
    var name: String
    var method: String?
    var num_requests, num_failures, avg_response_time, median_response_time, max_response_time: LenientNumber?
    var p95, p99: LenientNumber?

    private enum CodingKeys: String, CodingKey {
      case name, method, num_requests, num_failures, avg_response_time, median_response_time, max_response_time
      case p95 = "response_time_percentile_0.95"
      case p99 = "response_time_percentile_0.99"
    }
  }
}
