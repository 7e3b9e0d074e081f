import NetworkReport

/// Reports with anything in their texts and numbers, and with anything missing.
struct HostileReport {
  private var generator: SampleReport.Generator

  init(seed: UInt64) { generator = SampleReport.Generator(state: seed) }

  static let texts = [
    "<script>alert(1)</script>", "\" onmouseover=\"alert(1)", "' onload='alert(1)",
    "</style><img src=x onerror=alert(1)>",
    "]]><!--", "--><svg/onload=alert(1)>", "a|b|c\n| d |", "`code` **bold** [x](javascript:alert(1))",
    "1. # > - + http://evil.example/",
    "\u{1b}[31mred\u{7}\u{0}", "\u{202e}drowssap", "שלום עולם", "👩‍👩‍👧‍👦🏳️‍🌈", "Z" + String(repeating: "\u{301}", count: 5000),
    String(repeating: "x", count: 10_000), String(repeating: "word ", count: 2000), "", " ", "&amp;&#60;", "\r\n\t",
    "\u{2028}\u{2029}\u{feff}", "${7*7} {{x}} <% y %>",
  ]
  static let numbers = [
    0, -0.0, 1, -1, 0.5, .leastNonzeroMagnitude, 1e-9, 1e9, 1e15, 1e308, -1e308, Double.greatestFiniteMagnitude,
    .infinity, -.infinity, .nan,
    0.1, 99.9, 1234.5,
  ]
  static let counts = [0, 1, -1, 7, 9999, 10_000, Int.max, Int.min, 100]

  private mutating func text() -> String { Self.texts.randomElement(using: &generator) ?? "" }
  private mutating func number() -> Double { Self.numbers.randomElement(using: &generator) ?? 0 }
  private mutating func count() -> Int { Self.counts.randomElement(using: &generator) ?? 0 }
  private mutating func isSo() -> Bool { Bool.random(using: &generator) }
  private mutating func maybe<Value>(_ make: (inout Self) -> Value) -> Value? { isSo() ? make(&self) : nil }
  private mutating func some<Value>(_ most: Int = 3, _ make: (inout Self) -> Value) -> [Value] {
    (0..<Int.random(in: 0...most, using: &generator)).map { _ in make(&self) }
  }
  private mutating func any<Value: CaseIterable>(_ type: Value.Type) -> Value where Value.AllCases == [Value] {
    Value.allCases[Int.random(in: 0..<Value.allCases.count, using: &generator)]
  }

  private mutating func interval() -> ConfidenceInterval { ConfidenceInterval(low: number(), high: number()) }
  private mutating func estimate() -> Estimate {
    Estimate(
      median: maybe { $0.number() }, interval: maybe { $0.interval() },
      values: some { RoundValue(round: $0.count(), value: $0.number()) })
  }
  private mutating func failure() -> MeasurementFailure {
    MeasurementFailure(measurement: text(), round: maybe { $0.count() }, reason: text())
  }
  private mutating func ratio() -> PairedRatio {
    PairedRatio(
      quantity: text(), isMoreBetter: isSo(), subject: text(), reference: text(), ratio: maybe { $0.number() },
      interval: maybe { $0.interval() }, values: some { RoundValue(round: $0.count(), value: $0.number()) },
      verdict: [.differs, .withinNoise, .undecided].randomElement(using: &generator) ?? .differs,
      roundsToDecide: maybe { $0.count() },
      goal: maybe { .init(kind: $0.isSo() ? .atLeast : .atMost, bound: $0.number(), standing: .missedWithinNoise) })
  }

  mutating func report() -> NetworkReport {
    var report = NetworkReport(
      cluster: ClusterSummary(
        name: text(), isLab: isSo(), podNetwork: text(),
        nodes: some { .init(name: $0.text(), address: $0.text(), podSubnet: $0.text()) },
        pods: some { .init(name: $0.text(), node: $0.text(), address: $0.text()) },
        services: some {
          .init(name: $0.text(), clusterIP: $0.text(), port: $0.count(), nodePort: $0.count(), endpoints: $0.count())
        }),
      environment: RunEnvironment(
        machineName: text(), kernel: text(), architecture: text(), processorModel: text(), processors: count(),
        memoryBytes: maybe { _ in UInt64.max }, congestionControl: text(), started: text(),
        loadAverages: some { $0.number() }, busyShareAtStart: maybe { $0.number() }, versions: [text(): text()],
        interfaces: some {
          InterfaceSummary(
            host: $0.text(), name: $0.text(), kind: $0.text(), mtuBytes: $0.count(),
            activeOffloads: $0.some { $0.text() })
        }, warnings: some { $0.text() }),
      plan: PlanSummary(
        isQuick: isSo(), parts: some { $0.any(ReportPart.self) }, rounds: count(), secondsPerThroughputRun: number(),
        allottedSeconds: number()),
      latency: maybe { $0.latency() }, load: maybe { $0.load() }, throughput: maybe { $0.throughput() },
      services: maybe { $0.services() },
      conclusions: some { report in
        Conclusion(
          rule: report.any(Conclusion.Rule.self), standing: report.isSo() ? .certain : .undecided, text: report.text(),
          evidence: report.some {
            .init(name: $0.text(), value: $0.number(), interval: $0.maybe { $0.interval() }, unit: $0.text())
          })
      }, failures: some { $0.failure() }, phases: some { PhaseTime(name: $0.text(), seconds: $0.number()) },
      wasInterrupted: isSo())
    report.environment.settings = some {
      HostSetting(name: $0.text(), value: $0.text(), valueBefore: $0.text(), hosts: $0.some { $0.text() })
    }
    return report
  }

