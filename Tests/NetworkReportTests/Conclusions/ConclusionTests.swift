import Testing

@testable import NetworkReport

@Suite("Conclusions")
struct ConclusionTests {
  private let environment = RunEnvironment(
    machineName: "m", kernel: "6.18", architecture: "x86_64", processorModel: "p", processors: 2, started: "now",
    interfaces: [
      InterfaceSummary(host: "node1", name: "eth0", kind: "veth", mtuBytes: 1500),
      InterfaceSummary(host: "node1", name: "flannel.1", kind: "vxlan", mtuBytes: 1450),
    ])

  private func report(_ throughput: ThroughputPart? = nil, _ services: ServiceCostPart? = nil) -> NetworkReport {
    var report = NetworkReport(
      cluster: ClusterSummary(name: "c", isLab: true, podNetwork: "", nodes: [], pods: [], services: []),
      environment: environment, plan: ReportPlan.quick().summary, throughput: throughput, services: services)
    report.conclusions = Conclusions.of(report)
    return report
  }

  /// Paths with these rates, Gbit/s, in the order of the five, both directions alike.
  private func throughput(
    _ rates: [[Double]], work: [Double] = [0.1, 0.2, 0.2, 0.15, 0.15], busy: Double = 0.95
  ) -> ThroughputPart {
    let paths = zip(OverlayPath.allCases, zip(rates, work)).map { path, figures in
      let runs = TransferDirection.allCases.flatMap { direction in
        figures.0.enumerated().map { number, rate in
          ThroughputRun(
            round: number + 1, direction: direction, startedSecondsAfterBeginning: 0,
            sender: TransferSummary(seconds: 1, bytes: rate * 125_000_000, bitsPerSecond: rate * 1e9, retransmits: 5),
            receiver: TransferSummary(seconds: 1, bytes: rate * 125_000_000, bitsPerSecond: rate * 1e9),
            machineBusySeconds: 1, machineBusySecondsPerGigabit: figures.1 * (1 + 0.01 * Double(number % 3)),
            machineBusyShare: busy, idleRoundTripMilliseconds: 0.1, loadedRoundTripMilliseconds: 0.4 + 0.01 * rate)
        }
      }
      return ThroughputPath(
        path: path, clientHost: "a", serverHost: "b", serverAddress: "c",
        directions: TransferDirection.allCases.map { DirectionFigures($0, runs) }, runs: runs)
    }
    return ThroughputPart(paths: paths).compared()
  }

  private func noisy(_ value: Double, _ spread: Double = 0.01) -> [Double] {
    [1, -1, 0.5, -0.5, 0].map { value * (1 + spread * $0) }
  }

  private func text(_ rule: Conclusion.Rule, _ report: NetworkReport) -> String {
    report.conclusions.filter { $0.rule == rule }.map(\.text).joined(separator: "\n")
  }

  @Test("Figures as the source document has them give its conclusions")
  func source() throws {
    let report = report(
      throughput([3.22, 1.84, 2.36, 2.34, 2.60].map { noisy($0) }, work: [0.1, 0.25, 0.2, 0.2, 0.16]))
    #expect(text(.fastestPath, report).hasPrefix("Node to node is the fastest path: 3.22 Gbit/s"))
    let losses = report.conclusions.filter { $0.rule == .backendLoss }
    #expect(losses.count == 2 && losses.allSatisfy { $0.standing == .certain })
    #expect(losses[0].text.hasPrefix("vxlan: pod to pod loses 42.9 %"))
    #expect(losses[1].text.hasPrefix("host-gw: pod to pod loses 27.3 %"))
    #expect(text(.hostGatewayAgainstVXLAN, report).contains("host-gw is faster than vxlan beyond noise, 1.272 ×"))
    let why = text(.whyBackendsDiffer, report)
    #expect(why.contains("50 bytes around each packet, 3.3 % of an MTU of 1500 bytes"), "\(why)")
    #expect(why.contains("by their time per gigabit alone host-gw would have 1.250 ×"), "\(why)")
    let loss = try #require(losses[0].evidence.first)
    #expect(loss.unit == "%" && loss.interval?.contains(loss.value) == true)
  }

  @Test("The other way around they say the other thing")
  func reversed() {
    let report = report(throughput([2, 4, 4, 3, 3].map { noisy($0) }, work: [0.1, 0.1, 0.1, 0.2, 0.2]))
    #expect(text(.fastestPath, report).hasPrefix("Pod to"))
    #expect(text(.backendLoss, report).contains("is faster than node to node"))
    #expect(text(.hostGatewayAgainstVXLAN, report).contains("slower than vxlan"))
    #expect(!text(.hostGatewayAgainstVXLAN, report).contains("faster"))
  }

