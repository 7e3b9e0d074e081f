import Glibc
import HTTPWire
import Histogram
import Measurement
import Testing

@testable import LoadGenerator

extension OneAtATime {
  /// Failures are no figures of speed.
  @Suite struct FailureTests {
    /// Answers every other request well, after a while, and refuses the rest at once.
    private static func halfRefusing() throws -> ScriptedServer {
      let count = Counter()
      return try ScriptedServer { peer in
        while peer.request() {
          if count.add() % 2 == 0 {
            usleep(30_000)
            peer.send(LoadTests.good)
          } else {
            peer.send("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
          }
        }
      }
    }

    @Test(arguments: [nil, 40.0]) func refusalsAreNotAmongTheLatencies(rate: Double?) async throws {
      let server = try Self.halfRefusing()
      defer { server.stop() }
      let plan = try LoadTests.plan(server.url) { $0.rate = rate }
      let outcome = try await LoadRun(plan, users: 2, spawnRate: nil, seconds: 1).run { _ in }
      let result = LoadResult(outcome)
      let total = outcome.sample.total
      #expect(total.failures > 5 && total.successes > 5)
      #expect(total.latency.totalCount == total.successes && total.failedLatency?.totalCount == total.failures)
      #expect((result.total.latency?.min ?? 0) >= 0.03)
      if let corrected = result.total.correctedLatency { #expect(corrected.min >= 0.03) }
      #expect((result.total.correctedLatency != nil) == (rate != nil))
      #expect(Double(total.successes) == (result.total.requestsPerSecond * outcome.elapsed).rounded())
      #expect(total.statuses.reduce(0) { $0 + $1.count } == total.requests)
      #expect(result.text.contains("at the median to fail"))
      let outcomes = LoadResult.outcomes(outcome)
      #expect(
        outcomes.map(\.subject) == ["all requests"] && outcomes.first?.kinds["status 200"] == Int(total.successes))
      #expect(outcomes.first?.kinds["status 503"] == Int(total.failures))
      let latencies = LoadResult.series(outcome).first { $0.name == "latency" }
      #expect(latencies?.distribution.count == Int(total.successes))
    }

    /// Answers of failure are answers, however many there are.
    @Test func theReasonIsOneOfThoseThatWereCounted() throws {
      func reason(_ errors: [[Failure: UInt64]], onlyUnanswered: Bool) throws -> String {
        var plan = try LoadTests.plan("http://127.0.0.1:1/")
        plan.classes[0].tasks = errors.map { _ in RequestTask(path: "/") }
        var sample = LoadSample(plan)
        for (index, kinds) in errors.enumerated() {
          sample.records[index].errors = kinds
          sample.records[index].requests = kinds.values.reduce(0, +)
        }
        let outcome = LoadRun.Outcome(
          plan: plan, sample: sample, users: 1, elapsed: 1, processorSeconds: 1, isPartial: false, seconds: [],
          whole: 0..<1)
        return LoadResult.reason(outcome, onlyUnanswered: onlyUnanswered)
      }
      let refused: [Failure: UInt64] = [.status(503): 8433, .closed: 7]
      #expect(try reason([refused], onlyUnanswered: true) == ": \(Failure.closed)")
      #expect(try reason([refused], onlyUnanswered: false) == ", most often: status 503")
      // Over all tasks.
      let tasks: [[Failure: UInt64]] = [[.closed: 3, .timedOut: 2], [.timedOut: 2, .status(500): 9]]
      #expect(try reason(tasks, onlyUnanswered: true) == ", most often: \(Failure.timedOut)")
      #expect(try reason([[:]], onlyUnanswered: true).isEmpty)
    }

    @Test(arguments: [1, 2]) func aPlanHasItsNumberOfRequests(threads: Int) async throws {
      let server = try ScriptedServer { peer in while peer.request() { peer.send(LoadTests.good) } }
      defer { server.stop() }
      let plan = try LoadTests.plan(server.url, threads: threads) { $0.rate = 10 }
      let outcome = try await LoadRun(plan, users: 4, spawnRate: nil, seconds: 1).run { _ in }
      #expect(LoadResult(outcome).total.requests == 10)
    }

    @Test func aDeadServerHasNoLatencies() async throws {
      let server = try ScriptedServer { _ in }
      let url = server.url
      server.stop()
      let outcome = try await LoadRun(try LoadTests.plan(url), users: 2, spawnRate: nil, seconds: 0.3).run { _ in }
      let result = LoadResult(outcome)
      #expect(result.total.failures > 0 && result.total.latency == nil && result.total.requestsPerSecond == 0)
      #expect(result.total.failedLatency != nil)
      #expect(LoadResult.series(outcome).allSatisfy { $0.name != "latency" })
    }

    /// Tasks that are called the same are told apart by their class, and within one by their order.
    @Test func tasksOfOneNameAreEachComparedWithThemselves() throws {
      func classes(_ names: [String]) -> [UserClass] {
        names.map { UserClass(name: $0, tasks: [RequestTask(path: "/"), RequestTask(path: "/\($0)")]) }
      }
      #expect(LoadResult.subjects(classes(["A", "B"])) == ["GET / of A", "GET /A", "GET / of B", "GET /B"])
      #expect(LoadResult.subjects(classes(["A"])) == ["GET /", "GET /A"])
      func document(_ names: [String], failing: Int) throws -> ResultDocument<LoadResult> {
        let outcome = try Self.outcome(classes(names), failing: failing)
        return ResultDocument(
          schema: LoadResult.schema, tool: ResultTool(name: "svs bench load"), clock: RunClock(), series: [],
          outcomes: LoadResult.outcomes(outcome), result: LoadResult(outcome))
      }
      for failing in [0, 2] {
        let one = try document(["A", "B"], failing: failing)
        #expect(try !Comparison(before: one, after: one).gotWorse)
        // The classes stand in another order in the file, and the same one fails.
        let other = try document(["B", "A"], failing: 2 - failing)
        #expect(try !Comparison(before: one, after: other).gotWorse)
        let worse = try Comparison(before: one, after: try document(["A", "B"], failing: 2 - failing))
        #expect(
          worse.failures.filter { $0.verdict == .worse }.map(\.subject) == ["GET / of \(failing == 0 ? "B" : "A")"])
        // Two tasks of one class: the first was never chosen here.
        let twins = try document(["A", "A"], failing: failing)
        #expect(try !Comparison(before: twins, after: twins).gotWorse)
      }
      let twins = [UserClass(name: "A", tasks: [RequestTask(path: "/", body: "1"), RequestTask(path: "/", body: "2")])]
      let subjects = LoadResult.outcomes(try Self.outcome(twins, failing: 1, idle: 0))
      #expect(subjects.map(\.subject) == ["all requests", "GET /", "GET /"] && subjects.map(\.total) == [10, 0, 10])
    }

    /// What a load of these would come to: ten requests of each task, of which one task's failed.
    private static func outcome(_ classes: [UserClass], failing: Int, idle: Int? = nil) throws -> LoadRun.Outcome {
      let plan = LoadPlan(target: try Target.parse("http://h/").target, classes: classes, threads: 1)
      var sample = LoadSample(plan)
      for task in sample.records.indices where task != idle {
        for second in 0..<10 {
          let failure: Failure? = task == failing ? .status(503) : nil
          sample.records[task].note(
            failure, status: failure == nil ? 200 : 503, latency: 9, sincePlanned: 9, bytes: 0, second: UInt64(second))
        }
      }
      return LoadRun.Outcome(
        plan: plan, sample: sample, users: 1, elapsed: 10, processorSeconds: 1, isPartial: false, seconds: [],
        whole: 0..<0)
    }

    @Test func usersBeyondTheLimitAreRefused() throws {
      let error = #expect(throws: LoadError.self) { try DescriptorLimit.admit(users: 1 << 40, threads: 2) }
      #expect(error?.description.contains("ulimit -Hn") == true)
      try DescriptorLimit.admit(users: 10, threads: 1)
    }
  }
}
