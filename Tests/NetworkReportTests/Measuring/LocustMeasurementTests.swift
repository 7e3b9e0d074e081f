import Synchronization
import Testing

@testable import NetworkReport

@Suite("A load that a Locust master leads")
struct LocustMeasurementTests {
  private static let master = ReportTargets.Locust(
    host: "master", address: address("10.94.1.9"),
    web: .init(.outsideByIngress, from: "client", url: "http://locust.test/", address: address("10.94.0.3")),
    applicationURL: "http://shop:8000")

  private var plan: ReportPlan {
    var plan = ReportPlan.quick(parts: [.load], usesLocust: true)
    plan.load.seconds = 0
    return plan
  }

  /// A master that answers the pages of its web interface; the others are as an idle network has them.
  private func run(
    plan: ReportPlan? = nil, _ page: @escaping @Sendable (_ page: String, _ words: [String]) -> CommandOutput
  ) throws -> NetworkReport {
    let latency = #"{"result": {"paths": [{"probes": [{"status": 200, "times": {"time_total": 0.001}}]}]}}"#
    let network = ScriptedNetwork(locust: Self.master) { host, arguments in
      if arguments.first == "curl", let url = arguments.last { return page(String(url.dropFirst(19)), arguments) }
      if arguments.first == "locust" { return ScriptedNetwork.says("locust 2.47.0 from /usr (Python 3.11.7)\n") }
      if arguments.contains("latency") { return ScriptedNetwork.says(latency) }
      return ScriptedNetwork.says(arguments.contains("load") ? Samples.load : "")
    }
    let runner = ReportRunner(
      network, .init(plan: plan ?? self.plan, instruments: "svs"), stop: try StopRequest())
    let report = runner.run()
    #expect(network.running.withLock { $0 } == 0, "workers were left running")
    return report
  }

  private static let ended = Samples.locust.replacing("running", with: "stopped")

  @Test("Its users are ended before its figures are read, from a page that is not an older one")
  func order() throws {
    let asked = Mutex<[String]>([])
    let report = try run { page, words in
      let count = asked.withLock {
        $0.append(page)
        return $0.count { $0 == "stats/requests" }
      }
      #expect(words.contains("::10.94.0.3:") && words.contains("POST") == (page == "stop"))
      switch page {
      // The page of the workers, one made before the end, and one behind it.
      case "stats/requests": return ScriptedNetwork.says(count < 3 ? Samples.locust : Self.ended)
      case "stats/requests/csv": return ScriptedNetwork.says(Samples.locustTable)
      case "swarm":
        #expect(words.contains("user_count=50&spawn_rate=25.0&host=http://shop:8000"))
        return ScriptedNetwork.says("{}")
      default: return ScriptedNetwork.says("{}")
      }
    }
    #expect(
      asked.withLock { $0 } == [
        "stats/requests", "swarm", "stop", "stats/requests", "stats/requests", "stats/requests/csv",
      ])
    let run = try #require(report.load?.runs.last)
    #expect(run.generator == .locust && run.title == AccessPath.podByServiceName.title && run.failure == nil)
    #expect(run.requests == 900 && run.failures == 3 && (run.requestsPerSecond ?? 0) > 0)
    #expect(run.percentiles.count == 10)
    let summary = LocustSummary(version: "2.47.0", webURL: "http://locust.test/", webStatus: 200, workers: 2)
    #expect(run.locust == summary && report.failures.isEmpty)
  }

  @Test("An older Locust ends a test by GET and has no table")
  func older() throws {
    let report = try run { page, words in
      switch page {
      case "stop" where words.contains("POST"):
        ScriptedNetwork.fails("curl: (22) The requested URL returned error: 405")
      case "stats/requests": ScriptedNetwork.says(Self.ended)
      case "stats/requests/csv": ScriptedNetwork.fails("curl: (22) The requested URL returned error: 404")
      default: ScriptedNetwork.says("{}")
      }
    }
    let run = try #require(report.load?.runs.last)
    #expect(run.failure == nil && run.percentiles.map(\.share) == [0.5, 0.95, 0.99, 1])
  }

  @Test("What does not answer is told with its page")
  func failing() throws {
    let report = try run { page, _ in
      page == "stop" ? ScriptedNetwork.fails("curl: (28) Operation timed out") : ScriptedNetwork.says(Samples.locust)
    }
    let failure = try #require(report.load?.runs.last?.failure)
    #expect(failure.reason == "http://locust.test/stop: curl: (28) Operation timed out")
    #expect(report.failures == [failure] && report.load?.runs.last?.locust?.workers == 2)
  }
}
