import Testing

@testable import LoadGenerator
@testable import LocustWorker

@Suite struct ReportTests {
  /// Locust's response times are those of failed requests too, though this program's own latencies are not.
  @Test func failedRequestsAreAmongTheResponseTimes() throws {
    let task = RequestTask(path: "/")
    let workload = Workload(classes: [UserClass(name: "A", tasks: [task])], namesClasses: false)
    let plan = try workload.plan(host: "http://h", classes: ["A"], threads: 1) { _ in }
    var sample = LoadSample(plan)
    sample.records[0].note(nil, status: 200, latency: 5_000, sincePlanned: 0, bytes: 2, second: 1)
    sample.records[0].note(.status(503), status: 503, latency: 1_000, sincePlanned: 0, bytes: 0, second: 1)
    let report = MessagePack.map(StatsReport.entries(sample, of: [task], since: 0))
    let total = report["stats_total"]
    #expect(total?["num_requests"] == .int(2) && total?["num_failures"] == .int(1))
    #expect(total?["response_times"] == .map([.init(.int(1), .int(1)), .init(.int(5), .int(1))]))
    #expect(total?["total_response_time"] == .double(6) && total?["min_response_time"] == .double(1))
  }

  @Test func aWorkerThatNoMasterKnowsIsInterruptedWithAWord() {
    let master = Master(host: "h")
    for accepted in [false, true] {
      let error = WorkerError.interrupted(master, wasAccepted: accepted)
      #expect(error.isInterruption && error.description.hasPrefix("interrupted "))
    }
    #expect(!WorkerError.silent(master).isInterruption)
  }
}
