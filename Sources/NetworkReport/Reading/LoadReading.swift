import Measurement

/// What `svs bench load --json` says.
struct LoadReading: Sendable {
  var seconds: Double
  var total: Row
  var tasks: [Row]
  var perSecond: [LoadSecond]
  var percentiles: [QuantilePoint]
  /// How many failures by their kind.
  var problems: [String: Int]
  var processorSeconds: Double?

  struct Row: Sendable {
    var name: String
    var requests: Int
    var failures: Int
    var requestsPerSecond: Double?
    var meanMilliseconds: Double?
    var p50Milliseconds: Double?
    var p99Milliseconds: Double?
  }

  /// The shares that Locust lists.
  static let shares = [0.5, 0.66, 0.75, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999, 1]

  init(json text: String) throws(MeasuringError) {
    let document = try InstrumentOutput.decode(Document.self, text, what: "svs bench load")
    guard let result = document.result, let total = result.total, let requests = total.requests?.count else {
      throw MeasuringError("svs bench load wrote a result without a total.")
    }
    seconds = result.seconds?.positive ?? 0
    self.total = total.row(requests)
    tasks = (result.tasks?.elements ?? []).compactMap { row in row.requests?.count.map(row.row) }
    let seconds = result.perSecond?.elements ?? []
    let first = seconds.compactMap { $0.time?.value }.min() ?? 0
    perSecond = seconds.compactMap { second in
      guard let time = second.time?.value, let count = second.requests?.count, time - first < 1e6 else { return nil }
      return LoadSecond(second: Int(time - first), requests: count, failures: second.failures?.count ?? 0)
    }
    problems = [:]
    for problem in result.errors?.elements ?? [] {
      problems[problem.problem, default: 0] += min(problem.count?.count ?? 0, 1 << 50)
    }
    processorSeconds = result.processorSeconds?.positive
    let bins = document.series?.elements.first { $0.name == "latency" }?.histogram?.elements ?? []
    let distribution = Distribution(
      bins.compactMap { bin in
        guard let value = bin.value?.value, value >= 0, let count = bin.count?.count, count < 1 << 40 else {
          return nil
        }
        return Series.Bin(value: value, count: count)
      })
    percentiles = Self.shares.compactMap { share in
      distribution.quantile(share).map { QuantilePoint(share: share, milliseconds: $0 * 1000) }
    }
  }

  private struct Document: Decodable {
    var result: Result?
    var series: LenientArray<Histogram>?
  }

  private struct Histogram: Decodable, Sendable {
    var name: String
    var histogram: LenientArray<Bin>?
    struct Bin: Decodable, Sendable { var value, count: LenientNumber? }
  }

  private struct Result: Decodable {
    var seconds: LenientNumber?
    var total: RowText?
    var tasks: LenientArray<RowText>?
    var errors: LenientArray<Problem>?
    var perSecond: LenientArray<Second>?
    var processorSeconds: LenientNumber?
  }

  private struct Second: Decodable, Sendable { var time, requests, failures: LenientNumber? }

  private struct Problem: Decodable, Sendable {
    var problem: String
    var count: LenientNumber?
  }

  private struct RowText: Decodable, Sendable {
    var name, method: String?
    var requests, failures, requestsPerSecond: LenientNumber?
    var latency: Latency?

    struct Latency: Decodable, Sendable { var mean, p50, p99: LenientNumber? }

    func row(_ requests: Int) -> Row {
      let words = [method, name].compactMap(\.self).filter { !$0.isEmpty }
      return Row(
        name: words.joined(separator: " "), requests: requests, failures: min(failures?.count ?? 0, requests),
        requestsPerSecond: requestsPerSecond?.positive, meanMilliseconds: latency?.mean?.positive.map { $0 * 1000 },
        p50Milliseconds: latency?.p50?.positive.map { $0 * 1000 },
        p99Milliseconds: latency?.p99?.positive.map { $0 * 1000 })
    }
  }
}
