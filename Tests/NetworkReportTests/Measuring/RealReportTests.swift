import FoundationEssentials
import Glibc
import HostSystem
import Measurement
import Synchronization
import Testing

@testable import NetworkReport

extension RealNetwork {
  @Suite("A report of a real network")
  struct RealReportTests {
    private static func plan(_ parts: Set<ReportPart>) -> ReportPlan {
      var plan = ReportPlan.quick(parts: parts)
      plan.latency = .init(rounds: 3, requests: 30)
      plan.load = .init(users: 5, usersSpawnedPerSecond: 50, seconds: 1, usesLocust: false)
      plan.throughput.rounds = 1
      plan.throughput.roundsPerEcho = 1
      plan.services.rounds = 1
      plan.services.scaling = [3, 9, 20]
      (plan.services.outerScalingRounds, plan.services.innerScalingRounds) = (2, 1)
      plan.limitSeconds = nil
      return plan
    }

    @Test("Every part has figures, and what was started is gone")
    func whole() throws {
      let stop = try StopRequest()
      let network = try TwoNamespaces(stop)
      // The application of the latency and load parts.
      let app = try network.start("node2", [TwoNamespaces.instruments, "webapp", "-p", "8000"])
      defer { network.stop(app) }
      let deadline = Deadline(in: .seconds(10))
      while !ListeningPorts(
        try network.run("node2", ["cat", "/proc/net/tcp", "/proc/net/tcp6"], timeout: .seconds(5)).output
      ).contains(8000) {
        try #require(!deadline.hasPassed)
        _ = stop.rest(.milliseconds(10))
      }
      let clock = RunClock()
      let plan = Self.plan(ReportPlan.allParts)
      let told = Mutex<[String]>([])
      let report = ReportRunner(network, .init(plan: plan, instruments: TwoNamespaces.instruments), stop: stop) {
        progress in told.withLock { $0.append(progress.text) }
      }.run(building: 0.5)

      #expect(report.failures.isEmpty, "\(report.failures)")
      #expect(!report.wasInterrupted)
      let latency = try #require(report.latency)
      #expect(latency.paths.count == 3)
      for path in latency.paths {
        #expect(path.table.count == 10 && path.requests == 90 && path.failedRequests == 0)
        #expect((path.medianTotalMilliseconds.median ?? 0) > 0 && path.medianTotalMilliseconds.interval != nil)
        #expect(path.phases.map(\.name) == ["name lookup", "connect", "first byte", "content"])
        #expect(path.distribution.count > 100)
      }
      #expect(latency.comparisons.count == 2)
      let load = try #require(report.load)
      #expect(load.runs.count == 2 && load.runs.allSatisfy { $0.requests > 0 && $0.failures == 0 })
      let throughput = try #require(report.throughput)
      #expect(throughput.paths.map(\.path) == OverlayPath.allCases)
      for path in throughput.paths {
        #expect(path.runs.count == 2)
        for figures in path.directions {
          #expect((figures.gigabitsPerSecond.median ?? 0) > 0.01)
          #expect((figures.machineBusySecondsPerGigabit.median ?? 0) > 0)
        }
        let forward = try #require(path.runs.first { $0.direction == .clientSends })
        #expect(forward.intervals.count >= 3 && (forward.loadedRoundTripMilliseconds ?? 0) > 0)
        #expect(forward.sender?.retransmits != nil && forward.intervals[0].congestionWindowBytes != nil)
      }
      #expect(network.switches.withLock { $0 }.first == "host-gw")
      let services = try #require(report.services)
      #expect(services.backend == "host-gw")
      for variant in services.variants {
        #expect((variant.gigabitsPerSecond.median ?? 0) > 0.01, "\(variant.access)")
        #expect((variant.newConnectionsPerSecond.median ?? 0) > 10, "\(variant.access)")
        #expect((variant.medianRequestMicroseconds.median ?? 0) > 1, "\(variant.access)")
      }
      // By turns in each round, so that all are compared in pairs; what lies between has fewer rounds.
      #expect(services.scaling.count == 6)
      for point in services.scaling {
        let rounds = point.newConnectionsPerSecond.values.map(\.round)
        #expect(rounds == (point.services == 9 ? [1] : [1, 2]), "\(point)")
        #expect(point.secondsToInstall != nil, "\(point)")
      }
      let turns = told.withLock { $0 }.filter { $0.hasPrefix("round") && $0.contains(" services, ") }
      #expect(turns.count == 10)
      let first = turns.prefix { $0.hasPrefix("round 1 of") }
      #expect(Set(first.prefix(4).map { $0.split(separator: " ")[4] }) == ["3", "20"], "\(turns)")
      #expect(first.dropFirst(4).count == 2 && first.dropFirst(4).allSatisfy { $0.contains(" 1: 9 services") })

      // What serves is what is measured, and nothing beside it.
      let heeded = network.heeded.withLock { $0 }
      for count in plan.services.scaling {
        let tables = ["node1", "node2"].map { "\($0) \(ReportRunner.tableName(among: count))" }
        #expect(heeded.count { $0 == tables } == (count == 9 ? 1 : 2), "\(heeded)")
      }
      for tables in heeded {
        let own = tables.filter { $0.hasSuffix("own-services") }
        #expect(own.isEmpty || tables == own, "\(heeded)")
        #expect(Set(tables.map { $0.split(separator: " ")[1] }).count <= 1, "\(heeded)")
      }
      #expect(network.switches.withLock { $0 }.last == "vxlan")
      #expect(!report.conclusions.isEmpty)
      #expect(report.environment.interfaces.contains { $0.kind == "veth" && $0.mtuBytes == 1500 })
      #expect(report.phases.map(\.name).first == "build")
      #expect(told.withLock { $0.count } > 20)

      // What was set for the run is told, and as it was before; both hosts are one namespace.
      #expect(report.environment.settings.map(\.name).contains("net.ipv4.ip_local_port_range"))
      #expect(report.environment.warnings.allSatisfy { !$0.contains("net.ipv4") }, "\(report.environment.warnings)")
      for setting in report.environment.settings where setting.valueBefore != setting.value {
        let file = "/proc/sys/" + setting.name.replacing(".", with: "/")
        let now = try network.run(setting.hosts[0], ["cat", file], timeout: .seconds(5)).output
        #expect(now.split(whereSeparator: \.isWhitespace).joined(separator: " ") == setting.valueBefore)
      }

      // The document says the same, and is read again by whoever knows only the envelope.
      let text = try ResultFile.json(report.document(clock: clock))
      let document = try JSONDecoder().decode(NetworkReportDocument.self, from: Data(text.utf8))
      #expect(document.result == report)
      #expect(!document.partial && document.series.contains { $0.name == "throughput" })

      // Servers are stopped, rules are gone.
      let sockets = try network.run("node2", ["cat", "/proc/net/tcp", "/proc/net/tcp6"], timeout: .seconds(5))
      #expect(![12345, 8001, 8002, 8003, 8004].contains(where: ListeningPorts(sockets.output).contains))
      try Self.expectNoRules()
    }

