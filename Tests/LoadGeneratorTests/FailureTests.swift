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

    @Test func usersBeyondTheLimitAreRefused() throws {
      let error = #expect(throws: LoadError.self) { try DescriptorLimit.admit(users: 1 << 40, threads: 2) }
      #expect(error?.description.contains("ulimit -Hn") == true)
      try DescriptorLimit.admit(users: 10, threads: 1)
    }
  }
}
