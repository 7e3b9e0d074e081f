import Measurement
import Netlink

extension ReportRunner {
  /// Requests by each path, the paths by turns in each round.
  func measureLatency() -> LatencyPart {
    let accesses = network.targets.accesses
    var gathered = accesses.map { _ in Gathered() }
    rounds(of: .latency, plan.latency.rounds) { round in
      for index in Interleaving.balanced(Array(accesses.indices), round: round) where !stop.isRaised {
        let access = accesses[index]
        progress(.latency, "round \(round) of \(plan.latency.rounds): \(access.path.title)")
        do throws(MeasuringError) {
          gathered[index].add(try probe(access), round: round)
        } catch {
          gathered[index].failures += [failed("latency, \(access.path.title)", round: round, error)].compactMap(\.self)
        }
      }
    }
    let paths = zip(accesses, gathered).map { $1.result($0) }
    return LatencyPart(paths: paths, comparisons: comparisons(paths))
  }

  private func probe(_ access: ReportTargets.Access) throws(MeasuringError) -> LatencyReading {
    try requests(plan.latency.requests, from: access.host, to: access.resolution + [access.url])
  }

  /// So many requests on a connection of their own, without those that went before them; one at least is answered.
  ///
  /// - Parameter words: the URL, and where its host is.
  func requests(_ count: Int, from host: String, to words: [String]) throws(MeasuringError) -> LatencyReading {
    let output = try instrument(
      host, ["latency", "-q", "-n", "\(count + ReportPlan.warmUpRequests)", "--json", "-"] + words,
      seconds: plan.requestSeconds(count))
    guard !output.output.isEmpty else { throw MeasuringError(output.complaint) }
    var reading = try LatencyReading(json: output.output)
    reading.requests = reading.requests.suffix(count)
    guard !reading.answered.isEmpty else {
      throw MeasuringError(reading.requests.first?.error ?? output.complaint)
    }
    return reading
  }

  /// Sends requests that count nowhere; what is wrong with them is told by what is measured next.
  func warmUp(from host: String, to words: [String]) {
    let options = ["-q", "-n", "\(ReportPlan.warmUpRequests)", "-m", "1", "--json", "-"]
    _ = try? instrument(host, ["latency"] + options + words, seconds: plan.requestSeconds(0))
  }

  private func comparisons(_ paths: [LatencyPath]) -> [PairedRatio] {
    guard let first = paths.first else { return [] }
    return paths.dropFirst().map { path in
      RoundStatistics.ratio(
        of: (path.path.title, path.medianTotalMilliseconds.values),
        to: (first.path.title, first.medianTotalMilliseconds.values), quantity: "median latency", isMoreBetter: false)
    }
  }

  private struct Gathered {
    var table: [RequestTimes] = []
    var totals: [Double] = []
    var requests = 0
    var failed = 0
    var means: [RoundValue] = []
    var medians: [RoundValue] = []
    var p90s: [RoundValue] = []
    var p99s: [RoundValue] = []
    var phases: [[RoundValue]] = phaseNames.map { _ in [] }
    var failures: [MeasurementFailure] = []

    /// As in the source document's tables.
    static let rows = 10
    static let phaseNames = ["name lookup", "connect", "first byte", "content"]

    mutating func add(_ reading: LatencyReading, round: Int) {
      if table.isEmpty { table = Array(reading.requests.prefix(Self.rows)) }
      requests += reading.requests.count
      let answered = reading.answered
      failed += reading.requests.count - answered.count
      if let first = reading.requests.first(where: { $0.error != nil }) {
        let count = reading.requests.count - answered.count
        failures.append(
          MeasurementFailure(
            measurement: "\(count) of \(reading.requests.count) requests", round: round, reason: first.error ?? ""))
      }
      totals += answered.map(\.totalSeconds)
      guard let summary = Distribution(answered.map(\.totalSeconds)).summary else { return }
      func value(_ seconds: Double) -> RoundValue { RoundValue(round: round, value: seconds * 1000) }
      means.append(value(summary.mean))
      medians.append(value(summary.median))
      p90s.append(value(summary.p90))
      p99s.append(value(summary.p99))
      for (index, seconds) in phaseMedians(answered).enumerated() { phases[index].append(value(seconds)) }
    }

    private func phaseMedians(_ requests: [RequestTimes]) -> [Double] {
      let durations: [(RequestTimes) -> Double] = [
        { $0.nameLookupSeconds }, { $0.connectSeconds - $0.nameLookupSeconds },
        { $0.startTransferSeconds - $0.connectSeconds }, { $0.totalSeconds - $0.startTransferSeconds },
      ]
      return durations.map { duration in max(0, Distribution(requests.map(duration)).median ?? 0) }
    }

    func result(_ access: ReportTargets.Access) -> LatencyPath {
      let estimates = phases.map(RoundStatistics.estimate)
      let sum = estimates.compactMap(\.median).reduce(0, +)
      let distribution = Distribution(totals)
      return LatencyPath(
        path: access.path, host: access.host, url: access.url, table: table,
        tableMeanTotalMilliseconds: Distribution(table.filter { $0.error == nil }.map { $0.totalSeconds * 1000 }).mean,
        requests: requests, failedRequests: failed, meanTotalMilliseconds: RoundStatistics.estimate(means),
        medianTotalMilliseconds: RoundStatistics.estimate(medians),
        p90TotalMilliseconds: RoundStatistics.estimate(p90s),
        p99TotalMilliseconds: RoundStatistics.estimate(p99s), distribution: distribution.points(),
        phases: zip(Self.phaseNames, estimates).map { name, estimate in
          RequestPhase(
            name: name, medianMilliseconds: estimate, share: sum > 0 ? estimate.median.map { $0 / sum } : nil)
        }, failures: failures)
    }
  }
}

extension ReportTargets.Access {
  /// The words of `svs bench latency` that say where the URL's host is.
  var resolution: [String] {
    guard let address else { return [] }
    return ["--resolve", "\(hostName):*:\(address)"]
  }

  /// The words of `svs bench load`, which has no other way to say it: the address in the URL, the name in a header.
  ///
  /// Without a path: the tasks have theirs.
  var loadWords: [String] {
    let parts = URLParts(url)
    guard let address else { return ["\(parts.scheme)://\(parts.host)\(parts.port)"] }
    let figures = address.family == .ipv6 ? "[\(address)]" : "\(address)"
    return ["\(parts.scheme)://\(figures)\(parts.port)", "-H", "Host: \(parts.host)\(parts.port)"]
  }

  private var hostName: String { URLParts(url).host }

  private struct URLParts {
    var scheme = "http"
    var host: String
    /// With its colon, or empty.
    var port = ""
    var path = "/"

    init(_ url: String) {
      var rest = url[...]
      if let range = rest.firstRange(of: "://") {
        scheme = String(rest[..<range.lowerBound])
        rest = rest[range.upperBound...]
      }
      if let slash = rest.firstIndex(of: "/") {
        path = String(rest[slash...])
        rest = rest[..<slash]
      }
      if let colon = rest.lastIndex(of: ":"), !rest[colon...].contains("]") {
        port = String(rest[colon...])
        rest = rest[..<colon]
      }
      host = String(rest)
    }
  }
}
