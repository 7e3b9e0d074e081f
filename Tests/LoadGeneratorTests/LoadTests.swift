import Glibc
import HTTPWire
import Histogram
import Synchronization
import Testing

@testable import LoadGenerator

extension OneAtATime {
  /// Loads against servers that behave well and badly.
  @Suite struct LoadTests {
    static func plan(_ url: String, threads: Int = 1, _ change: (inout LoadPlan) -> Void = { _ in }) throws -> LoadPlan
    {
      let (target, path) = try Target.parse(url)
      var plan = LoadPlan(
        target: target, classes: [UserClass(name: "User", tasks: [RequestTask(path: path)])], threads: threads)
      change(&plan)
      return plan
    }

    /// Loads until so many requests have ended.
    static func load(_ plan: LoadPlan, users: Int = 4, until enough: UInt64 = 200) async throws -> LoadSample {
      let generator = try LoadGenerator(plan)
      await generator.setUsers(LoadRun.split(users, by: plan.classes.map(\.weight)))
      var sum = LoadSample(plan)
      let end = ContinuousClock.now + .seconds(30)
      while sum.records.reduce(0, { $0 + $1.requests }) < enough, ContinuousClock.now < end {
        try await Task.sleep(for: .milliseconds(10))
        sum.add(await generator.collect())
      }
      await generator.stop(waiting: 2)
      sum.add(await generator.collect())
      #expect(sum.users.allSatisfy { $0 == 0 })
      return sum
    }

    static let good = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    @Test(arguments: [1, 3])
    func everyRequestIsCountedOnce(threads: Int) async throws {
      let served = Counter()
      let server = try ScriptedServer { peer in
        while peer.request() {
          served.add()
          peer.send(Self.good)
        }
      }
      defer { server.stop() }
      let sample = try await Self.load(try Self.plan(server.url, threads: threads), users: 5, until: 2_000)
      let total = sample.total
      #expect(total.requests == UInt64(served.value) && total.failures == 0 && sample.abandoned == 0)
      #expect(total.contentBytes == 2 * total.requests && total.latency.totalCount == total.requests)
      #expect(total.seconds.reduce(0) { $0 + $1.requests } == total.requests)
      #expect(server.connections == 5, "a user keeps its connection")
    }

    struct Mishap: Sendable {
      var name: String
      var script: @Sendable (ScriptedServer.Peer) -> Void
      var failure: Failure
    }

