import NetworkReport

extension SampleReport {
  private static func fixed(_ values: Double..., low: Double? = nil, high: Double? = nil) -> Estimate {
    let interval = low.flatMap { low in high.map { ConfidenceInterval(low: low, high: $0) } }
    return Estimate(
      median: values.sorted()[values.count / 2], interval: interval,
      values: values.enumerated().map { RoundValue(round: $0 + 1, value: $1) })
  }

  /// A report whose text can be read at a glance; its load was not asked for.
  static let small: NetworkReport = {
    let cluster = ClusterSummary(
      name: "small", isLab: true, podNetwork: "10.244.0.0/16",
      nodes: [.init(name: "node1", address: "192.168.0.52", podSubnet: "10.244.1.0/24")], pods: [], services: [])
    let environment = RunEnvironment(
      machineName: "lab", kernel: "6.18.5", architecture: "x86_64", processorModel: "A Processor", processors: 2,
      memoryBytes: 8_589_934_592, started: "2026-11-22T02:50:36Z", loadAverages: [0.1, 0.2, 0.3])
    let requests = [(0.001326, 0.002542, 0.002715), (0.001444, 0.003264, 0.003675)].map {
      RequestTimes(
        nameLookupSeconds: 0, connectSeconds: $0.0, startTransferSeconds: $0.1, totalSeconds: $0.2, status: 200)
    }
    let latency = LatencyPart(paths: [
      LatencyPath(
        path: .nodeByClusterIP, host: "node1", url: "http://10.98.210.117:8000/", table: requests,
        tableMeanTotalMilliseconds: 3.195, requests: 600, failedRequests: 0,
        meanTotalMilliseconds: fixed(3.2, 3.1, 3.3),
        medianTotalMilliseconds: fixed(3.1, 3.0, 3.2, low: 2.85, high: 3.35),
        p90TotalMilliseconds: fixed(4.1), p99TotalMilliseconds: fixed(9.7))
    ])
    func path(_ path: OverlayPath, _ rate: Double, _ low: Double, _ high: Double, _ run: [ThroughputRun] = [])
      -> ThroughputPath
    {
      ThroughputPath(
        path: path, clientHost: "node1", serverHost: "node2", serverAddress: "192.168.0.53",
        directions: [
          DirectionFigures(
            direction: .clientSends, gigabitsPerSecond: fixed(rate, low: low, high: high),
            retransmitsPerGigabyte: fixed(1.3), machineBusySecondsPerGigabit: fixed(0.31))
        ], runs: run)
    }
    let run = ThroughputRun(
      round: 1, direction: .clientSends, startedSecondsAfterBeginning: 12.5,
      intervals: [
        TransferInterval(
          startSeconds: 0, endSeconds: 1, bytes: 328_204_288, bitsPerSecond: 2.62e9, retransmits: 0,
          congestionWindowBytes: 1_447_034, tcpRoundTripMilliseconds: 0.21)
      ], sender: TransferSummary(seconds: 10, bytes: 4_026_531_840, bitsPerSecond: 3.22e9, retransmits: 5),
      receiver: TransferSummary(seconds: 10, bytes: 4_026_531_840, bitsPerSecond: 3.22e9))
    let vxlan = PairedRatio(
      quantity: "throughput, client sends", isMoreBetter: true, subject: OverlayPath.podToPodVXLAN.title,
      reference: OverlayPath.nodeToNode.title, ratio: 0.571, interval: .init(low: 0.55, high: 0.59), verdict: .differs)
    let throughput = ThroughputPart(
      paths: [path(.nodeToNode, 3.22, 3.15, 3.3, [run]), path(.podToPodVXLAN, 1.84, 1.79, 1.9)],
      againstNodeToNode: [vxlan])
    return NetworkReport(
      cluster: cluster, environment: environment,
      plan: PlanSummary(
        isQuick: true, parts: [.latency, .throughput, .services], rounds: 3, secondsPerThroughputRun: 10,
        allottedSeconds: 100),
      latency: latency, throughput: throughput,
      conclusions: [
        Conclusion(
          rule: .backendLoss, standing: .certain, text: "Against node to node, vxlan loses 43 % between pods.",
          evidence: [.init(name: "vxlan", value: 42.9, interval: .init(low: 41, high: 45), unit: "%")])
      ],
      failures: [MeasurementFailure(measurement: "services", reason: "The rules could not be loaded: nft is missing.")],
      wasInterrupted: true)
  }()
}
