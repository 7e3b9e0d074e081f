import Measurement

extension ReportRunner {
  /// iperf3's usual port in the source document.
  static let throughputPort: UInt16 = 12345

  /// The five paths, both directions, both backends, by turns.
  func measureThroughput() -> ThroughputPart {
    let targets = network.targets
    let servers = [targets.serverNode, targets.serverPod].map(throughputServer)
    return withServers(servers) { errors in
      var runs: [OverlayPath: [ThroughputRun]] = [:]
      var switches: [BackendSwitch] = []
      rounds(of: .throughput, plan.throughput.rounds) { round in
        // Of a switch that failed, so that no run is taken for one under a backend that is not there.
        var switchError: MeasuringError?
        let timesEcho = (round - 1) % max(1, plan.throughput.roundsPerEcho) == 0
        for step in Interleaving.throughputRound(round, backend: backend, timesEcho: timesEcho) where !stop.isRaised {
          switch step {
          case .switchBackend(let name):
            progress(.throughput, "round \(round) of \(plan.throughput.rounds): switching to \(name)")
            (switches, switchError) = switched(switches, to: name, round)
          case .run(let path, let direction, let timesEcho):
            progress(.throughput, "round \(round) of \(plan.throughput.rounds): \(path.title), \(direction.rawValue)")
            let server = throughputServer(targets.ends(of: path).server)
            let error = errors[server.id] ?? (path.backend == nil ? nil : switchError)
            runs[path, default: []] += run(path, direction, round, timesEcho, error)
          }
        }
      }
      return part(runs, switches)
    }
  }

  func throughputServer(_ host: ReportTargets.Host) -> Server {
    Server(
      host: host.name, words: ["bench", "throughput", "-s", "-p", "\(Self.throughputPort)", "-i", "0"],
      port: Self.throughputPort)
  }

  private func switched(
    _ switches: [BackendSwitch], to name: String, _ round: Int
  ) -> ([BackendSwitch], MeasuringError?) {
    let start = elapsed
    var made = BackendSwitch(round: round, backend: name, seconds: 0)
    var failure: MeasuringError?
    do throws(MeasuringError) {
      try network.switchBackend(to: name)
      backend = name
    } catch {
      failure = MeasuringError("The backend could not be switched to \(name): \(error)")
      made.failure = failed("switch to \(name)", round: round, error)
    }
    made.seconds = elapsed - start
    return (switches + [made], failure)
  }

  /// No row where the whole report was ended.
  private func run(
    _ path: OverlayPath, _ direction: TransferDirection, _ round: Int, _ timesEcho: Bool, _ error: MeasuringError?
  ) -> [ThroughputRun] {
    var run = ThroughputRun(round: round, direction: direction, startedSecondsAfterBeginning: elapsed)
    do throws(MeasuringError) {
      if let error { throw error }
      let ends = network.targets.ends(of: path)
      try transfer(
        &run, from: ends.client.name, to: "\(ends.server.address)", seconds: plan.throughput.seconds,
        interval: plan.throughput.interval, timesEcho: timesEcho)
    } catch {
      guard let failure = failed("throughput, \(path.title), \(direction.rawValue)", round: round, error) else {
        return []
      }
      run.failure = failure
    }
    return [run]
  }

  /// One run of the instrument, with what the machine did while its rows counted.
  func transfer(
    _ run: inout ThroughputRun, from client: String, to address: String, seconds: Int, interval: Double,
    timesEcho: Bool
  ) throws(MeasuringError) {
    var words = [
      "throughput", "-c", address, "-p", "\(Self.throughputPort)", "-t", "\(seconds)", "-i",
      Figures.fixed(interval, places: 2), "--connect-timeout", "3000", "-J",
    ]
    if run.direction == .serverSends { words.append("-R") }
    // iperf3's JSON on standard output has the rows, the instrument's own document has the echo.
    if timesEcho { words += ["--latency", "--json", "/dev/stderr"] }
    let limit = Double(seconds) + (timesEcho ? ReportPlan.Cost.echo : 0) + ReportPlan.Cost.program
    var ended: CommandOutput?
    let samples = try ProcessorSampler.samples(of: network) { () throws(MeasuringError) in
      ended = try instrument(client, words, seconds: limit)
    }
    guard let output = ended else { return }
    guard !output.output.isEmpty else { throw MeasuringError(output.complaint) }
    let reading = try ThroughputReading(json: output.output, data: timesEcho ? output.errors : "")
    run.intervals = reading.intervals
    run.sender = reading.sender
    run.receiver = reading.receiver
    run.congestionControl = reading.congestionControl
    run.idleRoundTripMilliseconds = reading.idleRoundTripMilliseconds
    run.loadedRoundTripMilliseconds = reading.loadedRoundTripMilliseconds
    run.tcpRoundTripMilliseconds = reading.tcpRoundTripMilliseconds
    run.steadyBitsPerSecond = reading.steadyBitsPerSecond
    // The transfer ends with the program, but for the results that both sides tell each other.
    guard let counted = reading.steadySeconds, let window = samples.last(counted) else { return }
    run.machineBusySeconds = window.times.busySeconds
    run.machineBusyShare = window.times.busyShare
    // A round with an echo is not compared with rounds without one.
    let isComparable = !timesEcho || plan.throughput.roundsPerEcho == 1
    if isComparable, let rate = reading.steadyBitsPerSecond, rate > 0 {
      run.machineBusySecondsPerGigabit = window.times.busySeconds / window.seconds / (rate / 1e9)
    }
  }