    static let mishaps = [
      Mishap(
        name: "resets",
        script: { if $0.request() { $0.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab"); $0.reset() } },
        failure: .connection(ECONNRESET)),
      Mishap(
        name: "closes in the body",
        script: { if $0.request() { $0.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab") } }, failure: .closed),
      Mishap(
        name: "closes in a chunk",
        script: { if $0.request() { $0.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab") } },
        failure: .closed),
      Mishap(name: "closes without a word", script: { _ = $0.request() }, failure: .closed),
      Mishap(
        name: "speaks SMTP",
        script: {
          $0.send("220 mail ESMTP\r\n"); _ = $0.request()
        }, failure: .malformed(ResponseParser.Malformed.statusLine.rawValue)),
      Mishap(
        name: "errs", script: { while $0.request() { $0.send("HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n") } },
        failure: .status(503)),
    ]

    @Test(arguments: 0..<mishaps.count)
    func mishapsAreFailuresByName(_ index: Int) async throws {
      let mishap = Self.mishaps[index]
      let server = try ScriptedServer(mishap.script)
      defer { server.stop() }
      let total = try await Self.load(try Self.plan(server.url), users: 2, until: 20).total
      #expect(total.requests == total.failures && total.requests >= 20)
      // What a stranger says before it is asked may also end the connection under the request.
      let share = total.errors[mishap.failure, default: 0]
      #expect(share * 2 >= total.requests, "\(mishap.name): \(total.errors)")
    }

    @Test func nobodyListens() async throws {
      let server = try ScriptedServer { _ in }
      let url = server.url
      server.stop()
      let total = try await Self.load(try Self.plan(url), users: 3, until: 10).total
      #expect(total.errors == [.connect(ECONNREFUSED): total.requests])
      // Users whose connections fail wait longer each time: a refusing host is not flooded.
      #expect(total.requests < 200)
    }

    @Test func silenceIsAFailureInTime() async throws {
      let server = try ScriptedServer { peer in while peer.request() {} }
      defer { server.stop() }
      let total = try await Self.load(try Self.plan(server.url) { $0.timeout = 0.1 }, users: 2, until: 6).total
      #expect(total.errors == [.timedOut: total.requests])
      #expect(total.latency.totalCount == 0 && (total.failedLatency?.min ?? 0) >= 99_000)
    }

    @Test func aServerThatClosesIdleConnectionsCausesNoFailures() async throws {
      let server = try ScriptedServer { peer in
        for _ in 0..<5 where peer.request() { peer.send(Self.good) }
      }
      defer { server.stop() }
      let total = try await Self.load(try Self.plan(server.url), users: 3, until: 500).total
      #expect(total.failures == 0, "\(total.errors)")
      #expect(server.connections >= 100)
    }

    @Test func interimResponsesAndChunksAndCloses() async throws {
      let server = try ScriptedServer { peer in
        while peer.request() {
          peer.send("HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n")
          peer.send("3\r\ncde\r\n0\r\n\r\n")
          guard peer.request() else { return }
          peer.send("HTTP/1.0 200 OK\r\n\r\nto the end")
          return
        }
      }
      defer { server.stop() }
      let total = try await Self.load(try Self.plan(server.url), users: 2, until: 100).total
      #expect(total.failures == 0, "\(total.errors)")
      #expect(total.contentBytes >= total.requests * 5)
    }

    @Test func withoutKeepAliveEachRequestHasItsConnection() async throws {
      let server = try ScriptedServer { peer in if peer.request() { peer.send(Self.good) } }
      defer { server.stop() }
      let total = try await Self.load(try Self.plan(server.url) { $0.keepsAlive = false }, until: 100).total
      #expect(total.failures == 0 && UInt64(server.connections) >= total.requests)
    }

    /// A server that stalls once: users that wait for it do not see what others would have.
    @Test func correctedLatenciesShowWhatAStallHides() async throws {
      let stalled = Counter()
      let server = try ScriptedServer { peer in
        while peer.request() {
          if stalled.add() == 100 { usleep(400_000) }
          peer.send(Self.good)
        }
      }
      defer { server.stop() }
      let plan = try Self.plan(server.url) { $0.rate = 500 }
      let total = try await Self.load(plan, users: 1, until: 500).total
      let corrected = try #require(total.corrected)
      #expect(corrected.totalCount == total.latency.totalCount)
      // 400 ms at 500 a second are 200 requests that somebody would have waited for, 40 s together; only one was under way.
      // What they waited before they were sent is in the one sum alone, and a slow machine makes it no less.
      func sum(_ times: Histogram<UInt64>) -> Double { times.mean * Double(times.totalCount) / 1e6 }
      #expect(sum(corrected) - sum(total.latency) >= 38)
    }

    @Test func ratesAreKept() async throws {
      let server = try ScriptedServer { peer in while peer.request() { peer.send(Self.good) } }
      defer { server.stop() }
      let run = LoadRun(try Self.plan(server.url, threads: 2) { $0.rate = 400 }, users: 8, spawnRate: nil, seconds: 2)
      let outcome = try await run.run { _ in }
      let owed = 400 * outcome.elapsed
      #expect(abs(Double(outcome.sample.total.requests + outcome.sample.overdue) - owed) < 0.05 * owed + 5)
      #expect(!outcome.isPartial)
    }

    @Test func tooFewUsersForARateAreTold() async throws {
      let server = try ScriptedServer { peer in
        while peer.request() {
          usleep(50_000)
          peer.send(Self.good)
        }
      }
      defer { server.stop() }
      let run = LoadRun(try Self.plan(server.url) { $0.rate = 200 }, users: 2, spawnRate: nil, seconds: 1)
      let outcome = try await run.run { _ in }
      #expect(outcome.sample.overdue >= 80)
      #expect(LoadResult(outcome).text.contains("planned requests were not sent"))
    }

    @Test func cancellingKeepsWhatWasMeasured() async throws {
      let server = try ScriptedServer { peer in while peer.request() { peer.send(Self.good) } }
      defer { server.stop() }
      let run = LoadRun(try Self.plan(server.url), users: 2, spawnRate: nil, seconds: 3600)
      let (came, progress) = AsyncStream<Void>.makeStream()
      let task = Task { try await run.run { _ in progress.yield() } }
      for await _ in came { break }
      task.cancel()
      let outcome = try await task.value
      #expect(outcome.isPartial && outcome.sample.total.requests > 0)
    }

    @Test func usersComeAndGo() async throws {
      let server = try ScriptedServer { peer in while peer.request() { peer.send(Self.good) } }
      defer { server.stop() }
      var plan = try Self.plan(server.url, threads: 2)
      plan.classes = ["A", "B"].map { UserClass(name: $0, tasks: [RequestTask(path: "/\($0)")], wait: 0.001...0.002) }
      let generator = try LoadGenerator(plan)
      for users in [[3, 0], [1, 5], [0, 2], [7, 7], [0, 0]] {
        await generator.setUsers(users)
        #expect(await generator.collect().users == users)
      }
      await generator.setUsers([0, 4])
      _ = await generator.collect()
      // What those of A had under way may still be answered: three samples in a row without it are the proof.
      var onlyB = 0
      let end = ContinuousClock.now + .seconds(10)
      while onlyB < 3, ContinuousClock.now < end {
        try await Task.sleep(for: .milliseconds(20))
        let records = await generator.collect().records
        onlyB = records[0].isEmpty && !records[1].isEmpty ? onlyB + 1 : 0
      }
      #expect(onlyB == 3)
      await generator.stop(waiting: 1)
    }
  }
}

final class Counter: Sendable {
  private let count = Atomic(0)
  @discardableResult func add() -> Int { count.add(1, ordering: .sequentiallyConsistent).newValue }
  var value: Int { count.load(ordering: .sequentiallyConsistent) }
}
