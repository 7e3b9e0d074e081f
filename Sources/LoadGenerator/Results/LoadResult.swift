public import Histogram
public import Measurement

/// The result of a load as data: `svs.bench.load`, version 3. Times are in seconds.
public struct LoadResult: Codable, Sendable {
  public static let schema = ResultSchema(name: "svs.bench.load", version: 3)

  public var target: String
  public var protocolVersion: String
  public var threads: Int
  public var users: Int
  /// Requests a second that were to be started; nil where users go on as fast as they are answered.
  public var plannedRate: Double?
  /// Whether users rest between their requests.
  public var pauses: Bool
  public var seconds: Double
  public var total: Row
  public var tasks: [Row]
  public var errors: [Problem]
  /// Processor time of the generator, and how many requests, failed ones too, one second of it made.
  public var processorSeconds: Double
  public var requestsPerProcessorSecond: Double
  /// Requests that a planned rate still owed at the end: failures of the total, with corrected latencies of what they
  /// had waited until then.
  public var overdue: UInt64
  /// Requests that the end cut off; they are among the failures, with what they had waited until then.
  public var abandoned: UInt64
  /// Requests without a complete response, for whatever reason: those two, timeouts, broken connections.
  public var unanswered: UInt64
  public var perSecond: [Second]

  public struct Row: Codable, Sendable {
    public var name: String
    public var method: String
    public var requests: UInt64
    public var failures: UInt64
    /// Successful ones alone.
    public var requestsPerSecond: Double
    public var contentBytes: UInt64
    /// Of successful requests; nil where there was none.
    public var latency: Latency?
    /// From the moments at which requests were planned; only where a rate was. Of successful requests, and of those that
    /// were waited for in vain (timed out, cut off, never sent), with what they had waited.
    public var correctedLatency: Latency?
    /// How long failed requests took to fail; of what was sent.
    public var failedLatency: Latency?
  }

  public struct Latency: Codable, Sendable {
    public var mean: Double
    public var min: Double
    public var p50: Double
    public var p75: Double
    public var p90: Double
    public var p99: Double
    public var p999: Double
    public var p9999: Double
    public var max: Double
  }

  public struct Problem: Codable, Sendable {
    public var name: String
    public var method: String
    public var problem: String
    public var count: UInt64
  }

  public struct Second: Codable, Sendable {
    /// Seconds since 1970.
    public var time: UInt64
    public var requests: UInt64
    public var failures: UInt64
  }
}

extension LoadResult {
  public init(_ outcome: LoadRun.Outcome) {
    let plan = outcome.plan
    target = plan.target.description
    protocolVersion = plan.version.rawValue
    threads = plan.threads
    users = outcome.users
    plannedRate = plan.rate
    pauses = plan.rate == nil && plan.classes.contains { $0.wait.upperBound > 0 }
    seconds = outcome.elapsed
    let described = plan.classes.flatMap(\.tasks)
    tasks = zip(described, outcome.sample.records).map {
      Row($0.name, $0.method, $1, seconds: outcome.elapsed)
    }
    let sent = outcome.sample.total
    let sum = LoadResult.everything(outcome)
    total = Row("all", "", sum, seconds: outcome.elapsed)
    errors = zip(described, outcome.sample.records).flatMap { task, record in
      record.errors.map { Problem(name: task.name, method: task.method, problem: $0.key.description, count: $0.value) }
    }.sorted { ($1.count, $0.name, $0.problem) < ($0.count, $1.name, $1.problem) }
    for (failure, count) in outcome.sample.unsent.errors {
      errors.append(Problem(name: "all", method: "", problem: failure.description, count: count))
    }
    processorSeconds = outcome.processorSeconds
    requestsPerProcessorSecond = outcome.processorSeconds > 0 ? Double(sent.requests) / outcome.processorSeconds : 0
    overdue = outcome.sample.overdue
    abandoned = outcome.sample.abandoned
    unanswered = sum.errors.reduce(0) { $1.key.isAnswer ? $0 : $0 + $1.value }
    perSecond = outcome.seconds.map { Second(time: $0.time, requests: $0.requests, failures: $0.failures) }
  }

  /// What was sent, and what should have been.
  private static func everything(_ outcome: LoadRun.Outcome) -> TaskRecord {
    var sum = outcome.sample.total
    if !outcome.sample.unsent.isEmpty { sum.add(outcome.sample.unsent) }
    return sum
  }

  /// Why requests failed, behind a sentence that says how many did: of several kinds the one that happened most often.
  ///
  /// - Parameter onlyUnanswered: whether the sentence is about requests without a response.
  public static func reason(_ outcome: LoadRun.Outcome, onlyUnanswered: Bool) -> String {
    let kinds = everything(outcome).errors.filter { !(onlyUnanswered && $0.key.isAnswer) }
    let commonest = kinds.max {
      // Of equally many always the same one.
      ($0.value, $1.key.description) < ($1.value, $0.key.description)
    }
    guard let commonest else { return "" }
    return (kinds.count > 1 ? ", most often: " : ": ") + commonest.key.description
  }

