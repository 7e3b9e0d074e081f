/// What the application bears, and how it answers meanwhile.
public struct LoadPart: Codable, Hashable, Sendable {
  public var runs: [LoadRun]

  public init(runs: [LoadRun]) { self.runs = runs }
}

/// One load: users that drive the application for some seconds.
public struct LoadRun: Codable, Hashable, Sendable {
  public enum Generator: String, Codable, Hashable, Sendable {
    /// `svs bench load` alone.
    case own = "svs bench load"
    /// A Locust master, whose workers are `svs bench load --master`.
    case locust
  }

  public var generator: Generator
  /// For people: `a pod, by service name`.
  public var title: String
  /// The host the requests come from.
  public var host: String
  public var url: String
  public var users: Int
  /// Users that begin in a second; nil: all at once.
  public var usersSpawnedPerSecond: Double?
  public var seconds: Double
  /// With the failed ones.
  public var requests: Int
  public var failures: Int
  /// How many failures of each kind: `status 503`, `cannot connect: …`.
  public var failuresByKind: [String: Int]
  /// Answered ones, without those that failed.
  public var requestsPerSecond: Double?
  public var meanMilliseconds: Double?
  /// Of answered requests: the shares 0.5, 0.66, 0.75, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999 and 1, as Locust lists them.
  public var percentiles: [QuantilePoint]
  public var perSecond: [LoadSecond]
  public var tasks: [LoadTask]
  /// Processor time of the generator.
  public var generatorProcessorSeconds: Double?
  /// Of a Locust master alone.
  public var locust: LocustSummary?
  public var failure: MeasurementFailure?

  public init(
    generator: Generator, title: String, host: String, url: String, users: Int, usersSpawnedPerSecond: Double? = nil,
    seconds: Double, requests: Int = 0, failures: Int = 0, failuresByKind: [String: Int] = [:],
    requestsPerSecond: Double? = nil, meanMilliseconds: Double? = nil, percentiles: [QuantilePoint] = [],
    perSecond: [LoadSecond] = [], tasks: [LoadTask] = [], generatorProcessorSeconds: Double? = nil,
    locust: LocustSummary? = nil, failure: MeasurementFailure? = nil
  ) {
    self.generator = generator
    self.title = title
    self.host = host
    self.url = url
    self.users = users
    self.usersSpawnedPerSecond = usersSpawnedPerSecond
    self.seconds = seconds
    self.requests = requests
    self.failures = failures
    self.failuresByKind = failuresByKind
    self.requestsPerSecond = requestsPerSecond
    self.meanMilliseconds = meanMilliseconds
    self.percentiles = percentiles
    self.perSecond = perSecond
    self.tasks = tasks
    self.generatorProcessorSeconds = generatorProcessorSeconds
    self.locust = locust
    self.failure = failure
  }
}

/// One second of a load.
public struct LoadSecond: Codable, Hashable, Sendable {
  /// From 0.
  public var second: Int
  public var requests: Int
  public var failures: Int
  public var users: Int?
  public var medianMilliseconds: Double?
  public var p95Milliseconds: Double?

  public init(
    second: Int, requests: Int, failures: Int, users: Int? = nil, medianMilliseconds: Double? = nil,
    p95Milliseconds: Double? = nil
  ) {
    self.second = second
    self.requests = requests
    self.failures = failures
    self.users = users
    self.medianMilliseconds = medianMilliseconds
    self.p95Milliseconds = p95Milliseconds
  }
}

/// One task of the users.
public struct LoadTask: Codable, Hashable, Sendable {
  /// `GET /`, `POST /login`.
  public var name: String
  public var requests: Int
  public var failures: Int
  public var requestsPerSecond: Double?
  public var medianMilliseconds: Double?
  public var p95Milliseconds: Double?
  public var p99Milliseconds: Double?

  public init(
    name: String, requests: Int, failures: Int, requestsPerSecond: Double? = nil, medianMilliseconds: Double? = nil,
    p95Milliseconds: Double? = nil, p99Milliseconds: Double? = nil
  ) {
    self.name = name
    self.requests = requests
    self.failures = failures
    self.requestsPerSecond = requestsPerSecond
    self.medianMilliseconds = medianMilliseconds
    self.p95Milliseconds = p95Milliseconds
    self.p99Milliseconds = p99Milliseconds
  }
}

/// What is known of the Locust master.
public struct LocustSummary: Codable, Hashable, Sendable {
  public var version: String?
  /// The web page as it is asked for from outside: `http://locust.test.com/`.
  public var webURL: String
  /// What the ingress answered for it; nil where nothing came.
  public var webStatus: Int?
  public var workers: Int

  public init(version: String? = nil, webURL: String, webStatus: Int? = nil, workers: Int) {
    self.version = version
    self.webURL = webURL
    self.webStatus = webStatus
    self.workers = workers
  }
}
