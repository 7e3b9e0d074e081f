import ClusterModel
import Measurement
import Netlink

extension ReportRunner {
  /// The report's own applications, in the server's pod: one for each way, so that none meets the sockets in TIME_WAIT
  /// that the way before it left behind. Our hooks and the pod's own address have the same connections on the wire.
  static func applicationPort(_ access: ServiceAccess) -> UInt16 {
    switch access {
    case .podIPDetached: 8001
    case .podIPAttached: 8002
    case .clusterIPHooks: 8003
    case .clusterIPNFTables: 8004
    }
  }

  /// What a ClusterIP costs: all ways to one pod, by turns, on a backend that only routes.
  func measureServices() -> ServiceCostPart {
    let targets = network.targets
    let applications = ServiceAccess.allCases.map { access in
      let port = Self.applicationPort(access)
      return Server(host: targets.serverPod.name, words: ["webapp", "-p", "\(port)"], port: port)
    }
    let part = withServers([throughputServer(targets.serverPod)] + applications) { errors in
      var variants = Dictionary(uniqueKeysWithValues: ServiceAccess.allCases.map { ($0, GatheredVariant()) })
      if backend != "host-gw" {
        do throws(MeasuringError) {
          try network.switchBackend(to: "host-gw")
          backend = "host-gw"
        } catch {
          _ = failed("services, switch to host-gw", error)
        }
      }
      rounds(of: .services, plan.services.rounds) { round in
        for access in Interleaving.balanced(ServiceAccess.allCases, round: round) where !stop.isRaised {
          progress(.services, "round \(round) of \(plan.services.rounds): \(access.title)")
          measure(access, round, errors, &variants[access, default: GatheredVariant()])
        }
      }
      let measured = ServiceAccess.allCases.map { access in
        (variants[access] ?? GatheredVariant()).result(access, targets.clientPod.name, "\(address(of: access))")
      }
      let scaling = measureGrowth(errors.values.first)
      return ServiceCostPart(backend: backend, variants: measured, scaling: scaling).compared()
    }
    stop.ignoring { leave() }
    return part
  }

  // MARK: Datapaths

  private func address(of access: ServiceAccess) -> IPAddress {
    switch access {
    case .podIPDetached, .podIPAttached: network.targets.serverPod.address
    case .clusterIPHooks, .clusterIPNFTables: network.targets.spareServiceAddresses.host(1)
    }
  }

  /// The services that are measured: one endpoint, the pod that is addressed directly in other runs.
  func measuredServices(_ access: ServiceAccess) -> [ServicePort] {
    let pod = network.targets.serverPod.address
    return [("throughput", Self.throughputPort), ("application", Self.applicationPort(access))].map { name, port in
      ServicePort(
        name: .init(namespace: "report", service: name), transport: .tcp,
        clusterIP: network.targets.spareServiceAddresses.host(1), port: port,
        endpoints: [Endpoint(pod, port: port)])
    }
  }

  func url(of access: ServiceAccess) -> String {
    let target = address(of: access)
    let host = target.family == .ipv6 ? "[\(target)]" : "\(target)"
    return "http://\(host):\(Self.applicationPort(access))/"
  }

  /// Brings about what stands between the client and the pod.
  private func prepare(_ access: ServiceAccess, _ services: [ServicePort]) throws(MeasuringError) {
    if access != .clusterIPNFTables { try loadRules(KubeProxyRules.removal()) }
    switch access {
    case .podIPDetached: try network.serve([], by: .none)
    case .podIPAttached: try network.serve([], by: .own)
    case .clusterIPHooks: try network.serve(services, by: .own)
    case .clusterIPNFTables:
      try network.serve([], by: .none)
      try load(services)
    }
  }

  /// On both nodes that are on the way, as kube-proxy runs on every node, and as our programs stand on them.
  var nodesOnTheWay: [ReportTargets.Host] { [network.targets.clientNode, network.targets.serverNode] }

  /// On each, even where another fails: nothing is to be left there, or asleep on one alone.
  func loadRules(_ text: String) throws(MeasuringError) {
    var failure: MeasuringError?
    for node in nodesOnTheWay {
      do throws(MeasuringError) { try loadRules(text, on: node) } catch { failure = failure ?? error }
    }
    if let failure { throw failure }
  }

  private func loadRules(_ text: String, on node: ReportTargets.Host) throws(MeasuringError) {
    let output = try network.run(node.name, ["nft", "-f", "-"], input: Array(text.utf8), timeout: Self.longestLoading)
    guard output.succeeded else { throw MeasuringError("nft on \(node.name): \(output.complaint)") }
  }

  /// With the cluster's own services, which our hooks have too whenever they serve others.
  func load(_ services: [ServicePort], as table: String = KubeProxyRules.defaultTable) throws(MeasuringError) {
    let all = services + network.targets.clusterServices
    for node in nodesOnTheWay {
      let owner = KubeProxyRules.Node(node.address, pods: network.targets.podsOfNodes[node.name] ?? [])
      var rules = KubeProxyRules(
        all, at: owner, podNetwork: network.targets.podNetwork, serviceNetwork: network.targets.serviceNetwork)
      rules.table = table
      for text in rules.transactions { try loadRules(text, on: node) }
    }
  }

  /// Of five hundred services, where the machine is busy.
  private static let longestLoading = Duration.seconds(120)

