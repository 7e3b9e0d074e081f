/// How long requests take, by the way they take to the application.
public struct LatencyPart: Codable, Hashable, Sendable {
  public var paths: [LatencyPath]
  /// Medians of each path against the first one's, round by round.
  public var comparisons: [PairedRatio]

  public init(paths: [LatencyPath], comparisons: [PairedRatio] = []) {
    self.paths = paths
    self.comparisons = comparisons
  }
}

/// The ways by which the application is addressed.
public enum AccessPath: String, Codable, CaseIterable, Hashable, Sendable {
  case nodeByClusterIP = "node-by-cluster-ip"
  case podByServiceName = "pod-by-service-name"
  case outsideByIngress = "outside-by-ingress"
  case outsideByNodePort = "outside-by-node-port"

  /// For people: `a pod, by service name`.
  public var title: String {
    switch self {
    case .nodeByClusterIP: "a node, by ClusterIP"
    case .podByServiceName: "a pod, by service name"
    case .outsideByIngress: "outside, by ingress"
    case .outsideByNodePort: "outside, by NodePort"
    }
  }
}

/// What requests by one way came to.
public struct LatencyPath: Codable, Hashable, Sendable {
  public var path: AccessPath
  /// The host the requests come from.
  public var host: String
  public var url: String
  /// The first ten requests, as the source document's table has them.
  public var table: [RequestTimes]
  /// The mean of `time_total` of the table's requests: the source document's figure.
  public var tableMeanTotalMilliseconds: Double?
  /// Of all rounds.
  public var requests: Int
  public var failedRequests: Int
  /// `time_total`: the mean, median, 90th and 99th percentile of each round, and what they come to.
  public var meanTotalMilliseconds: Estimate
  public var medianTotalMilliseconds: Estimate
  public var p90TotalMilliseconds: Estimate
  public var p99TotalMilliseconds: Estimate
  /// `time_total` of all answered requests of all rounds, in ascending order of shares; about two hundred points.
  public var distribution: [QuantilePoint]
  /// What each phase of a request takes by itself, in their order.
  public var phases: [RequestPhase]
  public var failures: [MeasurementFailure]

  public init(
    path: AccessPath, host: String, url: String, table: [RequestTimes] = [],
    tableMeanTotalMilliseconds: Double? = nil, requests: Int = 0, failedRequests: Int = 0,
    meanTotalMilliseconds: Estimate = Estimate(), medianTotalMilliseconds: Estimate = Estimate(),
    p90TotalMilliseconds: Estimate = Estimate(), p99TotalMilliseconds: Estimate = Estimate(),
    distribution: [QuantilePoint] = [], phases: [RequestPhase] = [], failures: [MeasurementFailure] = []
  ) {
    self.path = path
    self.host = host
    self.url = url
    self.table = table
    self.tableMeanTotalMilliseconds = tableMeanTotalMilliseconds
    self.requests = requests
    self.failedRequests = failedRequests
    self.meanTotalMilliseconds = meanTotalMilliseconds
    self.medianTotalMilliseconds = medianTotalMilliseconds
    self.p90TotalMilliseconds = p90TotalMilliseconds
    self.p99TotalMilliseconds = p99TotalMilliseconds
    self.distribution = distribution
    self.phases = phases
    self.failures = failures
  }
}

/// One request's times, as curl defines them: seconds from its beginning.
public struct RequestTimes: Codable, Hashable, Sendable {
  public var nameLookupSeconds: Double
  public var connectSeconds: Double
  public var startTransferSeconds: Double
  public var totalSeconds: Double
  /// HTTP's status; nil where nothing came.
  public var status: Int?
  /// Why the request has no answer.
  public var error: String?

  public init(
    nameLookupSeconds: Double, connectSeconds: Double, startTransferSeconds: Double, totalSeconds: Double,
    status: Int? = nil, error: String? = nil
  ) {
    self.nameLookupSeconds = nameLookupSeconds
    self.connectSeconds = connectSeconds
    self.startTransferSeconds = startTransferSeconds
    self.totalSeconds = totalSeconds
    self.status = status
    self.error = error
  }
}

/// What one phase of the requests takes by itself.
public struct RequestPhase: Codable, Hashable, Sendable {
  /// `name lookup`, `connect`, `first byte`, `content`.
  public var name: String
  /// The median over the rounds of each round's median.
  public var medianMilliseconds: Estimate
  /// Of the phases' sum, 0 to 1; nil where nothing was measured.
  public var share: Double?

  public init(name: String, medianMilliseconds: Estimate, share: Double? = nil) {
    self.name = name
    self.medianMilliseconds = medianMilliseconds
    self.share = share
  }
}
