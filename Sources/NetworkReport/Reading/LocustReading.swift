/// What a Locust master's `stats/requests` says (locust 2.x, its web page's own source).
struct LocustReading: Sendable {
  var workers: Int
  var requests: Int
  var failures: Int
  var failuresByKind: [String: Int]
  var requestsPerSecond: Double?
  var meanMilliseconds: Double?
  var percentiles: [QuantilePoint]
  var tasks: [LoadTask]

  init(json text: String) throws(MeasuringError) {
    let page = try InstrumentOutput.decode(Page.self, text, what: "Locust")
    workers = page.workers?.elements.count ?? page.worker_count?.count ?? 0
    let rows = page.stats?.elements ?? []
    let total = rows.last { $0.name == "Aggregated" }
    requests = total?.num_requests?.count ?? 0
    failures = min(total?.num_failures?.count ?? 0, requests)
    failuresByKind = [:]
    for error in page.errors?.elements ?? [] {
      failuresByKind[error.error, default: 0] += min(error.occurrences?.count ?? 0, 1 << 50)
    }
    requestsPerSecond = total?.answeredPerSecond
    meanMilliseconds = total?.avg_response_time?.positive
    percentiles = [
      (0.5, total?.median_response_time), (0.95, total?.p95), (0.99, total?.p99), (1, total?.max_response_time),
    ].compactMap { share, number in number?.value.map { QuantilePoint(share: share, milliseconds: $0) } }
    tasks = rows.filter { $0.name != "Aggregated" }.map { row in
      LoadTask(
        name: [row.method, row.name].compactMap(\.self).joined(separator: " "), requests: row.num_requests?.count ?? 0,
        failures: row.num_failures?.count ?? 0, requestsPerSecond: row.answeredPerSecond,
        medianMilliseconds: row.median_response_time?.value, p95Milliseconds: row.p95?.value,
        p99Milliseconds: row.p99?.value)
    }
  }

  private struct Page: Decodable {
    var stats: LenientArray<Row>?
    var errors: LenientArray<Problem>?
    var workers: LenientArray<Worker>?
    var worker_count: LenientNumber?
  }

  private struct Worker: Decodable, Sendable {}

  private struct Problem: Decodable, Sendable {
    var error: String
    var occurrences: LenientNumber?
  }

  private struct Row: Decodable, Sendable {
    var name: String
    var method: String?
    var num_requests, num_failures, current_rps, current_fail_per_sec, avg_response_time, median_response_time,
      max_response_time: LenientNumber?
    var p95, p99: LenientNumber?

    /// Locust counts failed requests among the others.
    var answeredPerSecond: Double? {
      current_rps?.positive.flatMap { rate in
        let answered = rate - max(0, current_fail_per_sec?.value ?? 0)
        return answered > 0 ? answered : nil
      }
    }

    private enum CodingKeys: String, CodingKey {
      case name, method, num_requests, num_failures, current_rps, current_fail_per_sec, avg_response_time
      case median_response_time, max_response_time
      case p95 = "response_time_percentile_0.95"
      case p99 = "response_time_percentile_0.99"
    }
  }
}
