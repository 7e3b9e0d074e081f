import Measurement
import Synchronization
import Testing

@testable import NetworkReport

@Suite("Running a report")
struct ReportRunnerTests {
  private func run(_ network: ScriptedNetwork, _ plan: ReportPlan, stop: StopRequest? = nil) throws -> NetworkReport {
    let stop = try stop ?? StopRequest()
    let report = ReportRunner(network, .init(plan: plan, instruments: "svs"), stop: stop).run()
    #expect(network.running.withLock { $0 } == 0, "servers were left running")
    return report
  }

  @Sendable private static func answers(_ host: String, _ arguments: [String]) -> CommandOutput {
    if arguments.contains("latency") { return ScriptedNetwork.says(Samples.latency) }
    if arguments.contains("load") { return ScriptedNetwork.says(Samples.load) }
    if arguments.contains("throughput") {
      return CommandOutput(ending: .exited(code: 0), output: Samples.throughput, errors: Samples.echo)
    }
    return ScriptedNetwork.says("")
  }

  private var shortPlan: ReportPlan {
    var plan = ReportPlan.full(rounds: 4, seconds: 1)
    plan.services.scaling = [10, 100]
    return plan
  }

  @Test("All rows are there, in as many rounds as planned")
  func complete() throws {
    let network = ScriptedNetwork(Self.answers)
    let report = try run(network, shortPlan)
    let throughput = try #require(report.throughput)
    #expect(throughput.paths.allSatisfy { $0.runs.count == 8 })
    #expect(
      throughput.paths.allSatisfy { path in path.directions.allSatisfy { $0.gigabitsPerSecond.values.count == 4 } })
    #expect(throughput.againstNodeToNode.count == 8 && throughput.againstNodeToNode.allSatisfy { $0.ratio == 1 })
    #expect(throughput.switches.count == 4)
    #expect(report.latency?.paths.map(\.path) == AccessPath.allCases)
    #expect(report.services?.variants.map(\.access) == ServiceAccess.allCases)
    #expect(report.services?.scaling.count == 4)
    // What came back wrong in the sample is told.
    #expect(report.latency?.paths.allSatisfy { $0.failedRequests == 8 } == true)
    #expect(network.backends.withLock { $0 }.last == "vxlan")
  }

  @Test("Where every instrument fails, every row has its error and nothing is concluded")
  func allFail() throws {
    let report = try run(ScriptedNetwork { _, _ in ScriptedNetwork.fails("svs: no such thing") }, shortPlan)
    let throughput = try #require(report.throughput)
    #expect(throughput.paths.allSatisfy { $0.runs.count == 8 })
    #expect(throughput.paths.flatMap(\.runs).allSatisfy { $0.failure?.reason == "svs: no such thing" })
    #expect(throughput.againstNodeToNode.allSatisfy { $0.verdict == .undecided && $0.ratio == nil })
    #expect(report.latency?.paths.allSatisfy { $0.failures.count == 4 } == true)
    #expect(report.services?.variants.allSatisfy { !$0.failures.isEmpty } == true)
    #expect(report.services?.comparisons.compactMap(\.goal).allSatisfy { $0.standing == .notMeasured } == true)
    #expect(Set(report.conclusions.map(\.rule)) == [.undecided, .failures])
  }

  @Test("A backend that cannot be switched to has rows with that error, node to node has figures")
  func switchFails() throws {
    let network = ScriptedNetwork(
      switching: { (name: String) throws(MeasuringError) in
        if name == "host-gw" { throw MeasuringError("node2 does not answer") }
      }, Self.answers)
    let report = try run(network, shortPlan)
    let throughput = try #require(report.throughput)
    for path in throughput.paths {
      let failed = path.runs.filter { $0.failure != nil }
      #expect(failed.count == (path.path.backend == "host-gw" ? 8 : 0), "\(path.path)")
      #expect(failed.allSatisfy { $0.failure?.reason.contains("node2 does not answer") == true })
    }
    #expect(throughput.switches.count == 4 && throughput.switches.allSatisfy { $0.failure != nil })
    #expect(throughput.hostGatewayAgainstVXLAN.allSatisfy { $0.verdict == .undecided })
  }

  @Test("A stop between two runs leaves the rows until then, and no failure")
  func stopped() throws {
    let stop = try StopRequest()
    let count = Mutex(0)
    let network = ScriptedNetwork { host, arguments throws(MeasuringError) in
      if arguments.contains("throughput") {
        let number = count.withLock {
          $0 += 1; return $0
        }
        if number == 7 { stop.raise() }
      }
      return Self.answers(host, arguments)
    }
    var plan = shortPlan
    plan.parts = [.throughput, .services]
    let report = try run(network, plan, stop: stop)
    #expect(report.wasInterrupted && report.failures.isEmpty)
    #expect(report.throughput?.paths.flatMap(\.runs).count == 6)
    #expect(report.services == nil)
    #expect(report.document(clock: .init()).error == "interrupted")
  }

  @Test("Rounds that the time does not permit are told")
  func late() throws {
    var plan = ReportPlan.quick(parts: [.throughput])
    plan.limitSeconds = 5
    let report = try run(ScriptedNetwork(Self.answers), plan)
    #expect(report.throughput?.paths.allSatisfy { $0.runs.isEmpty } == true)
    #expect(report.failures.map(\.measurement) == ["throughput, rounds 1 to 4"])
    #expect(report.omissions.isEmpty)
    // With figures of the first round at least, the others are no failure.
    let runner = ReportRunner(
      ScriptedNetwork(Self.answers), .init(plan: plan, instruments: "svs"), stop: try StopRequest())
    runner.leaveOut("throughput, round 4", round: 4, isWhole: false)
    #expect(runner.failures.isEmpty)
  }

  @Test("Only the parts that are asked for", arguments: ReportPart.allCases)
  func only(part: ReportPart) throws {
    var plan = shortPlan
    plan.parts = [part]
    let report = try run(ScriptedNetwork(Self.answers), plan)
    let there: [ReportPart?] = [
      report.latency == nil ? nil : .latency, report.load == nil ? nil : .load,
      report.throughput == nil ? nil : .throughput, report.services == nil ? nil : .services,
    ]
    #expect(there.compactMap(\.self) == [part])
  }

  @Test("Rules to compare with are on both nodes of the way, and are taken from one where the other refuses")
  func rulesOnBothNodes() throws {
    for isRefused in [false, true] {
      let hosts = Mutex<[String]>([])
      let network = ScriptedNetwork { host, arguments in
        guard arguments.first == "nft" else { return Self.answers(host, arguments) }
        hosts.withLock { $0.append(host) }
        return isRefused && host == "node1" ? ScriptedNetwork.fails("no") : ScriptedNetwork.says("")
      }
      var plan = shortPlan
      plan.parts = [.services]
      let report = try run(network, plan)
      let calls = hosts.withLock { $0 }
      #expect(Set(calls) == ["node1", "node2"])
      #expect(calls.suffix(2) == ["node1", "node2"])
      #expect(report.services?.variants.allSatisfy { $0.failures.isEmpty } == !isRefused)
    }
  }

  @Test("A busy machine and missing offloads are warned of")
  func warnings() throws {
    let network = ScriptedNetwork { host, arguments in
      if arguments.first == "ip" {
        return ScriptedNetwork.says(#"[{"ifname":"eth0","mtu":1500,"linkinfo":{"info_kind":"veth"}}]"#)
      }
      if arguments.first == "ethtool" {
        return ScriptedNetwork.says("tcp-segmentation-offload: off\nscatter-gather: on\n")
      }
      return Self.answers(host, arguments)
    }
    let report = try run(network, ReportPlan.quick(parts: []))
    #expect(report.environment.warnings.contains { $0.contains("segmentation offload is off at eth0 of node1") })
    #expect(report.environment.processors > 0 && !report.environment.kernel.isEmpty)
    #expect(report.environment.loadAverages.count == 3)
  }

  @Test("Where requests begin ports are enough and used again, until the report is over")
  func settings() throws {
    let during = Mutex<[String: String]>([:])
    let before = Mutex<ScriptedNetwork?>(nil)
    let network = ScriptedNetwork { host, arguments in
      if arguments.contains("--no-keep-alive"), let network = before.withLock({ $0 }) {
        let now = network.sysctls.withLock { $0 }
        during.withLock { $0 = now }
      }
      return Self.answers(host, arguments)
    }
    before.withLock { $0 = network }
    defer { before.withLock { $0 = nil } }
    let report = try run(network, shortPlan)
    let (reuse, ports) = ("/proc/sys/net/ipv4/tcp_tw_reuse", "/proc/sys/net/ipv4/ip_local_port_range")
    #expect(
      during.withLock { $0 } == [
        "client:\(reuse)": "1", "client:\(ports)": "10000 65535", "pod1:\(reuse)": "1", "pod1:\(ports)": "10000 65535",
      ])
    #expect(
      network.sysctls.withLock { $0 } == [
        "client:\(reuse)": "2", "client:\(ports)": "32768 60999", "pod1:\(reuse)": "2", "pod1:\(ports)": "32768 60999",
      ])
    #expect(
      report.environment.settings == [
        HostSetting(name: "net.ipv4.tcp_tw_reuse", value: "1", valueBefore: "2", hosts: ["client", "pod1"]),
        HostSetting(
          name: "net.ipv4.ip_local_port_range", value: "10000 65535", valueBefore: "32768 60999",
          hosts: ["client", "pod1"]),
      ])
    #expect(report.environment.warnings.allSatisfy { !$0.contains("net.ipv4") } && report.failures.isEmpty)
  }

  @Test("What cannot be set is warned of, and transfers alone need nothing set")
  func refusedSettings() throws {
    let network = ScriptedNetwork { host, arguments in
      arguments.first == "tee" ? ScriptedNetwork.fails("tee: Read-only file system") : Self.answers(host, arguments)
    }
    let report = try run(network, shortPlan)
    #expect(report.environment.settings.isEmpty && report.failures.isEmpty)
    #expect(report.environment.warnings.filter { $0.contains("on pod1: tee: Read-only file system.") }.count == 2)
    var plan = shortPlan
    plan.parts = [.throughput]
    let other = ScriptedNetwork(Self.answers)
    #expect(try run(other, plan).environment.settings.isEmpty && other.sysctls.withLock { $0.isEmpty })
  }

  @Test("Requests that warm up do not count")
  func warmUp() throws {
    let asked = Mutex<Set<String>>([])
    let probe = #"{"status": 200, "times": {"time_connect": 0.001, "time_starttransfer": 0.002, "time_total": TIME}}"#
    let network = ScriptedNetwork { host, arguments in
      guard arguments.contains("latency"), let place = arguments.firstIndex(of: "-n") else {
        return Self.answers(host, arguments)
      }
      asked.withLock { _ = $0.insert(arguments[place + 1]) }
      let count = Int(arguments[place + 1]) ?? 0
      let probes = (0..<count).map { probe.replacing("TIME", with: $0 < 20 ? "1" : "0.003") }
      return ScriptedNetwork.says(#"{"result": {"paths": [{"probes": [\#(probes.joined(separator: ","))]}]}}"#)
    }
    let report = try run(network, shortPlan)
    // Of a way to services in three parts.
    #expect(asked.withLock { $0 } == ["20", "220", "520"])
    for path in try #require(report.latency).paths {
      #expect(
        path.requests == 2000 && path.p99TotalMilliseconds.median == 3 && path.table.allSatisfy { $0.totalSeconds < 1 })
    }
    #expect(report.services?.variants.allSatisfy { ($0.p99RequestMicroseconds.median ?? 0) < 3001 } == true)
  }

  @Test("A stop ends a program that would go on, and its output until then is there")
  func interruptible() throws {
    let stop = try StopRequest()
    let start = ContinuousClock.now
    let late = try InterruptibleCommand.run(["sleep", "60"], timeout: .milliseconds(200), stop: stop)
    #expect(late.ending == .timedOut && ContinuousClock.now - start < .seconds(5))
    let output = try InterruptibleCommand.run(["echo", "hello"], timeout: .seconds(10), stop: stop)
    #expect(output.succeeded && output.output == "hello\n")
    stop.raise()
    let begun = ContinuousClock.now
    let ended = try InterruptibleCommand.run(["sleep", "60"], timeout: .seconds(50), stop: stop)
    #expect(!ended.succeeded && ContinuousClock.now - begun < .seconds(5))
    #expect(!stop.rest(.seconds(50)))
  }
}