  private mutating func latency() -> LatencyPart {
    LatencyPart(
      paths: some(5) { report in
        LatencyPath(
          path: report.any(AccessPath.self), host: report.text(), url: report.text(),
          table: report.some {
            RequestTimes(
              nameLookupSeconds: $0.number(), connectSeconds: $0.number(), startTransferSeconds: $0.number(),
              totalSeconds: $0.number(), status: $0.maybe { $0.count() }, error: $0.maybe { $0.text() })
          }, tableMeanTotalMilliseconds: report.maybe { $0.number() }, requests: report.count(),
          failedRequests: report.count(), meanTotalMilliseconds: report.estimate(),
          medianTotalMilliseconds: report.estimate(), p90TotalMilliseconds: report.estimate(),
          p99TotalMilliseconds: report.estimate(),
          distribution: report.some(6) { QuantilePoint(share: $0.number(), milliseconds: $0.number()) },
          phases: report.some {
            RequestPhase(name: $0.text(), medianMilliseconds: $0.estimate(), share: $0.maybe { $0.number() })
          }, failures: report.some { $0.failure() })
      }, comparisons: some { $0.ratio() })
  }

  private mutating func load() -> LoadPart {
    LoadPart(
      runs: some(7) { report in
        var run = LoadRun(
          generator: report.isSo() ? .own : .locust, title: report.text(), host: report.text(), url: report.text(),
          users: report.count(), usersSpawnedPerSecond: report.maybe { $0.number() }, seconds: report.number(),
          requests: report.count(), failures: report.count(), failuresByKind: [report.text(): report.count()],
          requestsPerSecond: report.maybe { $0.number() }, meanMilliseconds: report.maybe { $0.number() },
          percentiles: report.some(20) { QuantilePoint(share: $0.number(), milliseconds: $0.number()) })
        run.perSecond = report.some(6) {
          LoadSecond(
            second: $0.count(), requests: $0.count(), failures: $0.count(), users: $0.maybe { $0.count() },
            medianMilliseconds: $0.maybe { $0.number() }, p95Milliseconds: $0.maybe { $0.number() })
        }
        run.tasks = report.some {
          LoadTask(name: $0.text(), requests: $0.count(), failures: $0.count(), requestsPerSecond: $0.number())
        }
        run.locust = report.maybe {
          LocustSummary(version: $0.text(), webURL: $0.text(), webStatus: $0.maybe { $0.count() }, workers: $0.count())
        }
        run.failure = report.maybe { $0.failure() }
        return run
      })
  }

  private mutating func throughput() -> ThroughputPart {
    ThroughputPart(
      paths: some(6) { report in
        ThroughputPath(
          path: report.any(OverlayPath.self), clientHost: report.text(), serverHost: report.text(),
          serverAddress: report.text(),
          directions: report.some {
            DirectionFigures(
              direction: $0.any(TransferDirection.self), gigabitsPerSecond: $0.estimate(),
              retransmitsPerGigabyte: $0.estimate(), machineBusySecondsPerGigabit: $0.estimate(),
              machineBusyShare: $0.estimate(), idleRoundTripMilliseconds: $0.estimate(),
              loadedRoundTripMilliseconds: $0.estimate(), tcpRoundTripMilliseconds: $0.estimate())
          },
          runs: report.some { report in
            ThroughputRun(
              round: report.count(), direction: report.any(TransferDirection.self),
              startedSecondsAfterBeginning: report.number(),
              intervals: report.some {
                TransferInterval(
                  startSeconds: $0.number(), endSeconds: $0.number(), bytes: $0.number(), bitsPerSecond: $0.number(),
                  retransmits: $0.maybe { $0.count() }, congestionWindowBytes: $0.maybe { $0.number() })
              },
              sender: report.maybe {
                TransferSummary(
                  seconds: $0.number(), bytes: $0.number(), bitsPerSecond: $0.number(), retransmits: $0.count())
              }, failure: report.maybe { $0.failure() })
          })
      }, againstNodeToNode: some { $0.ratio() }, hostGatewayAgainstVXLAN: some { $0.ratio() },
      switches: some {
        BackendSwitch(round: $0.count(), backend: $0.text(), seconds: $0.number(), failure: $0.maybe { $0.failure() })
      })
  }

  private mutating func services() -> ServiceCostPart {
    ServiceCostPart(
      backend: text(),
      variants: some(5) {
        ServiceVariant(
          access: $0.any(ServiceAccess.self), clientHost: $0.text(), address: $0.text(),
          gigabitsPerSecond: $0.estimate(),
          machineBusySecondsPerGigabit: $0.estimate(), medianRequestMicroseconds: $0.estimate(),
          p99RequestMicroseconds: $0.estimate(), newConnectionsPerSecond: $0.estimate(),
          failures: $0.some { $0.failure() })
      }, comparisons: some { $0.ratio() },
      scaling: some(6) {
        ServiceScalingPoint(
          access: $0.any(ServiceAccess.self), services: $0.count(), endpointsPerService: $0.count(),
          newConnectionsPerSecond: $0.estimate(), secondsToInstall: $0.maybe { $0.number() },
          failures: $0.some { $0.failure() })
      }, scalingComparisons: some { $0.ratio() })
  }
}
