/// How often and how long everything is measured.
public struct ReportPlan: Hashable, Sendable {
  public var isQuick: Bool
  public var parts: Set<ReportPart>
  public var latency: Latency
  public var load: Load
  public var throughput: Throughput
  public var services: Services
  /// What measuring may take, without building and removing the cluster; nil: as long as it takes.
  public var limitSeconds: Double?

  public struct Latency: Hashable, Sendable {
    public var rounds: Int
    /// Of each path, in a round.
    public var requests: Int
  }

  public struct Load: Hashable, Sendable {
    public var users: Int
    public var usersSpawnedPerSecond: Double
    public var seconds: Int
    /// Whether a Locust master leads a load too.
    public var usesLocust: Bool
  }

  public struct Throughput: Hashable, Sendable {
    public var rounds: Int
    public var seconds: Int
    /// Seconds from row to row.
    public var interval: Double
    /// Every so many rounds an echo beside the load is timed, where the client sends.
    public var roundsPerEcho: Int
  }

  public struct Services: Hashable, Sendable {
    public var rounds: Int
    /// Of the throughput through a service, and of making connections.
    public var seconds: Int
    /// Of each way, in a round.
    public var requests: Int
    public var users: Int
    /// How many services there are while connections are made; empty: growth is not measured.
    public var scaling: [Int]
    /// Rounds among the fewest and among the most services, which are compared.
    public var outerScalingRounds: Int
    /// Rounds among the numbers between, which show that nothing happens on the way.
    public var innerScalingRounds: Int
    public var endpointsPerService: Int

    /// The fewest and the most services.
    var outerScaling: [Int] {
      scaling.filter { $0 == scaling.min() || $0 == scaling.max() }
    }

    /// A round's requests come in three parts, before, between and after what else is measured.
    var requestsAtOnce: Int { max(1, requests / 3) }

    func scalingRounds(of count: Int) -> Int {
      outerScaling.contains(count) ? outerScalingRounds : innerScalingRounds
    }
  }

  public init(
    isQuick: Bool, parts: Set<ReportPart>, latency: Latency, load: Load, throughput: Throughput, services: Services,
    limitSeconds: Double?
  ) {
    self.isQuick = isQuick
    self.parts = parts
    self.latency = latency
    self.load = load
    self.throughput = throughput
    self.services = services
    self.limitSeconds = limitSeconds
  }

  public static let allParts = Set(ReportPart.allCases)

  /// Requests that go before those that count: routes, neighbours, names and the application's code are at hand then.
  static let warmUpRequests = 20

  /// All in less than two minutes, with the cluster's building (3 s) and removal (2 s), and 5 s for what comes.
  public static func quick(parts: Set<ReportPart> = allParts, usesLocust: Bool = false) -> ReportPlan {
    ReportPlan(
      isQuick: true, parts: parts, latency: Latency(rounds: 4, requests: 150),
      load: Load(users: 50, usersSpawnedPerSecond: 25, seconds: 4, usesLocust: usesLocust),
      throughput: Throughput(rounds: 4, seconds: 1, interval: 0.25, roundsPerEcho: 4),
      services: Services(
        rounds: 4, seconds: 1, requests: 150, users: 16, scaling: [], outerScalingRounds: 0,
        innerScalingRounds: 0, endpointsPerService: 10),
      limitSeconds: 110)
  }

  /// As long as it takes for the figures to be worth keeping.
  ///
  /// - Parameters:
  ///   - rounds: how often each path is measured; each way to services twice as often, in fours.
  ///   - seconds: one run's length.
  public static func full(
    rounds: Int = 7, seconds: Int = 5, parts: Set<ReportPart> = allParts, usesLocust: Bool = false
  ) -> ReportPlan {
    ReportPlan(
      isQuick: false, parts: parts, latency: Latency(rounds: max(rounds, 3), requests: 500),
      load: Load(users: 50, usersSpawnedPerSecond: 10, seconds: max(10, 2 * seconds), usesLocust: usesLocust),
      throughput: Throughput(rounds: rounds, seconds: seconds, interval: seconds < 4 ? 0.25 : 1, roundsPerEcho: 1),
      // Its four ways differ by a few per cent, which takes more rounds to tell from noise, in whole Latin squares. Ten
      // services and 5,000 differ by less; a round of those takes some 20 s.
      services: Services(
        rounds: (2 * rounds + 3) / 4 * 4, seconds: max(1, (seconds + 1) / 2), requests: 600, users: 16,
        scaling: [10, 100, 1000, 5000], outerScalingRounds: min((2 * rounds + 3) / 4 * 4, 16),
        innerScalingRounds: min(rounds, 3),
        endpointsPerService: 10),
      limitSeconds: nil)
  }

  public var summary: PlanSummary {
    PlanSummary(
      isQuick: isQuick, parts: ReportPart.allCases.filter(parts.contains), rounds: throughput.rounds,
      secondsPerThroughputRun: Double(throughput.seconds), allottedSeconds: allottedSeconds)
  }
}