  @Test("Within noise nothing is faster, and the rounds that would tell are named")
  func noise() {
    let rates = [
      [3, 3.4, 2.8, 3.1], [3.1, 3.2, 2.9, 3.0], [2.9, 3.3, 2.9, 3.2], [3.2, 3, 3, 3.1], [3, 3.1, 3.2, 2.9],
    ]
    let report = report(throughput(rates))
    #expect(text(.hostGatewayAgainstVXLAN, report).contains("do not differ by more than noise"))
    #expect(text(.backendLoss, report).contains("as fast as node to node within noise"))
    #expect(text(.whyBackendsDiffer, report).contains("no difference of throughput beyond noise to explain"))
    let open = report.conclusions.first { $0.rule == .undecided }
    #expect(open?.standing == .undecided && open?.text.contains("rounds would decide") == true, "\(open?.text ?? "")")
    #expect(open?.evidence.allSatisfy { $0.value > 4 } == true)
  }

  @Test("Of figures that vary wildly it is not said that they are alike")
  func wild() {
    let report = report(throughput([[3, 9, 1, 6], [6, 2, 3, 5], [1, 8, 2, 7], [9, 3, 2, 4], [2, 6, 4, 3]]))
    #expect(!report.conclusions.contains { $0.text.contains("as fast") }, "\(report.conclusions.map(\.text))")
    #expect(text(.backendLoss, report).contains("pod to pod cannot be told from node to node in this noise"))
  }

  @Test("Where pods were not measured with each other, nothing is said of them")
  func podsMissing() {
    let report = report(throughput([[3.2, 3.3, 3.1], [], [2.3, 2.4, 2.2], [2.3, 2.4, 2.2], []]))
    let losses = report.conclusions.filter { $0.rule == .backendLoss }.map(\.text)
    #expect(losses.count == 2)
    #expect(losses.first?.hasPrefix("vxlan: pod to another node loses") == true, "\(losses)")
    #expect(losses.last?.hasPrefix("host-gw: pod to pod loses") == true, "\(losses)")
    #expect(losses.allSatisfy { !$0.contains(";") })
  }

