import Measurement

/// What the throughput of the five paths says.
struct ThroughputConclusions {
  let part: ThroughputPart
  let environment: RunEnvironment

  var all: [Conclusion] {
    [fastest].compactMap(\.self) + ["vxlan", "host-gw"].compactMap(loss)
      + [hostGatewayAgainstVXLAN, why, directions, underLoad].compactMap(\.self)
  }

  private func rate(_ path: OverlayPath) -> Estimate { part.figures(path)?.gigabitsPerSecond ?? Estimate() }

  // MARK: Which is fastest

  private var fastest: Conclusion? {
    let ranked = OverlayPath.allCases.filter { rate($0).median != nil }.sorted {
      (rate($0).median ?? 0) > (rate($1).median ?? 0)
    }
    guard ranked.count > 1 else { return nil }
    let (first, second) = (ranked[0], ranked[1])
    let ratio = RoundStatistics.ratio(
      of: (second.title, rate(second).values), to: (first.title, rate(first).values), quantity: "throughput",
      isMoreBetter: true)
    let figures = "\(Wording.estimate(rate(first), "Gbit/s"))"
    let text: String
    switch ratio.verdict {
    case .differs where (ratio.ratio ?? 1) < 1:
      text =
        "\(Wording.capitalized(first.title)) is the fastest path: \(figures). The next, \(second.title), has "
        + "\(Wording.ratio(ratio)) of that."
    case .differs:
      // Round by round it may be the other way around than by medians of all rounds.
      text =
        "\(Wording.capitalized(first.title)) has the highest median, \(figures), but \(second.title) is faster in most "
        + "rounds: \(Wording.ratio(ratio))."
    case .withinNoise:
      text =
        "\(Wording.capitalized(first.title)) has the most, \(figures), but \(second.title) "
        + "\(Wording.isAlike(ratio) ? "is as fast within noise" : "cannot be told from it in this noise"): "
        + "\(Wording.ratio(ratio))."
    case .undecided:
      text =
        "\(Wording.capitalized(first.title)) has the most, \(figures); of \(second.title), with "
        + "\(Wording.estimate(rate(second), "Gbit/s")), too few rounds were measured to tell them apart."
    }
    return Conclusion(
      rule: .fastestPath, standing: .init(ratio.verdict), text: text,
      evidence: ranked.compactMap { .init($0.title, rate($0), "Gbit/s") })
  }

  // MARK: What a backend loses

  private func loss(_ backend: String) -> Conclusion? {
    let compared = OverlayPath.allCases.filter { $0.backend == backend }.compactMap { path in
      part.againstNodeToNode.first { ratio in
        ratio.ratio != nil && ratio.quantity.hasSuffix(TransferDirection.clientSends.rawValue)
          && ratio.subject == path.title
      }.map { (path: path, ratio: $0) }
    }
    // Pod to pod, the first where it was measured, is what the source document calls a backend's loss.
    guard let main = compared.first else { return nil }
    let phrases = compared.map { phrase($0.ratio, Self.shortRoute($0.path)) }
    return Conclusion(
      rule: .backendLoss, standing: .init(main.ratio.verdict), text: "\(backend): \(phrases.joined(separator: "; ")).",
      evidence: compared.map(\.ratio).compactMap { ratio in
        ratio.lossPercent.map {
          .init(
            name: "loss of \(ratio.subject) against \(ratio.reference)", value: $0, interval: ratio.lossPercentInterval,
            unit: "%")
        }
      })
  }

  private static func shortRoute(_ path: OverlayPath) -> String {
    switch path {
    case .podToPodVXLAN, .podToPodHostGateway: "pod to pod"
    case .nodeToNode, .podToNodeVXLAN, .podToNodeHostGateway: path.route
    }
  }

  private func phrase(_ ratio: PairedRatio, _ route: String) -> String {
    let loses = (ratio.lossPercent ?? 0) >= 0
    switch ratio.verdict {
    case .differs where loses: return "\(route) loses \(Wording.loss(ratio)) of node to node's throughput"
    case .differs: return "\(route) is faster than node to node, \(Wording.ratio(ratio))"
    case .withinNoise where Wording.isAlike(ratio):
      return "\(route) is as fast as node to node within noise, \(Wording.ratio(ratio))"
    case .withinNoise:
      return "\(route) cannot be told from node to node in this noise, \(Wording.ratio(ratio)) of its throughput"
    case .undecided:
      return "\(route) had \(Wording.ratio(ratio)) of node to node's throughput, in too few rounds to be sure"
    }
  }

  // MARK: The backends against each other

  private func backendRatio(_ path: OverlayPath, _ quantity: String) -> PairedRatio? {
    part.hostGatewayAgainstVXLAN.first {
      $0.subject == path.title && $0.quantity == "\(quantity), \(TransferDirection.clientSends.rawValue)"
    }
  }