    /// Neither of the report, nor awake or asleep.
    private static func expectNoRules() throws {
      for side in [TwoNamespaces.left, TwoNamespaces.right] {
        let rules = try InterruptibleCommand.run(
          ["ip", "netns", "exec", side, "nft", "list", "ruleset"], timeout: .seconds(10), stop: nil)
        #expect(rules.succeeded && !rules.output.contains(KubeProxyRules.defaultTable), "\(rules)")
      }
    }

    @Test("A stop ends it at once, with what was measured until then")
    func stopped() throws {
      let stop = try StopRequest()
      let network = try TwoNamespaces(stop)
      var plan = Self.plan([.throughput])
      plan.throughput.seconds = 20
      let start = ContinuousClock.now
      let report = ReportRunner(network, .init(plan: plan, instruments: TwoNamespaces.instruments), stop: stop) { _ in
        // From the second run on it is stopped while the instrument works.
        var thread = pthread_t()
        let box = Unmanaged.passRetained(stop)
        pthread_create(
          &thread, nil,
          { pointer in
            guard let pointer else { return nil }
            let stop = Unmanaged<StopRequest>.fromOpaque(pointer).takeRetainedValue()
            poll(nil, 0, 700)
            stop.raise()
            return nil
          }, box.toOpaque())
        pthread_detach(thread)
      }.run()
      #expect(ContinuousClock.now - start < .seconds(8))
      #expect(report.wasInterrupted && report.failures.isEmpty, "\(report.failures)")
      #expect(report.document(clock: RunClock()).partial)
      #expect(report.throughput?.paths.flatMap(\.runs).isEmpty == true)
    }

    @Test(
      "Stopped among foreign rules, it takes them away before it ends",
      arguments: [
        "round 1 of 1: \(ServiceAccess.clusterIPNFTables.title)", "20 services: writing rules",
        "9 services, \(ServiceAccess.clusterIPNFTables.title)",
      ])
    func stoppedAmongRules(_ moment: String) throws {
      let stop = try StopRequest()
      let network = try TwoNamespaces(stop)
      let report = ReportRunner(
        network, .init(plan: Self.plan([.services]), instruments: TwoNamespaces.instruments), stop: stop
      ) { progress in
        if progress.text.hasSuffix(moment) { stop.raise() }
      }.run()
      #expect(report.wasInterrupted && report.failures.isEmpty, "\(report.failures)")
      #expect(report.services?.variants.count == ServiceAccess.allCases.count)
      let points = report.services?.scaling ?? []
      #expect(points.isEmpty == !moment.hasPrefix("9"), "\(points)")
      #expect(points.allSatisfy { !$0.newConnectionsPerSecond.values.isEmpty }, "\(points)")
      try Self.expectNoRules()
      #expect(network.switches.withLock { $0 } == ["host-gw", "vxlan"])
    }

    @Test("A port that nobody answers is a row with its error")
    func unanswered() throws {
      let stop = try StopRequest()
      let network = try TwoNamespaces(stop)
      var plan = Self.plan([.latency, .load])
      plan.latency.rounds = 2
      let report = ReportRunner(network, .init(plan: plan, instruments: TwoNamespaces.instruments), stop: stop).run()
      #expect(report.failures.count == 2 * 3 + 2)
      #expect(report.failures.allSatisfy { $0.reason.contains("refused") }, "\(report.failures)")
      #expect(report.latency?.paths.allSatisfy { $0.failures.count == 2 } == true)
      #expect(report.load?.runs.allSatisfy { $0.failure != nil } == true)
      #expect(report.conclusions.map(\.rule) == [.undecided, .failures])
    }
  }
}
