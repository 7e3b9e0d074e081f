import Foundation
import NetworkReport

/// Reports that nobody measured, for tests and for looking at.
enum SampleReport {
  /// Numbers that are the same in every run.
  struct Generator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      var value = state
      value = (value ^ (value >> 33)) &* 0xff51_afd7_ed55_8ccd
      return value ^ (value >> 33)
    }

    /// About 1, by so large a part more or less.
    mutating func near(_ spread: Double) -> Double { 1 + Double.random(in: -spread...spread, using: &self) }
  }

  static func estimate(_ middle: Double, _ spread: Double, rounds: Int, _ generator: inout Generator) -> Estimate {
    let values = (1...max(1, rounds)).map { RoundValue(round: $0, value: middle * generator.near(spread)) }
    let sorted = values.map(\.value).sorted()
    let median = (sorted[sorted.count / 2] + sorted[(sorted.count - 1) / 2]) / 2
    let half = median * spread * 0.8
    return Estimate(
      median: median, interval: rounds < 3 ? nil : ConfidenceInterval(low: median - half, high: median + half),
      values: values)
  }

  static func ratio(
    _ quantity: String, _ subject: (String, Estimate), _ reference: (String, Estimate), more: Bool = true,
    goal: PairedRatio.Goal? = nil
  ) -> PairedRatio {
    let ratio = (subject.1.median ?? .nan) / (reference.1.median ?? .nan)
    let interval = ConfidenceInterval(low: ratio * 0.97, high: ratio * 1.03)
    return PairedRatio(
      quantity: quantity, isMoreBetter: more, subject: subject.0, reference: reference.0, ratio: ratio,
      interval: interval, verdict: interval.contains(1) ? .withinNoise : .differs,
      roundsToDecide: interval.contains(1) ? 14 : nil, goal: goal)
  }

  /// As large as a full run of the three nodes' cluster.
  static func full(rounds: Int = 5, seconds: Int = 10) -> NetworkReport {
    var generator = Generator(state: 7)
    let throughput = throughput(rounds: rounds, seconds: seconds, &generator)
    return NetworkReport(
      cluster: cluster, environment: environment,
      plan: PlanSummary(
        isQuick: false, parts: ReportPart.allCases, rounds: rounds, secondsPerThroughputRun: Double(seconds),
        allottedSeconds: 900),
      latency: latency(rounds: rounds, &generator), load: load(&generator), throughput: throughput,
      services: services(rounds: rounds, &generator), conclusions: conclusions,
      phases: [
        PhaseTime(name: "build", seconds: 3.2), PhaseTime(name: "latency", seconds: 41.8),
        PhaseTime(name: "load", seconds: 62.1), PhaseTime(name: "throughput", seconds: 611.3),
        PhaseTime(name: "services", seconds: 188.9), PhaseTime(name: "remove", seconds: 1.4),
      ])
  }

  static let cluster = ClusterSummary(
    name: "report", isLab: true, podNetwork: "10.244.0.0/16",
    nodes: [("master", 0), ("node1", 1), ("node2", 2)].map {
      .init(name: $0.0, address: "192.168.0.\(51 + $0.1)", podSubnet: "10.244.\($0.1).0/24")
    },
    pods: [
      ("sample-webapp-1", "master"), ("sample-webapp-2", "node1"), ("centos-perf-1", "node1"),
      ("centos-perf-2", "node2"),
    ]
    .enumerated().map { .init(name: $1.0, node: $1.1, address: "10.244.\($0 % 3).\($0 + 2)") },
    services: [
      .init(name: "sample-webapp", clusterIP: "10.98.210.117", port: 8000, nodePort: 30080, endpoints: 3)
    ])

  static let environment = RunEnvironment(
    machineName: "build-7", kernel: "6.18.5-amd64", architecture: "x86_64",
    processorModel: "AMD EPYC 7B13 64-Core Processor", processors: 2, memoryBytes: 8_350_000_000,
    congestionControl: "cubic", started: "2026-11-22T02:50:36Z", loadAverages: [0.42, 0.5, 0.61],
    busyShareAtStart: 0.031, versions: ["svs": "0.1.0", "iproute2": "6.15.0", "nft": "1.1.3", "dnsmasq": "2.91"],
    interfaces: [
      InterfaceSummary(
        host: "node1", name: "flannel.1", kind: "vxlan", mtuBytes: 1450,
        activeOffloads: ["tcp-segmentation-offload", "generic-receive-offload", "tx-checksumming"]),
      InterfaceSummary(
        host: "node1", name: "cni0", kind: "bridge", mtuBytes: 1450, activeOffloads: ["rx-checksumming"]),
    ],
    settings: [
      HostSetting(
        name: "net.ipv4.tcp_tw_reuse", value: "1", valueBefore: "2", hosts: ["node1", "centos-perf-1", "outside"]),
      HostSetting(
        name: "net.ipv4.ip_local_port_range", value: "10000 65535", valueBefore: "32768 60999",
        hosts: ["centos-perf-1", "outside"]),
    ], warnings: ["18 % of the machine was busy with something else during the run."])

  // MARK: Parts

  private static func latency(rounds: Int, _ generator: inout Generator) -> LatencyPart {
    let plain: [(AccessPath, String, String, Double, [(String, Double)])] = [
      (
        .nodeByClusterIP, "node1", "http://10.98.210.117:8000/", 0.41,
        [("connect", 0.11), ("first byte", 0.27), ("content", 0.03)]
      ),
      (
        .podByServiceName, "centos-perf-1", "http://sample-webapp:8000/", 0.72,
        [("name lookup", 0.28), ("connect", 0.13), ("first byte", 0.28), ("content", 0.03)]
      ),
      (
        .outsideByIngress, "outside", "http://sample-webapp.test.com/", 1.35,
        [("connect", 0.09), ("first byte", 1.21), ("content", 0.05)]
      ),
      (
        .outsideByNodePort, "outside", "http://192.168.0.52:30080/", 0.47,
        [("connect", 0.14), ("first byte", 0.29), ("content", 0.04)]
      ),
    ]
    var paths: [LatencyPath] = []
    for (path, host, url, middle, phases) in plain {
      let table = (0..<10).map { _ in
        let total = middle * generator.near(0.3) / 1000
        let lookup = path == .podByServiceName ? total * 0.35 : 0
        return RequestTimes(
          nameLookupSeconds: lookup, connectSeconds: lookup + total * 0.2, startTransferSeconds: total * 0.93,
          totalSeconds: total, status: 200)
      }
      let distribution = (0...200).map { step -> QuantilePoint in
        let share = Double(step) / 200
        let tail = share > 0.95 ? exp((share - 0.95) * 45) : 1
        return QuantilePoint(share: share, milliseconds: middle * (0.72 + 0.56 * pow(share, 1.4)) * tail)
      }
      paths.append(
        LatencyPath(
          path: path, host: host, url: url, table: table,
          tableMeanTotalMilliseconds: table.map(\.totalSeconds).reduce(0, +) * 100, requests: 5000,
          failedRequests: path == .outsideByIngress ? 2 : 0,
          meanTotalMilliseconds: estimate(middle * 1.08, 0.05, rounds: rounds, &generator),
          medianTotalMilliseconds: estimate(middle, 0.04, rounds: rounds, &generator),
          p90TotalMilliseconds: estimate(middle * 1.3, 0.06, rounds: rounds, &generator),
          p99TotalMilliseconds: estimate(middle * 5.2, 0.3, rounds: rounds, &generator), distribution: distribution,
          phases: phases.map { name, share in
            RequestPhase(
              name: name, medianMilliseconds: estimate(share, 0.05, rounds: rounds, &generator), share: share / middle)
          }))
    }
    let first = paths[0]
    return LatencyPart(
      paths: paths,
      comparisons: paths.dropFirst().map {
        ratio(
          "median latency", ($0.path.title, $0.medianTotalMilliseconds),
          (first.path.title, first.medianTotalMilliseconds),
          more: false)
      })
  }

  private static func load(_ generator: inout Generator) -> LoadPart {
    let shares = [0.5, 0.66, 0.75, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999, 1]
    func run(_ kind: LoadRun.Generator, _ title: String, _ rate: Double, _ middle: Double) -> LoadRun {
      var run = LoadRun(
        generator: kind, title: title, host: kind == .locust ? "master" : "centos-perf-1",
        url: "http://sample-webapp:8000", users: 50, usersSpawnedPerSecond: kind == .locust ? 10 : nil, seconds: 20,
        requests: Int(rate * 20), failures: kind == .locust ? 3 : 0,
        failuresByKind: kind == .locust ? ["status 503": 2, "cannot connect: refused": 1] : [:],
        requestsPerSecond: rate,
        meanMilliseconds: middle * 1.2,
        percentiles: shares.map { QuantilePoint(share: $0, milliseconds: middle * pow(1 / (1.0005 - $0), 0.5) / 1.41) })
      run.perSecond = (0..<20).map { second in
        let ramp = kind == .locust ? min(1, Double(second + 1) / 5) : 1
        return LoadSecond(
          second: second, requests: Int(rate * ramp * generator.near(0.05)), failures: second == 7 ? 3 : 0,
          users: Int(50 * ramp), medianMilliseconds: middle * generator.near(0.1),
          p95Milliseconds: middle * 3 * generator.near(0.2))
      }
      run.tasks = [("GET /", 0.5), ("POST /login", 0.3), ("POST /metrics", 0.2)].map { name, part in
        LoadTask(
          name: name, requests: Int(rate * 20 * part), failures: 0, requestsPerSecond: rate * part,
          medianMilliseconds: middle, p95Milliseconds: middle * 3, p99Milliseconds: middle * 6)
      }
      if kind == .locust {
        run.locust = LocustSummary(version: "2.34.0", webURL: "http://locust.test.com/", webStatus: 200, workers: 2)
      }
      return run
    }
    return LoadPart(runs: [
      run(.own, "a pod, by service name", 21_300, 1.9), run(.own, "outside, by ingress", 7_450, 5.6),
      run(.locust, "a pod, by service name", 14_800, 2.6),
    ])
  }

  private static func throughput(rounds: Int, seconds: Int, _ generator: inout Generator) -> ThroughputPart {
    let plain: [(OverlayPath, Double, String, String)] = [
      (.nodeToNode, 18.4, "node1", "node2"), (.podToPodVXLAN, 6.92, "centos-perf-1", "centos-perf-2"),
      (.podToNodeVXLAN, 8.1, "centos-perf-1", "node2"), (.podToPodHostGateway, 15.7, "centos-perf-1", "centos-perf-2"),
      (.podToNodeHostGateway, 16.9, "centos-perf-1", "node2"),
    ]
    var paths: [ThroughputPath] = []
    for (number, (path, rate, client, server)) in plain.enumerated() {
      var result = ThroughputPath(
        path: path, clientHost: client, serverHost: server, serverAddress: "10.244.2.\(number + 2)")
      for direction in TransferDirection.allCases {
        let rate = direction == .clientSends ? rate : rate * 0.97
        result.directions.append(
          DirectionFigures(
            direction: direction, gigabitsPerSecond: estimate(rate, 0.035, rounds: rounds, &generator),
            retransmitsPerGigabyte: estimate(path.backend == "vxlan" ? 1.9 : 0.4, 0.4, rounds: rounds, &generator),
            machineBusySecondsPerGigabit: estimate(1.9 / rate, 0.04, rounds: rounds, &generator),
            machineBusyShare: estimate(0.92, 0.05, rounds: rounds, &generator),
            idleRoundTripMilliseconds: estimate(0.041, 0.1, rounds: rounds, &generator),
            loadedRoundTripMilliseconds: estimate(0.31 * generator.near(0.4), 0.15, rounds: rounds, &generator),
            tcpRoundTripMilliseconds: direction == .clientSends
              ? estimate(0.28, 0.1, rounds: rounds, &generator) : Estimate()))
        for round in 1...rounds {
          let sends = direction == .clientSends
          let rows = (0..<seconds).map { second in
            let bits = rate * 1e9 * generator.near(0.08) * (second == 0 ? 0.86 : 1)
            return TransferInterval(
              startSeconds: Double(second), endSeconds: Double(second + 1), bytes: bits / 8, bitsPerSecond: bits,
              retransmits: sends ? Int.random(in: 0...5, using: &generator) : nil,
              congestionWindowBytes: sends ? 1_850_000 * generator.near(0.2) : nil,
              tcpRoundTripMilliseconds: sends ? 0.3 * generator.near(0.2) : nil)
          }
          let bytes = rows.map(\.bytes).reduce(0, +)
          let summary = TransferSummary(
            seconds: Double(seconds), bytes: bytes, bitsPerSecond: bytes * 8 / Double(seconds), retransmits: 23)
          result.runs.append(
            ThroughputRun(
              round: round, direction: direction,
              startedSecondsAfterBeginning: Double(round * 100 + number * 22 + (sends ? 0 : 11)), intervals: rows,
              sender: summary, receiver: summary, congestionControl: "cubic", machineBusySeconds: 18,
              machineBusySecondsPerGigabit: 1.9 / rate, machineBusyShare: 0.92))
        }
      }
      paths.append(result)
    }
    func figures(_ path: Int, _ direction: TransferDirection) -> DirectionFigures {
      paths[path].directions[direction == .clientSends ? 0 : 1]
    }
    return ThroughputPart(
      paths: paths,
      againstNodeToNode: (1..<5).flatMap { path in
        TransferDirection.allCases.map { direction in
          ratio(
            "throughput, \(direction.rawValue)", (paths[path].path.title, figures(path, direction).gigabitsPerSecond),
            (paths[0].path.title, figures(0, direction).gigabitsPerSecond))
        }
      },
      hostGatewayAgainstVXLAN: [(3, 1), (4, 2)].flatMap { new, old in
        [
          ratio(
            "throughput, client sends", (paths[new].path.title, figures(new, .clientSends).gigabitsPerSecond),
            (paths[old].path.title, figures(old, .clientSends).gigabitsPerSecond)),
          ratio(
            "processor time per gigabit, client sends",
            (paths[new].path.title, figures(new, .clientSends).machineBusySecondsPerGigabit),
            (paths[old].path.title, figures(old, .clientSends).machineBusySecondsPerGigabit), more: false),
        ]
      },
      switches: (1...rounds).flatMap { round in
        [
          BackendSwitch(round: round, backend: "vxlan", seconds: 0.212),
          BackendSwitch(round: round, backend: "host-gw", seconds: 0.187),
        ]
      })
  }

  private static func services(rounds: Int, _ generator: inout Generator) -> ServiceCostPart {
    let plain: [(ServiceAccess, Double, Double, Double)] = [
      (.podIPDetached, 15.8, 178, 9_420), (.podIPAttached, 15.5, 181, 9_310), (.clusterIPHooks, 15.4, 184, 9_190),
      (.clusterIPNFTables, 15.1, 205, 8_020),
    ]
    let variants = plain.map { access, rate, latency, connections in
      ServiceVariant(
        access: access, clientHost: "centos-perf-1",
        address: access.rawValue.hasPrefix("pod") ? "10.244.2.2" : "10.98.7.1",
        gigabitsPerSecond: estimate(rate, 0.03, rounds: rounds, &generator),
        machineBusySecondsPerGigabit: estimate(1.9 / rate, 0.04, rounds: rounds, &generator),
        medianRequestMicroseconds: estimate(latency, 0.04, rounds: rounds, &generator),
        p99RequestMicroseconds: estimate(latency * 3.4, 0.2, rounds: rounds, &generator),
        newConnectionsPerSecond: estimate(connections, 0.03, rounds: rounds, &generator))
    }
    let scaling = [1, 10, 100, 1000, 5000].flatMap { count in
      [
        ServiceScalingPoint(
          access: .clusterIPHooks, services: count, endpointsPerService: 10,
          newConnectionsPerSecond: estimate(9_180, 0.03, rounds: rounds, &generator),
          secondsToInstall: Double(count) * 0.00031),
        ServiceScalingPoint(
          access: .clusterIPNFTables, services: count, endpointsPerService: 10,
          newConnectionsPerSecond: estimate(8_050 - Double(count) * 0.11, 0.03, rounds: rounds, &generator),
          secondsToInstall: 0.02 + Double(count) * 0.0021),
      ]
    }
    let direct = variants[0], hooks = variants[2], rules = variants[3]
    return ServiceCostPart(
      backend: "host-gw", variants: variants,
      comparisons: [
        ratio(
          "throughput", (hooks.access.title, hooks.gigabitsPerSecond),
          (direct.access.title, direct.gigabitsPerSecond),
          goal: .init(kind: .atLeast, bound: 0.9, standing: .reached)),
        ratio(
          "median latency", (hooks.access.title, hooks.medianRequestMicroseconds),
          (direct.access.title, direct.medianRequestMicroseconds), more: false,
          goal: .init(kind: .atMost, bound: 1.1, standing: .reachedWithinNoise)),
        ratio(
          "new connections per second", (hooks.access.title, hooks.newConnectionsPerSecond),
          (rules.access.title, rules.newConnectionsPerSecond), goal: .init(kind: .atLeast, bound: 1, standing: .reached)
        ),
      ], scaling: scaling,
      scalingComparisons: [
        ratio(
          "new connections per second", ("ClusterIP, our hooks, 5,000 services", scaling[8].newConnectionsPerSecond),
          ("ClusterIP, nftables rules, 5,000 services", scaling[9].newConnectionsPerSecond),
          goal: .init(kind: .atLeast, bound: 1, standing: .reached))
      ])
  }

  static let conclusions: [Conclusion] = [
    Conclusion(
      rule: .fastestPath, standing: .certain,
      text: "Node to node is the fastest path with 18.4 Gbit/s, pod to pod over vxlan the slowest with 6.92 Gbit/s.",
      evidence: [
        .init(name: "node to node", value: 18.4, interval: .init(low: 17.9, high: 18.9), unit: "Gbit/s"),
        .init(name: "pod to pod, vxlan", value: 6.92, interval: .init(low: 6.7, high: 7.1), unit: "Gbit/s"),
      ]),
    Conclusion(
      rule: .backendLoss, standing: .certain,
      text: "Against node to node, vxlan loses 62 % between pods and host-gw 15 %.",
      evidence: [
        .init(name: "vxlan", value: 62.4, interval: .init(low: 61.1, high: 63.6), unit: "%"),
        .init(name: "host-gw", value: 14.7, interval: .init(low: 12.2, high: 17), unit: "%"),
      ]),
    Conclusion(
      rule: .clusterIPCost, standing: .withinNoise,
      text: "A ClusterIP by our hooks costs no more throughput than the noise: 0.975 of the pod's own address.",
      evidence: [.init(name: "our hooks : pod IP", value: 0.975, interval: .init(low: 0.946, high: 1.004), unit: "×")]),
    Conclusion(
      rule: .undecided, standing: .undecided,
      text: "Whether the directions differ cannot be told from these rounds; about 14 would decide."),
  ]
}
