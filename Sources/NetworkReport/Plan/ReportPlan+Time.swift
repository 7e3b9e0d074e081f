/// What everything takes, as measured with programs that start on an idle machine, rounded up.
extension ReportPlan {
  enum Cost {
    /// Starting a program in a namespace, connecting, and reading what it wrote.
    static let program = 0.05
    /// An echo is timed two hundred times, 5 ms apart, before the load.
    static let echo = 1.05
    /// One request of a latency probe.
    static let request = 0.0008
    static let backendSwitch = 0.25
    static let datapathChange = 0.4
    /// The machine is looked at, versions are asked for.
    static let environment = 1.5
    /// Starting the servers of a part, and waiting until they listen.
    static let servers = 0.6
    /// Writing a service with all its endpoints: once as rules of nftables on two nodes, and for our programs in each
    /// round.
    static let serviceRules = 0.0012
    static let ownService = 0.001
    /// A load begins and ends: users are spawned, last answers waited for.
    static let load = 0.25
    /// A Locust master's page is asked for, a worker reaches it, and its users end within whole seconds; a page is made
    /// anew every two seconds.
    static let locust = 4.0
  }

  /// Of all parts together.
  public var allottedSeconds: Double {
    Cost.environment + ReportPart.allCases.map(allottedSeconds).reduce(0, +)
  }

  /// Of one part; 0 where it is not asked for.
  public func allottedSeconds(_ part: ReportPart) -> Double {
    guard parts.contains(part) else { return 0 }
    switch part {
    case .latency: return Double(latency.rounds) * roundSeconds(.latency)
    case .load: return 2 * loadSeconds + (load.usesLocust ? locustSeconds : 0)
    case .throughput: return Cost.servers + Double(throughput.rounds) * roundSeconds(.throughput)
    case .services:
      let scaling = services.scaling.map(scalingSeconds).reduce(0, +)
      // An application for each way, beside the server of transfers.
      return 2 * Cost.servers + Double(services.rounds) * roundSeconds(.services) + scaling
    }
  }

  /// Of requests one after the other, with those that go before.
  func requestSeconds(_ count: Int) -> Double { Double(count + ReportPlan.warmUpRequests) * Cost.request }

  private var loadSeconds: Double { Double(load.seconds) + Cost.load + Cost.program + requestSeconds(0) }
  private var locustSeconds: Double { Double(load.seconds) + Cost.locust }

  /// Of one round of a part.
  func roundSeconds(_ part: ReportPart) -> Double {
    switch part {
    case .latency: return Double(AccessPath.allCases.count) * (Cost.program + requestSeconds(latency.requests))
    case .load: return loadSeconds
    case .throughput:
      let runs = OverlayPath.allCases.count
      let echoes = Double(runs) * Cost.echo / Double(max(1, throughput.roundsPerEcho))
      return Double(2 * runs) * (Double(throughput.seconds) + Cost.program) + echoes + Cost.backendSwitch
    case .services:
      let measured = 2 * Double(services.seconds) + 3 * requestSeconds(services.requestsAtOnce) + 5 * Cost.program
      return Double(ServiceAccess.allCases.count) * (measured + Cost.datapathChange)
    }
  }

  /// Of connections among so many services, by both datapaths, in all rounds.
  private func scalingSeconds(_ count: Int) -> Double {
    let round = 2 * (Double(services.seconds) + 2 * Cost.program + requestSeconds(0) + Cost.datapathChange)
    return Double(count) * Cost.serviceRules
      + Double(services.scalingRounds(of: count)) * (round + Double(count) * Cost.ownService)
  }
}

/// Whether another round may begin, where there is a limit.
struct TimeBudget: Sendable {
  let plan: ReportPlan

  /// - Parameters:
  ///   - round: from 1.
  ///   - measuredSeconds: what the slowest round of this part took until now, where there was one.
  ///   - elapsed: seconds since the report began.
  func permits(round: Int, of part: ReportPart, measuredSeconds: Double?, elapsed: Double) -> Bool {
    guard let limit = plan.limitSeconds else { return true }
    let needed = measuredSeconds ?? plan.roundSeconds(part)
    // Parts that come later have what they were promised; on a slow machine all give a share.
    let later = ReportPart.allCases.drop { $0 != part }.dropFirst().map(plan.allottedSeconds).reduce(0, +)
    let isNeeded = round <= Self.roundsThatAreKept
    return elapsed + needed + later * (isNeeded ? 0.5 : 0.85) <= limit
  }

  /// A part keeps so many rounds at the cost of parts that come later, as long as half of those can be done.
  static let roundsThatAreKept = 2
}
