import Measurement

/// What the ways to one pod say.
struct ServiceConclusions {
  let part: ServiceCostPart

  var all: [Conclusion] {
    let pairs: [(Conclusion.Rule, ServiceAccess, ServiceAccess, String)] = [
      (.attachCost, .podIPAttached, .podIPDetached, "Attached programs that have nothing to do"),
      (
        .clusterIPCost, .clusterIPHooks, .podIPDetached,
        "A ClusterIP that our hooks translate at connect time, against the pod's own IP"
      ),
      (
        .hooksAgainstNFTables, .clusterIPHooks, .clusterIPNFTables,
        "A ClusterIP that our hooks translate at connect time, against one served by nftables rules"
      ),
    ]
    return pairs.compactMap(compared) + [scaling].compactMap(\.self)
  }

  private func compared(
    _ rule: Conclusion.Rule, _ subject: ServiceAccess, _ reference: ServiceAccess, _ name: String
  ) -> Conclusion? {
    let ratios = part.comparisons.filter {
      $0.subject == subject.title && $0.reference == reference.title && $0.ratio != nil
    }
    guard !ratios.isEmpty else { return nil }
    let phrases = ratios.map { "\($0.quantity) \(Wording.ratio($0)), \(judged($0))" }
    let standing: Conclusion.Standing =
      ratios.contains { $0.verdict == .differs }
      ? .certain : ratios.allSatisfy { $0.verdict == .undecided } ? .undecided : .withinNoise
    return Conclusion(
      rule: rule, standing: standing, text: "\(name): \(phrases.joined(separator: "; ")).",
      evidence: ratios.compactMap { Conclusion.Evidence($0) })
  }

  private func judged(_ ratio: PairedRatio) -> String {
    let isBetter = ((ratio.ratio ?? 1) > 1) == ratio.isMoreBetter
    let verdict =
      switch ratio.verdict {
      case .differs: isBetter ? "better" : "worse"
      case .withinNoise: "within noise"
      case .undecided: "too few rounds to tell"
      }
    guard let goal = ratio.goal else { return verdict }
    return
      "\(verdict) (\(goal.kind.rawValue) \(Figures.fixed(goal.bound, places: 2)) × wanted: \(goal.standing.rawValue))"
  }

  private var scaling: Conclusion? {
    let ratios = part.scalingComparisons.filter { $0.ratio != nil }
    guard !ratios.isEmpty else { return nil }
    // The first ones compare a datapath with itself, most services with fewest.
    let growth = ratios.filter { $0.goal == nil }
    let others = ratios.filter { $0.goal != nil }
    var phrases = growth.map { ratio in
      let verdict =
        switch ratio.verdict {
        case .differs: (ratio.ratio ?? 1) < 1 ? "it slows down" : "it gets faster"
        case .withinNoise: Wording.isAlike(ratio) ? "it stays flat within noise" : "no change beyond noise"
        case .undecided: "too few rounds to tell"
        }
      return "\(ratio.subject) against \(ratio.reference): \(Wording.ratio(ratio)), \(verdict)"
    }
    if let last = others.last {
      phrases.append("\(last.subject) against \(last.reference): \(Wording.ratio(last)), \(judged(last))")
    }
    let standing: Conclusion.Standing =
      ratios.allSatisfy { $0.verdict == .undecided }
      ? .undecided : ratios.contains { $0.verdict == .differs } ? .certain : .withinNoise
    return Conclusion(
      rule: .scaling, standing: standing,
      text: "New connections per second as services grow. \(phrases.joined(separator: "; ")).",
      evidence: ratios.compactMap { Conclusion.Evidence($0) })
  }
}
