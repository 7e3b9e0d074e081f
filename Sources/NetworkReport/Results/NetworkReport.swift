/// What one run of the report measured and concluded: every table and plot is a function of this value.
///
/// Times, rates and shares carry their unit in their names; rates are per second and decimal (1 Gbit = 10⁹ bits). A
/// part is nil where it was not asked for. What was asked for and failed is there, with its ``MeasurementFailure``.
public struct NetworkReport: Codable, Hashable, Sendable {
  public var cluster: ClusterSummary
  public var environment: RunEnvironment
  public var plan: PlanSummary
  public var latency: LatencyPart?
  public var load: LoadPart?
  public var throughput: ThroughputPart?
  public var services: ServiceCostPart?
  public var conclusions: [Conclusion]
  /// All that failed, of all parts, in the order in which it was tried.
  public var failures: [MeasurementFailure]
  /// What there was no time for, of parts that have figures of other rounds; no failure.
  public var omissions: [MeasurementFailure]
  /// How the run's seconds were spent, in order.
  public var phases: [PhaseTime]
  /// Whether somebody ended the run before all was measured.
  public var wasInterrupted: Bool

  public init(
    cluster: ClusterSummary, environment: RunEnvironment, plan: PlanSummary, latency: LatencyPart? = nil,
    load: LoadPart? = nil, throughput: ThroughputPart? = nil, services: ServiceCostPart? = nil,
    conclusions: [Conclusion] = [], failures: [MeasurementFailure] = [], omissions: [MeasurementFailure] = [],
    phases: [PhaseTime] = [], wasInterrupted: Bool = false
  ) {
    self.cluster = cluster
    self.environment = environment
    self.plan = plan
    self.latency = latency
    self.load = load
    self.throughput = throughput
    self.services = services
    self.conclusions = conclusions
    self.failures = failures
    self.omissions = omissions
    self.phases = phases
    self.wasInterrupted = wasInterrupted
  }
}

/// A measurement that was tried and has no value.
public struct MeasurementFailure: Codable, Hashable, Sendable {
  /// What was tried: `throughput, pod to pod, vxlan, round 2, client receives`.
  public var measurement: String
  /// The round, from 1; nil where it belongs to none.
  public var round: Int?
  /// Why there is no value, as a sentence.
  public var reason: String

  public init(measurement: String, round: Int? = nil, reason: String) {
    self.measurement = measurement
    self.round = round
    self.reason = reason
  }
}

/// Which parts a report has.
public enum ReportPart: String, Codable, CaseIterable, Hashable, Sendable {
  case latency, load, throughput, services
}

/// What the run was to do.
public struct PlanSummary: Codable, Hashable, Sendable {
  public var isQuick: Bool
  public var parts: [ReportPart]
  /// How often each throughput path, latency path and service variant is measured.
  public var rounds: Int
  /// One throughput run's length, one direction.
  public var secondsPerThroughputRun: Double
  /// What the plan allots to all that it measures, without building and removing the cluster.
  public var allottedSeconds: Double

  public init(
    isQuick: Bool, parts: [ReportPart], rounds: Int, secondsPerThroughputRun: Double, allottedSeconds: Double
  ) {
    self.isQuick = isQuick
    self.parts = parts
    self.rounds = rounds
    self.secondsPerThroughputRun = secondsPerThroughputRun
    self.allottedSeconds = allottedSeconds
  }
}

/// How long one phase of the run took.
public struct PhaseTime: Codable, Hashable, Sendable {
  /// `build`, `latency`, `load`, `throughput`, `services`, `remove`.
  public var name: String
  public var seconds: Double

  public init(name: String, seconds: Double) {
    self.name = name
    self.seconds = seconds
  }
}