  // MARK: What the runs come to

  private func part(_ runs: [OverlayPath: [ThroughputRun]], _ switches: [BackendSwitch]) -> ThroughputPart {
    let paths = OverlayPath.allCases.map { path in
      let ends = network.targets.ends(of: path)
      let own = runs[path] ?? []
      return ThroughputPath(
        path: path, clientHost: ends.client.name, serverHost: ends.server.name,
        serverAddress: "\(ends.server.address)",
        directions: TransferDirection.allCases.map { DirectionFigures($0, own) }, runs: own)
    }
    return ThroughputPart(paths: paths, switches: switches).compared()
  }
}

extension DirectionFigures {
  init(_ direction: TransferDirection, _ runs: [ThroughputRun]) {
    let runs = runs.filter { $0.direction == direction && $0.failure == nil }
    func estimate(_ value: (ThroughputRun) -> Double?) -> Estimate {
      RoundStatistics.estimate(runs.compactMap { run in value(run).map { RoundValue(round: run.round, value: $0) } })
    }
    self.init(
      direction: direction,
      gigabitsPerSecond: estimate { ($0.steadyBitsPerSecond ?? $0.receiver?.bitsPerSecond).map { $0 / 1e9 } },
      retransmitsPerGigabyte: estimate { run in
        guard let bytes = run.receiver?.bytes, bytes > 0, let count = run.sender?.retransmits else { return nil }
        return Double(count) / (bytes / 1e9)
      },
      machineBusySecondsPerGigabit: estimate(\.machineBusySecondsPerGigabit),
      machineBusyShare: estimate(\.machineBusyShare), idleRoundTripMilliseconds: estimate(\.idleRoundTripMilliseconds),
      loadedRoundTripMilliseconds: estimate(\.loadedRoundTripMilliseconds),
      tcpRoundTripMilliseconds: estimate(\.tcpRoundTripMilliseconds))
  }
}

extension ThroughputPart {
  /// With the paths beside each other, round by round.
  func compared() -> ThroughputPart {
    var part = self
    part.againstNodeToNode = OverlayPath.allCases.dropFirst().flatMap { path in
      TransferDirection.allCases.map { direction in
        ratio(path, .nodeToNode, direction, "throughput, \(direction.rawValue)", true) { $0.gigabitsPerSecond }
      }
    }
    let pairs: [(OverlayPath, OverlayPath)] = [
      (.podToPodHostGateway, .podToPodVXLAN), (.podToNodeHostGateway, .podToNodeVXLAN),
    ]
    part.hostGatewayAgainstVXLAN = pairs.flatMap { new, old in
      TransferDirection.allCases.flatMap { direction in
        let which = ", \(direction.rawValue)"
        return [
          ratio(new, old, direction, "throughput" + which, true) { $0.gigabitsPerSecond },
          ratio(new, old, direction, "processor time per gigabit" + which, false) { $0.machineBusySecondsPerGigabit },
          direction == .clientSends
            ? ratio(new, old, direction, "round trip under load", false) { $0.loadedRoundTripMilliseconds } : nil,
        ].compactMap(\.self)
      }
    }
    return part
  }

  func figures(_ path: OverlayPath, _ direction: TransferDirection = .clientSends) -> DirectionFigures? {
    paths.first { $0.path == path }?.directions.first { $0.direction == direction }
  }

  private func ratio(
    _ path: OverlayPath, _ other: OverlayPath, _ direction: TransferDirection, _ quantity: String, _ isMoreBetter: Bool,
    _ estimate: (DirectionFigures) -> Estimate
  ) -> PairedRatio {
    func values(_ path: OverlayPath) -> [RoundValue] { figures(path, direction).map { estimate($0).values } ?? [] }
    return RoundStatistics.ratio(
      of: (path.title, values(path)), to: (other.title, values(other)), quantity: quantity, isMoreBetter: isMoreBetter)
  }
}
