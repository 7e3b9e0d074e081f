import Measurement

/// What the times of single requests say.
struct LatencyConclusions {
  let part: LatencyPart

  var all: [Conclusion] { [accessPaths, ingressTime].compactMap(\.self) }

  private func path(_ path: AccessPath) -> LatencyPath? {
    part.paths.first { $0.path == path && $0.medianTotalMilliseconds.median != nil }
  }

  private var accessPaths: Conclusion? {
    let measured = part.paths.filter { $0.medianTotalMilliseconds.median != nil }.sorted {
      ($0.medianTotalMilliseconds.median ?? 0) < ($1.medianTotalMilliseconds.median ?? 0)
    }
    guard let fastest = measured.first, let slowest = measured.last, measured.count > 1 else { return nil }
    let ratio = RoundStatistics.ratio(
      of: (slowest.path.title, slowest.medianTotalMilliseconds.values),
      to: (fastest.path.title, fastest.medianTotalMilliseconds.values), quantity: "median latency",
      isMoreBetter: false)
    let times = measured.map { "\($0.path.title) \(Wording.estimate($0.medianTotalMilliseconds, "ms"))" }
    let judged =
      switch ratio.verdict {
      case .differs: "The slowest path takes \(Wording.ratio(ratio)) the time of the fastest"
      case .withinNoise: "The slowest path cannot be told from the fastest in this noise, \(Wording.ratio(ratio))"
      case .undecided: "The paths were measured in too few rounds to compare them"
      }
    return Conclusion(
      rule: .accessPaths, standing: .init(ratio.verdict),
      text: "\(judged); medians of a request: \(times.joined(separator: "; ")).",
      evidence: measured.compactMap { .init($0.path.title, $0.medianTotalMilliseconds, "ms") })
  }

  /// The phases of a request by the ingress, beside those of one by the NodePort: the same way without a proxy.
  private var ingressTime: Conclusion? {
    guard let ingress = path(.outsideByIngress), let total = ingress.medianTotalMilliseconds.median,
      let longest = ingress.phases.max(by: { ($0.share ?? 0) < ($1.share ?? 0) }), let share = longest.share
    else { return nil }
    var text = "Of a request by the ingress, \(Wording.estimate(ingress.medianTotalMilliseconds, "ms")), "
    text += "\(Figures.percent(share, places: 0)) is \(longest.name)"
    var evidence = ingress.phases.compactMap { Conclusion.Evidence("ingress, \($0.name)", $0.medianMilliseconds, "ms") }
    var standing = Conclusion.Standing.certain
    if let direct = path(.outsideByNodePort) {
      let ratio = RoundStatistics.ratio(
        of: (ingress.path.title, ingress.medianTotalMilliseconds.values),
        to: (direct.path.title, direct.medianTotalMilliseconds.values), quantity: "median latency",
        isMoreBetter: false)
      standing = .init(ratio.verdict)
      let added = zip(ingress.phases, direct.phases).map { phase, other in
        (phase.name, (phase.medianMilliseconds.median ?? 0) - (other.medianMilliseconds.median ?? 0))
      }
      let excess = total - (direct.medianTotalMilliseconds.median ?? 0)
      switch ratio.verdict {
      case .differs where excess > 0:
        text += ". Against a NodePort, the same way without a proxy, it takes \(Wording.ratio(ratio)), "
        text += "\(Figures.significant(excess)) ms more"
        if let most = added.max(by: { $0.1 < $1.1 }), most.1 > 0 {
          text += ", of which \(Figures.significant(most.1)) ms in \(most.0)"
        }
      case .differs: text += ". Against a NodePort it takes less, \(Wording.ratio(ratio))"
      case .withinNoise: text += ". Against a NodePort it takes no longer beyond noise, \(Wording.ratio(ratio))"
      case .undecided: text += ". Against a NodePort it takes \(Wording.ratio(ratio)), in too few rounds to be sure"
      }
      // Below the clock's microsecond there is no difference, only a rounding.
      evidence += added.filter { abs($0.1) >= 0.0005 }.map {
        .init(name: "ingress above NodePort, \($0.0)", value: $0.1, unit: "ms")
      }
    } else {
      standing = .undecided
      text += "; without the path by a NodePort there is nothing to compare it with"
    }
    return Conclusion(rule: .ingressTime, standing: standing, text: text + ".", evidence: evidence)
  }
}

/// What the loads say.
struct LoadConclusions {
  let part: LoadPart

  var all: [Conclusion] {
    part.runs.compactMap { run in
      guard let rate = run.requestsPerSecond, run.requests > 0 else { return nil }
      let p99 = run.percentiles.first { $0.share == 0.99 }
      var text = "\(Wording.count(run.users, "user")) of \(run.generator == .own ? "our own generator" : "Locust")"
      text += " (\(run.title)) had \(Figures.significant(rate)) requests a second answered"
      if let p99 { text += ", 99 of 100 within \(Figures.significant(p99.milliseconds)) ms" }
      let share = Double(run.failures) / Double(run.requests)
      text +=
        run.failures == 0
        ? ", and none of \(Figures.grouped(run.requests)) requests failed."
        : "; \(Figures.grouped(run.failures)) of \(Figures.grouped(run.requests)) requests failed "
          + "(\(Figures.percent(share, places: 2)))."
      var evidence = [
        Conclusion.Evidence(name: "answered requests", value: rate, unit: "1/s"),
        Conclusion.Evidence(name: "failed requests", value: share * 100, unit: "%"),
      ]
      if let p99 { evidence.append(.init(name: "99th percentile", value: p99.milliseconds, unit: "ms")) }
      text += " That is one run, without an interval."
      return Conclusion(rule: .load, standing: .single, text: text, evidence: evidence)
    }
  }
}