  @Test("Round trips that are longer beyond noise are told, though noisy ones have the larger ratio")
  func underLoad() {
    func path(_ path: OverlayPath, _ loaded: [Double]) -> ThroughputPath {
      let figures = DirectionFigures(
        direction: .clientSends, gigabitsPerSecond: RoundStatistics.estimate(rounds([3, 3.1, 3.2])),
        idleRoundTripMilliseconds: RoundStatistics.estimate(rounds(loaded.map { _ in 1 })),
        loadedRoundTripMilliseconds: RoundStatistics.estimate(rounds(loaded)))
      return ThroughputPath(path: path, clientHost: "a", serverHost: "b", serverAddress: "c", directions: [figures])
    }
    let part = ThroughputPart(paths: [path(.nodeToNode, [2, 2.1, 2.05]), path(.podToPodVXLAN, [0.1, 9, 30])])
    #expect(
      text(.latencyUnderLoad, report(part)).hasPrefix("A full stream lengthens the round trips beside it most on node"))
  }

  @Test("One of two routes that differs is no contradiction to the other")
  func oneRoute() {
    let rates = [[3, 3.1, 2.9, 3], [2, 2.1, 1.9, 2], [1, 1.01, 0.99, 1], [2.1, 2, 1.9, 2.05], [2, 2.02, 2, 2]]
    let report = report(throughput(rates))
    let backends = report.conclusions.first { $0.rule == .hostGatewayAgainstVXLAN }
    #expect(backends?.standing == .certain && backends?.text.contains("pod to another node: host-gw is faster") == true)
    #expect(text(.whyBackendsDiffer, report).contains("Between pods there is no difference"))
    #expect(text(.undecided, report).contains("if the true ratio is the measured one."))
    #expect(text(.undecided, report).contains("Of 95 % intervals about one in twenty tells a difference"))
  }

  @Test("What one run came to is not called certain, and its failures are not among the answers")
  func load() {
    var run = LoadRun(generator: .own, title: "a pod", host: "h", url: "u", users: 5, seconds: 1)
    run.requests = 100
    run.failures = 20
    run.requestsPerSecond = 80
    let conclusion = LoadConclusions(part: LoadPart(runs: [run])).all.first
    #expect(conclusion?.standing == .single)
    #expect(conclusion?.text.contains("had 80.0 requests a second answered; 20 of 100 requests failed") == true)
    #expect(conclusion?.text.hasSuffix("That is one run, without an interval.") == true)
  }

  @Test("Figures have the digits that they are worth, and counts have none behind the point")
  func digits() {
    #expect(Cells.ratio(25.0523) == "25.1" && Cells.ratio(0.97312) == "0.973" && Cells.ratio(.nan) == "-")
    #expect(Cells.value(12, unit: "1") == "12" && Cells.value(3, unit: "rounds") == "3 rounds")
    #expect(Cells.value(1.0042, interval: .init(low: 0.98, high: 25.04), unit: "×") == "1.004 × (0.980–25.0)")
  }

  @Test("An echo in fewer than three rounds is in the tables alone")
  func fewEchoes() {
    var part = throughput([3, 2, 2, 2, 2].map { noisy($0) })
    for path in part.paths.indices {
      part.paths[path].directions[0].loadedRoundTripMilliseconds = RoundStatistics.estimate(rounds([0.5]))
    }
    #expect(text(.latencyUnderLoad, report(part)).isEmpty)
    #expect(!text(.latencyUnderLoad, report(throughput([3, 2, 2, 2, 2].map { noisy($0) }))).isEmpty)
  }

  @Test("Idle processors are not made responsible")
  func idle() {
    let report = report(throughput([3.2, 1.8, 2.3, 2.3, 2.6].map { noisy($0) }, busy: 0.4))
    #expect(text(.whyBackendsDiffer, report).contains("were not all busy (40 %)"))
  }

  @Test("One round decides nothing")
  func single() {
    let report = report(throughput([[3.2], [1.8], [2.3], [2.3], [2.6]]))
    #expect(report.conclusions.filter { $0.rule != .undecided }.allSatisfy { $0.standing == .undecided })
    #expect(text(.backendLoss, report).contains("too few rounds"))
  }

  @Test(
    "Without values, with zeros and with none that are numbers, nothing is claimed",
    arguments: [[], [0, 0, 0], [.nan, .nan, .nan], [.infinity, 1, 1], [-1, -2, -3]] as [[Double]])
  func adversarial(values: [Double]) {
    let report = report(throughput(OverlayPath.allCases.map { _ in values }), services(values, values))
    for conclusion in report.conclusions {
      let lower = conclusion.text.lowercased()
      #expect(!lower.contains("nan") && !lower.contains("inf") && !lower.isEmpty, "\(conclusion.text)")
      #expect(conclusion.evidence.allSatisfy { $0.value.isFinite })
      #expect(!conclusion.text.contains("no value"), "\(conclusion.text)")
    }
  }

  private func services(_ direct: [Double], _ cluster: [Double]) -> ServiceCostPart {
    func variant(_ access: ServiceAccess, _ values: [Double]) -> ServiceVariant {
      let estimate = RoundStatistics.estimate(rounds(values))
      return ServiceVariant(
        access: access, clientHost: "a", address: "b", gigabitsPerSecond: estimate, medianRequestMicroseconds: estimate,
        newConnectionsPerSecond: estimate)
    }
    let scaling = [10, 5000].map { count in
      ServiceScalingPoint(
        access: .clusterIPHooks, services: count, endpointsPerService: 10,
        newConnectionsPerSecond: RoundStatistics.estimate(rounds(cluster)))
    }
    return ServiceCostPart(
      backend: "host-gw",
      variants: [
        variant(.podIPDetached, direct), variant(.podIPAttached, direct), variant(.clusterIPHooks, cluster),
        variant(.clusterIPNFTables, direct),
      ], scaling: scaling
    ).compared()
  }

  @Test("What a ClusterIP costs, and what was to be reached")
  func serviceCost() {
    let report = report(nil, services(noisy(10), noisy(8)))
    #expect(text(.clusterIPCost, report).contains("throughput 0.800 ×"))
    #expect(text(.clusterIPCost, report).contains("worse (at least 0.90 × wanted: missed)"))
    #expect(
      text(.clusterIPCost, report).contains(
        "median latency 0.800 × (0.800 to 0.800), better (at most 1.10 × wanted: reached)"))
    #expect(text(.attachCost, report).contains("within noise (at least 0.90 × wanted: reached)"))
    #expect(text(.hooksAgainstNFTables, report).contains("at least 1.00 × wanted: missed"))
    #expect(text(.scaling, report).contains("stays flat within noise"))
  }

  @Test("The ingress's time is told beside the same way without it")
  func ingress() {
    func path(_ path: AccessPath, _ phases: [Double]) -> LatencyPath {
      let sum = phases.reduce(0, +)
      return LatencyPath(
        path: path, host: "h", url: "u", medianTotalMilliseconds: RoundStatistics.estimate(rounds(noisy(sum))),
        phases: zip(["name lookup", "connect", "first byte", "content"], phases).map {
          RequestPhase(name: $0, medianMilliseconds: RoundStatistics.estimate(rounds(noisy($1))), share: $1 / sum)
        })
    }
    let part = LatencyPart(paths: [
      path(.nodeByClusterIP, [0, 0.1, 0.2, 0]), path(.outsideByIngress, [0, 0.1, 0.8, 0.1]),
      path(.outsideByNodePort, [0, 0.1, 0.3, 0.1]),
    ])
    let conclusions = LatencyConclusions(part: part).all
    let ingress = conclusions.first { $0.rule == .ingressTime }
    #expect(ingress?.text.contains("80 % is first byte") == true, "\(ingress?.text ?? "")")
    #expect(ingress?.text.contains("0.500 ms more, of which 0.500 ms in first byte") == true, "\(ingress?.text ?? "")")
    #expect(
      conclusions.first?.text.contains("a node, by ClusterIP 0.300 ms") == true, "\(conclusions.first?.text ?? "")")
  }
}