  private var hostGatewayAgainstVXLAN: Conclusion? {
    let ratios = [OverlayPath.podToPodHostGateway, .podToNodeHostGateway].compactMap { path in
      backendRatio(path, "throughput").flatMap { $0.ratio == nil ? nil : (path.route, $0) }
    }
    guard let main = ratios.first else { return nil }
    let phrases = ratios.map { route, ratio in
      switch ratio.verdict {
      case .differs where (ratio.ratio ?? 1) > 1:
        "\(route): host-gw is faster than vxlan beyond noise, \(Wording.ratio(ratio))"
      case .differs: "\(route): host-gw is slower than vxlan beyond noise, \(Wording.ratio(ratio))"
      case .withinNoise: "\(route): host-gw and vxlan do not differ by more than noise, \(Wording.ratio(ratio))"
      case .undecided: "\(route): too few rounds to compare the backends, \(Wording.ratio(ratio))"
      }
    }
    // Where one of the two routes differs the sentence says so, whichever it is.
    let standing = Conclusion.Standing(ratios.contains { $0.1.verdict == .differs } ? .differs : main.1.verdict)
    return Conclusion(
      rule: .hostGatewayAgainstVXLAN, standing: standing,
      text: Wording.capitalized(phrases.joined(separator: "; ")) + ".",
      evidence: ratios.compactMap { Conclusion.Evidence($0.1) })
  }

  // MARK: Why

  /// What of the difference the tunnel's bytes explain, and what the processors' time for each gigabit does.
  private var why: Conclusion? {
    guard let rate = backendRatio(.podToPodHostGateway, "throughput"), let gain = rate.ratio,
      let work = backendRatio(.podToPodHostGateway, "processor time per gigabit"), let share = work.ratio
    else { return nil }
    var text = ""
    var evidence = [Conclusion.Evidence(rate), Conclusion.Evidence(work)].compactMap(\.self)
    if let bytes = encapsulation {
      let part = Double(bytes.tunnel) / Double(bytes.frame)
      text += "vxlan puts \(bytes.tunnel) bytes around each packet, \(Figures.percent(part)) of an MTU of "
      text += "\(Figures.grouped(bytes.frame)) bytes. "
      evidence.append(.init(name: "encapsulation", value: Double(bytes.tunnel), unit: "bytes"))
    }
    text += "A gigabit from pod to pod costs the machine \(costs(work))"
    let busy = [OverlayPath.podToPodHostGateway, .podToPodVXLAN].compactMap {
      part.figures($0)?.machineBusyShare.median
    }
    if let least = busy.min(), busy.count == 2 {
      evidence.append(.init(name: "least busy share of the machine, both backends", value: least * 100, unit: "%"))
      text += ". " + explanation(gain: gain, work: share, verdicts: (rate.verdict, work.verdict), busy: least)
    } else {
      text += "."
    }
    let standing: Conclusion.Standing =
      rate.verdict == .differs && work.verdict == .differs
      ? .certain : rate.verdict == .undecided || work.verdict == .undecided ? .undecided : .withinNoise
    return Conclusion(rule: .whyBackendsDiffer, standing: standing, text: text, evidence: evidence)
  }

  private func costs(_ work: PairedRatio) -> String {
    let figures = [OverlayPath.podToPodVXLAN, .podToPodHostGateway].map { path in
      Wording.estimate(part.figures(path)?.machineBusySecondsPerGigabit ?? Estimate(), "s")
    }
    let judged =
      switch work.verdict {
      case .differs: ""
      case .withinNoise: ", which is within noise"
      case .undecided: ", of too few rounds to be sure"
      }
    return
      "\(figures[0]) of processor time under vxlan and \(figures[1]) under host-gw, \(Wording.ratio(work))\(judged)"
  }

  private func explanation(gain: Double, work: Double, verdicts: (Verdict, Verdict), busy: Double) -> String {
    guard verdicts.0 == .differs else {
      return "Between pods there is no difference of throughput beyond noise to explain."
    }
    guard busy >= Self.busyShareOfAFullMachine else {
      return "The processors were not all busy (\(Figures.percent(busy, places: 0))), so that their time is not all "
        + "that limits the stream."
    }
    guard verdicts.1 == .differs, work > 0 else {
      return "The processors' time per gigabit does not explain it beyond noise."
    }
    let expected = 1 / work
    let explained = (expected - 1) / (gain - 1)
    guard explained.isFinite, explained > 0 else {
      return "The processors' time per gigabit points the other way, and does not explain it."
    }
    return "The processors were \(Figures.percent(busy, places: 0)) busy; by their time per gigabit alone host-gw "
      + "would have \(Cells.ratio(expected)) × of vxlan's throughput, and it has \(Cells.ratio(gain)) ×."
  }

