extension ServiceCostPart {
  private struct Respect: Sendable {
    var quantity: String
    var isMoreBetter: Bool
    var estimate: @Sendable (ServiceVariant) -> Estimate
  }

  private static let respects = [
    Respect(quantity: "throughput", isMoreBetter: true) { $0.gigabitsPerSecond },
    Respect(quantity: "median latency", isMoreBetter: false) { $0.medianRequestMicroseconds },
    Respect(quantity: "new connections per second", isMoreBetter: true) { $0.newConnectionsPerSecond },
  ]

  /// With the variants beside each other, and what was to be reached.
  func compared() -> ServiceCostPart {
    var part = self
    let pairs: [(ServiceAccess, ServiceAccess, [String: (PairedRatio.Goal.Kind, Double)])] = [
      // Attached programs may cost a tenth of a stream, no more.
      (.podIPAttached, .podIPDetached, ["throughput": (.atLeast, 0.9)]),
      (.clusterIPHooks, .podIPDetached, ["throughput": (.atLeast, 0.9), "median latency": (.atMost, 1.1)]),
      (.clusterIPNFTables, .podIPDetached, [:]),
      (.clusterIPHooks, .clusterIPNFTables, ["new connections per second": (.atLeast, 1)]),
    ]
    part.comparisons = pairs.flatMap { subject, reference, goals in
      Self.respects.map { respect in
        RoundStatistics.ratio(
          of: (subject.title, values(subject, respect)), to: (reference.title, values(reference, respect)),
          quantity: respect.quantity, isMoreBetter: respect.isMoreBetter,
          goal: goals[respect.quantity].map { (kind: $0.0, bound: $0.1) })
      }
    }
    part.scalingComparisons = scalingRatios
    return part
  }

  func variant(_ access: ServiceAccess) -> ServiceVariant? { variants.first { $0.access == access } }

  private func values(_ access: ServiceAccess, _ respect: Respect) -> [RoundValue] {
    variant(access).map { respect.estimate($0).values } ?? []
  }

  private var scalingRatios: [PairedRatio] {
    let counts = Set(scaling.map(\.services)).sorted()
    guard let fewest = counts.first, let most = counts.last else { return [] }
    func point(_ access: ServiceAccess, _ count: Int) -> (name: String, values: [RoundValue]) {
      let point = scaling.first { $0.access == access && $0.services == count }
      return ("\(access.title), \(count) services", point?.newConnectionsPerSecond.values ?? [])
    }
    let quantity = "new connections per second"
    let growth = fewest == most ? [] : [ServiceAccess.clusterIPHooks, .clusterIPNFTables]
    return growth.map { access in
      RoundStatistics.ratio(
        of: point(access, most), to: point(access, fewest), quantity: quantity, isMoreBetter: true)
    }
      + counts.map { count in
        RoundStatistics.ratio(
          of: point(.clusterIPHooks, count), to: point(.clusterIPNFTables, count), quantity: quantity,
          isMoreBetter: true, goal: (.atLeast, 1))
      }
  }
}
