import ClusterModel
import Measurement
import Netlink

/// Connections among few and many services, by turns.
extension ReportRunner {
  /// One way to serve, among so many services.
  private struct Crowd: Hashable {
    var access: ServiceAccess
    var count: Int

    var title: String { "\(count) services, \(access.title)" }
  }

  /// New connections as services grow.
  ///
  /// The fewest and the most services are measured by turns, in the same rounds: what the machine does meanwhile meets
  /// both. So the rules of all numbers of services are written before, a table for each, and sleep but for the one that
  /// is measured. Those between have their turns in the first of these rounds.
  func measureGrowth(_ serverError: MeasuringError?) -> [ServiceScalingPoint] {
    let plan = plan.services
    guard !plan.scaling.isEmpty, !stop.isRaised else { return [] }
    var points: [Crowd: ServiceScalingPoint] = [:]
    var errors: [Crowd: MeasuringError] = [:]
    for crowd in Self.crowds(plan.scaling) {
      points[crowd] = ServiceScalingPoint(
        access: crowd.access, services: crowd.count, endpointsPerService: plan.endpointsPerService)
      errors[crowd] = serverError
    }
    if serverError == nil { writeRules(&points, &errors) }
    let outer = Self.crowds(plan.outerScaling)
    let inner = Self.crowds(plan.scaling).filter { !outer.contains($0) }
    let groups = [
      (crowds: outer, rounds: plan.outerScalingRounds), (crowds: inner, rounds: plan.innerScalingRounds),
    ]
    for round in stride(from: 1, through: groups.map(\.rounds).max() ?? 0, by: 1) {
      for (crowds, rounds) in groups where round <= rounds {
        for crowd in Interleaving.balanced(crowds, round: round) where !stop.isRaised {
          progress(.services, "round \(round) of \(rounds): \(crowd.title)")
          guard var point = points[crowd] else { continue }
          do throws(MeasuringError) {
            if let error = errors[crowd] { throw error }
            try measure(&point, crowd, round)
          } catch {
            point.failures += [failed("services, \(crowd.title)", round: round, error)].compactMap(\.self)
          }
          points[crowd] = point
        }
      }
    }
    return Self.crowds(plan.scaling).compactMap { points[$0] }.filter {
      // A stop leaves out what never had its turn.
      !stop.isRaised || !$0.newConnectionsPerSecond.values.isEmpty || !$0.failures.isEmpty
    }
  }

  /// What the table is called that has rules for so many services.
  static func tableName(among count: Int) -> String { "\(KubeProxyRules.defaultTable)-\(count)" }

  private static func crowds(_ counts: [Int]) -> [Crowd] {
    counts.flatMap { count in
      [ServiceAccess.clusterIPHooks, .clusterIPNFTables].map { Crowd(access: $0, count: count) }
    }
  }

  /// Of nftables, for all numbers of services, while nothing else serves. Each is timed, with those before it asleep.
  private func writeRules(_ points: inout [Crowd: ServiceScalingPoint], _ errors: inout [Crowd: MeasuringError]) {
    do throws(MeasuringError) {
      try loadRules(KubeProxyRules.removal())
      try network.serve([], by: .none)
    } catch {
      // What stands there would serve instead of what is measured.
      for crowd in points.keys { errors[crowd] = error }
      return
    }
    for count in plan.services.scaling where !stop.isRaised {
      let crowd = Crowd(access: .clusterIPNFTables, count: count)
      progress(.services, "\(count) services: writing rules")
      do throws(MeasuringError) {
        try heed(nil)
        let services = services(crowd)
        let start = elapsed
        try load(services, as: Self.tableName(among: count))
        // Nodes of a cluster write theirs at the same time.
        points[crowd]?.secondsToInstall = (elapsed - start) / Double(nodesOnTheWay.count)
      } catch {
        // Half of a table serves too. If that stays, each turn puts it to sleep.
        try? loadRules(KubeProxyRules.removal(of: [Self.tableName(among: count)]))
        errors[crowd] = error
      }
    }
  }

  private func measure(
    _ point: inout ServiceScalingPoint, _ crowd: Crowd, _ round: Int
  ) throws(MeasuringError) {
    switch crowd.access {
    case .clusterIPNFTables:
      try network.serve([], by: .none)
      try heed(crowd.count)
    case .clusterIPHooks, .podIPAttached, .podIPDetached:
      try heed(nil)
      let services = services(crowd)
      // What is timed is these services alone: programs are attached before, and others' services gone.
      try network.serve([], by: .own)
      let start = elapsed
      try network.serve(services, by: .own)
      point.secondsToInstall = min(point.secondsToInstall ?? .infinity, elapsed - start)
    }
    let url = self.url(of: crowd.access)
    warmUp(from: network.targets.clientPod.name, to: [url])
    let value = RoundValue(round: round, value: try connectionsPerSecond(url))
    point.newConnectionsPerSecond = RoundStatistics.estimate(point.newConnectionsPerSecond.values + [value])
  }

  /// Has the kernel heed the rules for so many services, or none; all others sleep. It is said of all each time: one that
  /// an error left awake would serve in another's place.
  private func heed(_ count: Int?) throws(MeasuringError) {
    let family = network.targets.podNetwork.address.family
    try loadRules(
      plan.services.scaling.map {
        KubeProxyRules.sleeping($0 != count, table: Self.tableName(among: $0), family: family)
      }.joined())
  }

  /// So many services: the measured ones among them, and beside the cluster's own.
  private func services(_ crowd: Crowd) -> [ServicePort] {
    let targets = network.targets
    let own = measuredServices(crowd.access)
    return own
      + KubeProxyRules.fillers(
        crowd.count - own.count, endpointsPerService: plan.services.endpointsPerService,
        addresses: targets.spareServiceAddresses, podNetwork: targets.podNetwork)
  }
}