  /// From here on processors are taken for what limits a stream.
  static let busyShareOfAFullMachine = 0.85

  /// The tunnel's bytes and the MTU around it, as the interfaces have them.
  private var encapsulation: (tunnel: Int, frame: Int)? {
    guard let tunnel = environment.interfaces.first(where: { $0.kind == "vxlan" && $0.mtuBytes > 0 }) else {
      return nil
    }
    // The outer device is the smallest that the tunnel's packets fit into.
    let outer = environment.interfaces.filter {
      $0.host == tunnel.host && $0.kind != "vxlan" && $0.kind != "bridge" && $0.mtuBytes > tunnel.mtuBytes
    }.map(\.mtuBytes).min()
    return outer.map { ($0 - tunnel.mtuBytes, $0) }
  }

  // MARK: Directions, and latency under load

  private var directions: Conclusion? {
    let ratios = OverlayPath.allCases.compactMap { path -> PairedRatio? in
      let ratio = RoundStatistics.ratio(
        of: ("\(path.title), server sends", part.figures(path, .serverSends)?.gigabitsPerSecond.values ?? []),
        to: ("\(path.title), client sends", rate(path).values), quantity: "throughput", isMoreBetter: true)
      return ratio.ratio == nil ? nil : ratio
    }
    guard !ratios.isEmpty else { return nil }
    let different = ratios.filter { $0.verdict == .differs }
    let text: String
    if !different.isEmpty {
      let list = different.map { "\($0.reference.droppingSuffix(", client sends")) \(Wording.ratio($0))" }
      text =
        "The direction matters on \(different.count) of \(ratios.count) paths; server sends against client sends: "
        + "\(Wording.list(list))."
    } else if ratios.contains(where: { $0.verdict == .withinNoise }) {
      let judged = ratios.count { $0.verdict == .withinNoise }
      text = "On none of \(Wording.count(judged, "path")) do the two directions differ by more than noise."
    } else {
      text = "The two directions were measured in too few rounds to compare them."
    }
    let standing: Conclusion.Standing =
      !different.isEmpty ? .certain : ratios.allSatisfy { $0.verdict == .undecided } ? .undecided : .withinNoise
    return Conclusion(
      rule: .directions, standing: standing, text: text, evidence: ratios.compactMap { Conclusion.Evidence($0) })
  }

  private var underLoad: Conclusion? {
    let ratios = OverlayPath.allCases.compactMap { path -> (OverlayPath, PairedRatio)? in
      guard let figures = part.figures(path) else { return nil }
      let ratio = RoundStatistics.ratio(
        of: ("\(path.title), loaded", figures.loadedRoundTripMilliseconds.values),
        to: ("\(path.title), idle", figures.idleRoundTripMilliseconds.values), quantity: "round trip",
        isMoreBetter: false)
      // A quick report times one echo for each path: the tables have it, and nothing follows from it.
      return ratio.values.count < 3 ? nil : (path, ratio)
    }
    // What is longer beyond noise goes before what only seems to be: a wide interval may have the larger ratio.
    let longer = ratios.filter { $0.1.verdict == .differs && ($0.1.ratio ?? 0) > 1 }
    let worst = (longer.isEmpty ? ratios : longer).max { ($0.1.ratio ?? 0) < ($1.1.ratio ?? 0) }
    guard let (path, ratio) = worst, let figures = part.figures(path) else { return nil }
    let times =
      "\(Wording.estimate(figures.loadedRoundTripMilliseconds, "ms")) against "
      + "\(Wording.estimate(figures.idleRoundTripMilliseconds, "ms")) idle, \(Wording.ratio(ratio))"
    let text =
      switch ratio.verdict {
      case .differs where (ratio.ratio ?? 0) > 1:
        "A full stream lengthens the round trips beside it most on \(path.title): \(times)."
      case .differs:
        "On no path does a full stream lengthen the round trips beside it; the nearest to it is \(path.title): \(times)."
      case .withinNoise:
        "Round trips beside a full stream are not longer than idle ones beyond noise; the longest, on "
          + "\(path.title): \(times)."
      case .undecided:
        "Round trips beside a full stream were timed in too few rounds to be sure; the longest, on \(path.title): "
          + "\(times)."
      }
    return Conclusion(
      rule: .latencyUnderLoad, standing: .init(ratio.verdict), text: text,
      evidence: ratios.compactMap { Conclusion.Evidence($0.1) })
  }
}

extension String {
  func droppingSuffix(_ suffix: String) -> String { hasSuffix(suffix) ? String(dropLast(suffix.count)) : self }
}
