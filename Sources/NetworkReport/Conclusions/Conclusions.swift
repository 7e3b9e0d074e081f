/// What follows from the figures of a report: one rule after the other, each a function of the report's values.
///
/// A rule whose figures are not there says nothing. Each sentence is made of its figures and their verdicts: the same
/// rule says another thing where the figures are others.
enum Conclusions {
  static func of(_ report: NetworkReport) -> [Conclusion] {
    var conclusions: [Conclusion] = []
    if let throughput = report.throughput {
      conclusions += ThroughputConclusions(part: throughput, environment: report.environment).all
    }
    if let latency = report.latency { conclusions += LatencyConclusions(part: latency).all }
    if let load = report.load { conclusions += LoadConclusions(part: load).all }
    if let services = report.services { conclusions += ServiceConclusions(part: services).all }
    conclusions += [undecided(report), failures(report)].compactMap(\.self)
    return conclusions
  }

  /// Comparisons that the rounds could not decide, and how many rounds would.
  private static func undecided(_ report: NetworkReport) -> Conclusion? {
    let compared = comparisons(of: report)
    let open = compared.filter { $0.verdict != .differs }
    guard !compared.isEmpty else { return nil }
    guard !open.isEmpty else {
      return Conclusion(
        rule: .undecided, standing: .certain,
        text: "All \(compared.count) comparisons are decided: every interval of a ratio excludes 1. "
          + "About one interval in twenty does so by chance.")
    }
    let measured = open.filter { $0.ratio != nil }
    let decidable = measured.filter { $0.roundsToDecide != nil }.sorted {
      ($0.roundsToDecide ?? 0, $0.subject) < ($1.roundsToDecide ?? 0, $1.subject)
    }
    var text = "\(open.count) of \(compared.count) comparisons could not be told from noise"
    if measured.count < open.count { text += ", \(open.count - measured.count) of them for want of values" }
    text += "."
    if let first = decidable.first, let least = first.roundsToDecide {
      text += " The nearest to a decision is \(first.quantity) of \(first.subject) against \(first.reference)"
      text += " (\(Wording.ratio(first))), which about \(Wording.count(least, "round")) would decide"
      if let last = decidable.last, let most = last.roundsToDecide, most > least {
        text +=
          "; \(Wording.count(most, "round")) would decide \(decidable.count == 2 ? "both" : "all \(decidable.count)")"
        text += " whose noise is known"
      }
      text += ", if the true ratio is the measured one."
    }
    let hopeless = measured.count - decidable.count
    if hopeless > 0 {
      text += " \(Wording.count(hopeless, "difference")) \(hopeless == 1 ? "is" : "are") so small beside the noise, "
      text += "or of so few values, that no number of rounds can be named."
    }
    text += " Of 95 % intervals about one in twenty tells a difference where there is none"
    // Of few comparisons it is none or one.
    text += compared.count < 10 ? "." : ": of \(compared.count) comparisons \((compared.count + 10) / 20) or so."
    return Conclusion(
      rule: .undecided, standing: .undecided, text: text,
      evidence: decidable.prefix(12).compactMap { ratio in
        ratio.roundsToDecide.map {
          .init(
            name: "rounds to decide \(ratio.quantity), \(ratio.subject) against \(ratio.reference)", value: Double($0),
            unit: "rounds")
        }
      })
  }

  static func comparisons(of report: NetworkReport) -> [PairedRatio] {
    let latency = report.latency?.comparisons ?? []
    let throughput = (report.throughput?.againstNodeToNode ?? []) + (report.throughput?.hostGatewayAgainstVXLAN ?? [])
    let services = (report.services?.comparisons ?? []) + (report.services?.scalingComparisons ?? [])
    return latency + throughput + services
  }

  private static func failures(_ report: NetworkReport) -> Conclusion? {
    guard let first = report.failures.first else { return nil }
    let count = report.failures.count
    var text =
      "\(Wording.count(count, "measurement")) failed and \(count == 1 ? "is" : "are") missing from the figures; "
    text += "\(count == 1 ? "it was" : "the first was") \(first.measurement)"
    text += "\(first.round.map { " in round \($0)" } ?? ""): \(Wording.sentence(first.reason))"
    return Conclusion(
      rule: .failures, standing: .certain, text: text,
      evidence: [.init(name: "failed measurements", value: Double(count), unit: "1")])
  }
}