  /// As it was before, as far as that goes: what cannot be undone keeps nothing else from it.
  private func leave() {
    func attempt(_ body: () throws(MeasuringError) -> Void) {
      do throws(MeasuringError) { try body() } catch {
        failures.append(MeasurementFailure(measurement: "return to the cluster's own services", reason: "\(error)"))
      }
    }
    // One at a time: the kernel's time for a transaction grows faster than what is in it.
    for table in [KubeProxyRules.defaultTable] + plan.services.scaling.map(Self.tableName) {
      attempt { () throws(MeasuringError) in try loadRules(KubeProxyRules.removal(of: [table])) }
    }
    attempt { () throws(MeasuringError) in try network.serve([], by: .own) }
  }

  // MARK: One variant in one round

  private func measure(
    _ access: ServiceAccess, _ round: Int, _ errors: [String: MeasuringError], _ gathered: inout GatheredVariant
  ) {
    do throws(MeasuringError) { try prepare(access, measuredServices(access)) } catch {
      gathered.failures += [failed("services, \(access.title)", round: round, error)].compactMap(\.self)
      return
    }
    let target = address(of: access)
    let (url, port) = (self.url(of: access), Self.applicationPort(access))
    var requestSeconds: [Double] = []
    var medians: [Double] = []
    func ask() {
      attempt("latency", access, round, &gathered, errors, port) { _ throws(MeasuringError) in
        let reading = try requests(
          plan.services.requestsAtOnce, from: network.targets.clientPod.name, to: [url])
        let seconds = reading.answered.map(\.totalSeconds)
        requestSeconds += seconds
        medians += Distribution(seconds).summary.map { [$0.median] } ?? []
      }
    }
    // Requests come at three moments, each from a program of its own: where a program runs, and what else the machine
    // does just then, makes more of a difference than the way that they take. All in one they would have two humps, and
    // a median that is on the one or the other.
    ask()
    attempt("throughput", access, round, &gathered, errors, Self.throughputPort) { gathered throws(MeasuringError) in
      var run = ThroughputRun(round: round, direction: .clientSends, startedSecondsAfterBeginning: elapsed)
      try transfer(
        &run, from: network.targets.clientPod.name, to: "\(target)", seconds: plan.services.seconds,
        interval: plan.throughput.interval, timesEcho: false)
      gathered.rates += run.steadyBitsPerSecond.map { [RoundValue(round: round, value: $0 / 1e9)] } ?? []
      gathered.busy += run.machineBusySecondsPerGigabit.map { [RoundValue(round: round, value: $0)] } ?? []
    }
    ask()
    attempt("new connections", access, round, &gathered, errors, port) {
      gathered throws(MeasuringError) in
      gathered.connections.append(RoundValue(round: round, value: try connectionsPerSecond(url)))
    }
    ask()
    guard let summary = Distribution(requestSeconds).summary else { return }
    let median = medians.reduce(0, +) / Double(medians.count)
    gathered.medians.append(RoundValue(round: round, value: median * 1e6))
    gathered.p99s.append(RoundValue(round: round, value: summary.p99 * 1e6))
  }

  private func attempt(
    _ what: String, _ access: ServiceAccess, _ round: Int, _ gathered: inout GatheredVariant,
    _ errors: [String: MeasuringError], _ port: UInt16,
    _ body: (inout GatheredVariant) throws(MeasuringError) -> Void
  ) {
    guard !stop.isRaised else { return }
    do throws(MeasuringError) {
      if let error = errors["\(network.targets.serverPod.name):\(port)"] { throw error }
      try body(&gathered)
    } catch {
      gathered.failures += [failed("services, \(access.title), \(what)", round: round, error)].compactMap(\.self)
    }
  }

  /// Requests a second, each on a connection of its own; if some fail there is no such figure.
  func connectionsPerSecond(_ url: String) throws(MeasuringError) -> Double {
    let output = try instrument(
      network.targets.clientPod.name,
      [
        "load", "-q", "--no-keep-alive", "-u", "\(plan.services.users)", "-t", "\(plan.services.seconds)", "--timeout",
        "5", "--json", "-", url,
      ], seconds: Double(plan.services.seconds) + 5)
    guard !output.output.isEmpty else { throw MeasuringError(output.complaint) }
    let reading = try LoadReading(json: output.output)
    guard let rate = reading.total.requestsPerSecond else {
      throw MeasuringError("No request was answered: \(reading.problems.keys.sorted().first ?? output.complaint)")
    }
    guard reading.total.failures * 100 <= reading.total.requests else {
      let kinds = reading.problems.map { "\($0.value) × \($0.key)" }.sorted().joined(separator: ", ")
      throw MeasuringError("\(reading.total.failures) of \(reading.total.requests) requests failed: \(kinds)")
    }
    return rate
  }
}

/// What the rounds of one way to a pod brought.
struct GatheredVariant {
  var rates: [RoundValue] = []
  var busy: [RoundValue] = []
  var medians: [RoundValue] = []
  var p99s: [RoundValue] = []
  var connections: [RoundValue] = []
  var failures: [MeasurementFailure] = []

  func result(_ access: ServiceAccess, _ client: String, _ address: String) -> ServiceVariant {
    ServiceVariant(
      access: access, clientHost: client, address: address, gigabitsPerSecond: RoundStatistics.estimate(rates),
      machineBusySecondsPerGigabit: RoundStatistics.estimate(busy),
      medianRequestMicroseconds: RoundStatistics.estimate(medians),
      p99RequestMicroseconds: RoundStatistics.estimate(p99s),
      newConnectionsPerSecond: RoundStatistics.estimate(connections), failures: failures)
  }
}
