import ClusterModel
import Measurement
import Netlink

/// Connections among few and many services, by turns.
extension ReportRunner {
  /// One way to serve, among so many services.
  private struct Crowd: Hashable {
    var access: ServiceAccess
    var count: Int
  }

  /// New connections as services grow.
  ///
  /// The fewest and the most services are measured by turns, in the same rounds: what the machine does meanwhile meets
  /// both. So the rules of all numbers of services are written before, a table for each, and sleep but for the one that
  /// is measured.
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
    writeRules(&points, &errors)
    let outer = Self.crowds(plan.outerScaling)
    let inner = Self.crowds(plan.scaling).filter { !outer.contains($0) }
    let rounds = max(plan.outerScalingRounds, inner.isEmpty ? 0 : plan.innerScalingRounds)
    for round in stride(from: 1, through: rounds, by: 1) {
      let groups = [(outer, plan.outerScalingRounds), (inner, plan.innerScalingRounds)]
      for (crowds, _) in groups.filter({ round <= $0.1 }) {
        for crowd in Interleaving.balanced(crowds, round: round) where !stop.isRaised {
          progress(.services, "round \(round) of \(rounds): \(crowd.count) services, \(crowd.access.title)")
          guard var point = points[crowd] else { continue }
          do throws(MeasuringError) {
            if let error = errors[crowd] { throw error }
            try measure(&point, crowd, round)
          } catch {
            point.failures += [
              failed("services, \(crowd.count) services, \(crowd.access.title)", round: round, error)
            ].compactMap(\.self)
          }
          points[crowd] = point
        }
      }
    }
    return Self.crowds(plan.scaling).compactMap { points[$0] }
  }

  /// Where rules for so many services are.
  static func table(_ count: Int) -> String { "\(KubeProxyRules.table)-\(count)" }

  private static func crowds(_ counts: [Int]) -> [Crowd] {
    counts.flatMap { count in
      [ServiceAccess.clusterIPHooks, .clusterIPNFTables].map { Crowd(access: $0, count: count) }
    }
  }

  /// Of nftables, for all numbers of services. They are asleep then.
  private func writeRules(_ points: inout [Crowd: ServiceScalingPoint], _ errors: inout [Crowd: MeasuringError]) {
    for count in plan.services.scaling where !stop.isRaised {
      let crowd = Crowd(access: .clusterIPNFTables, count: count)
      guard errors[crowd] == nil else { continue }
      progress(.services, "\(count) services: writing rules")
      do throws(MeasuringError) {
        try loadRules(KubeProxyRules.removal())
        try network.serve([], by: .none)
        let start = elapsed
        try load(services(crowd), as: Self.table(count))
        // Nodes of a cluster write theirs at the same time.
        points[crowd]?.secondsToInstall = (elapsed - start) / Double(nodesOnTheWay.count)
        try loadRules(sleeping(count, true))
      } catch {
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
      try loadRules(sleeping(crowd.count, false))
    case .clusterIPHooks, .podIPAttached, .podIPDetached:
      let start = elapsed
      try network.serve(services(crowd), by: .own)
      point.secondsToInstall = min(point.secondsToInstall ?? .infinity, elapsed - start)
    }
    let outcome = Result { () throws(MeasuringError) -> Double in
      let url = self.url(of: crowd.access)
      warmUp(from: network.targets.clientPod.name, to: [url])
      return try connectionsPerSecond(url)
    }
    if crowd.access == .clusterIPNFTables { try loadRules(sleeping(crowd.count, true)) }
    let value = RoundValue(round: round, value: try outcome.get())
    point.newConnectionsPerSecond = RoundStatistics.estimate(point.newConnectionsPerSecond.values + [value])
  }

  private func sleeping(_ count: Int, _ isAsleep: Bool) -> String {
    KubeProxyRules.sleeping(isAsleep, Self.table(count), family: network.targets.podNetwork.address.family)
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