  /// By what two results are compared.
  public static func series(_ outcome: LoadRun.Outcome) -> [Series] {
    let sum = everything(outcome)
    guard !sum.isEmpty else { return [] }
    var series: [Series] = []
    if sum.latency.totalCount > 0 {
      series.append(Series("latency", unit: "s", better: .lower, histogram: bins(sum.latency)))
    }
    if let corrected = sum.corrected, corrected.totalCount > 0 {
      series.append(Series("corrected latency", unit: "s", better: .lower, histogram: bins(corrected)))
    }
    let whole = outcome.seconds.filter { outcome.whole.contains($0.time) }.map { Double($0.requests &- $0.failures) }
    if !whole.isEmpty { series.append(Series("requests per second", unit: "1/s", better: .higher, samples: whole)) }
    return series
  }

  /// What became of the requests, by which two results are compared too.
  public static func outcomes(_ outcome: LoadRun.Outcome) -> [Outcomes] {
    // With what was never sent, which is of no task; and whatever the tasks are called, both results have it.
    let all = Outcomes(of: "all requests", everything(outcome))
    let subjects = subjects(outcome.plan.classes)
    guard subjects.count > 1 else { return [all] }
    let records = Array(zip(subjects, outcome.sample.records))
    let tried = Set(records.filter { !$1.isEmpty }.map(\.0))
    // Of tasks that are called the same all stay: they are told apart by their order.
    return [all] + records.filter { tried.contains($0.0) }.map { Outcomes(of: $0, $1) }
  }

  /// What tasks are called in a comparison: with their class where another class has one that is called the same.
  static func subjects(_ classes: [UserClass]) -> [String] {
    var owners: [String: Set<String>] = [:]
    let tasks = classes.flatMap { made in made.tasks.map { (made.name, "\($0.method) \($0.name)") } }
    for (owner, task) in tasks { owners[task, default: []].insert(owner) }
    return tasks.map { owner, task in owners[task, default: []].count > 1 ? "\(task) of \(owner)" : task }
  }

  private static func bins(_ histogram: Histogram<UInt64>) -> [Series.Bin] {
    histogram.recordedValues().map { Series.Bin(value: Double($0.value) / 1e6, count: Int($0.count)) }
  }

  public var csv: CSV {
    var csv = CSV([
      "method", "name", "requests", "failures", "requests_per_second", "mean_s", "p50_s", "p90_s", "p99_s", "p999_s",
      "max_s", "corrected_p50_s", "corrected_p99_s", "content_bytes", "failed_p50_s",
    ])
    for row in tasks + [total] {
      func cell(_ value: Double?) -> String { value.map { Figures.seconds($0) } ?? "" }
      let (latency, corrected) = (row.latency, row.correctedLatency)
      csv.add([
        row.method, row.name, "\(row.requests)", "\(row.failures)",
        Figures.fixed(row.requestsPerSecond, places: 2), cell(latency?.mean), cell(latency?.p50),
        cell(latency?.p90), cell(latency?.p99), cell(latency?.p999), cell(latency?.max), cell(corrected?.p50),
        cell(corrected?.p99), "\(row.contentBytes)", cell(row.failedLatency?.p50),
      ])
    }
    return csv
  }
}

extension LoadResult.Row {
  init(_ name: String, _ method: String, _ record: TaskRecord, seconds: Double) {
    self.name = name
    self.method = method
    requests = record.requests
    failures = record.failures
    requestsPerSecond = seconds > 0 ? Double(record.successes) / seconds : 0
    contentBytes = record.contentBytes
    latency = LoadResult.Latency(record.latency)
    correctedLatency = record.corrected.flatMap { LoadResult.Latency($0) }
    failedLatency = record.failedLatency.flatMap { LoadResult.Latency($0) }
  }
}

extension Outcomes {
  init(of subject: String, _ record: TaskRecord) {
    var kinds: [String: Int] = [:]
    for status in record.statuses { kinds["status \(status.status)"] = Int(status.count) }
    for (failure, count) in record.errors where !failure.isAnswer { kinds[failure.description] = Int(count) }
    self.init(of: subject, total: Int(record.requests), failures: Int(record.failures), kinds: kinds)
  }
}

extension LoadResult.Latency {
  /// Nil where nothing was measured.
  public init?(_ histogram: Histogram<UInt64>) {
    guard histogram.totalCount > 0 else { return nil }
    func at(_ percentile: Double) -> Double { Double(histogram.valueAtPercentile(percentile)) / 1e6 }
    mean = histogram.mean / 1e6
    min = Double(histogram.min) / 1e6
    p50 = at(50)
    p75 = at(75)
    p90 = at(90)
    p99 = at(99)
    p999 = at(99.9)
    p9999 = at(99.99)
    max = Double(histogram.max) / 1e6
  }
}
