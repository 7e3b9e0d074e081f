import CEvents
import Glibc
import HTTPWire
import Histogram
import Measurement
import Synchronization
import Testing

@testable import LoadGenerator

extension OneAtATime {
  /// How loads end, are stopped, and go on.
  @Suite struct EndTests {
    /// A server that answers so many requests and then holds every connection without a word.
    private static func tiring(after count: Int) throws -> ScriptedServer {
      let served = Counter()
      return try ScriptedServer { peer in
        while peer.request() {
          if served.add() > count { continue }
          peer.send(LoadTests.good)
        }
      }
    }

    @Test func whatWasPlannedAndNeverSentIsMeasuredByItsWait() async throws {
      let server = try Self.tiring(after: 20)
      defer { server.stop() }
      let plan = try LoadTests.plan(server.url) {
        $0.rate = 200
        $0.timeout = 0.4
      }
      let outcome = try await LoadRun(plan, users: 2, spawnRate: nil, seconds: 1).run { _ in }
      let result = LoadResult(outcome)
      #expect(outcome.sample.overdue >= 100)
      // Everything that was planned is in one of the figures, and nothing else.
      #expect(result.total.requests == 200)
      #expect(result.total.requests == outcome.sample.total.requests + result.overdue)
      #expect(result.total.failures == result.total.requests - 20 && result.unanswered == result.total.failures)
      let corrected = try #require(result.total.correctedLatency)
      let series = try #require(LoadResult.series(outcome).first { $0.name == "corrected latency" }?.histogram)
      #expect(series.reduce(0) { $0 + $1.count } == Int(result.total.requests))
      // 90 of 100 were planned after the server had tired; the median one waited for some hundreds of milliseconds.
      #expect(corrected.p50 > 0.2 && corrected.max > 0.5)
      #expect(result.errors.contains { $0.problem.hasPrefix("planned") && $0.count == result.overdue })
      #expect(result.text.contains("planned requests were not sent"))
      // What was sent is what the rate is made of.
      #expect(result.total.requestsPerSecond < 40)
    }

    @Test func wholeGroupsOfUnsentRequestsAreRecorded() {
      var record = TaskRecord(corrects: true)
      record.noteUnsent(1_000_001) { 2_000_000 - $0 }
      #expect(record.requests == 1_000_001 && record.corrected?.totalCount == 1_000_001)
      let median = Double(record.corrected?.valueAtPercentile(50) ?? 0)
      #expect(abs(median - 1_500_000) < 5_000)
    }

    @Test(arguments: [nil, 50.0]) func whatIsCutOffHasFailed(rate: Double?) async throws {
      let server = try Self.tiring(after: 4)
      defer { server.stop() }
      let plan = try LoadTests.plan(server.url) { $0.rate = rate }
      let run = LoadRun(plan, users: 2, spawnRate: nil, seconds: 0.3)
      let (ending, told) = AsyncStream<Void>.makeStream()
      let task = Task { try await run.run { if $0.isEnding { told.yield() } } }
      // Requests may take 30 s; an interrupt does not wait for them.
      for await _ in ending { break }
      task.cancel()
      let outcome = try await task.value
      let result = LoadResult(outcome)
      #expect(outcome.isPartial && result.abandoned == 2)
      #expect(result.total.failures == 2 + result.overdue && result.total.requests == 6 + result.overdue)
      #expect(result.errors.contains { $0.problem == Failure.cutOff.description && $0.count == 2 })
      #expect((result.total.failedLatency?.max ?? 0) >= 0.9 && (result.total.latency?.max ?? 9) < 0.9)
      #expect(result.text.contains("they count as failed"))
    }

    @Test func aStopThatLocustOrdersFailsNothing() async throws {
      let server = try Self.tiring(after: 4)
      defer { server.stop() }
      let generator = try LoadGenerator(try LoadTests.plan(server.url))
      await generator.setUsers([2])
      var sum = LoadSample(generator.plan)
      let end = ContinuousClock.now + .seconds(20)
      while sum.total.requests < 4, ContinuousClock.now < end {
        try await Task.sleep(for: .milliseconds(5))
        sum.add(await generator.collect())
      }
      await generator.stop(waiting: 0.05)
      sum.add(await generator.collect())
      #expect(sum.total.requests == 4 && sum.total.failures == 0 && sum.abandoned == 2 && sum.unsent.isEmpty)
    }

    @Test func answersThatAreSlowerThanTheLoadAreWaitedFor() async throws {
      let server = try ScriptedServer { peer in
        while peer.request() {
          usleep(1_300_000)
          peer.send(LoadTests.good)
        }
      }
      defer { server.stop() }
      let outcome = try await LoadRun(try LoadTests.plan(server.url), users: 2, spawnRate: nil, seconds: 0.2).run { _ in
      }
      #expect(outcome.sample.total.requests >= 2 && outcome.sample.total.failures == 0)
      #expect(!outcome.isPartial && outcome.sample.abandoned == 0)
    }

    @Test func secondsWithoutAnAnswerAreZeros() async throws {
      let count = Counter()
      let server = try ScriptedServer { peer in
        while peer.request() {
          if count.add() == 20 { usleep(2_300_000) }
          peer.send(LoadTests.good)
        }
      }
      defer { server.stop() }
      let outcome = try await LoadRun(try LoadTests.plan(server.url), users: 1, spawnRate: nil, seconds: 3.2).run { _ in
      }
      let seconds = LoadResult(outcome).perSecond
      #expect(seconds.count >= 4)
      for (second, next) in zip(seconds, seconds.dropFirst()) { #expect(next.time == second.time + 1) }
      // 2.3 seconds hold at least one whole one.
      #expect(seconds.contains { $0.requests == 0 })
      #expect(seconds.reduce(0) { $0 + $1.requests } == outcome.sample.total.requests)
      let rates = LoadResult.series(outcome).first { $0.name == "requests per second" }
      #expect(rates?.samples.contains(0) == true)
    }

    @Test func usersGoOnWhereAStopIsTakenBack() async throws {
      let connections = Counter()
      let server = try ScriptedServer { peer in
        let isSlow = connections.add() == 1
        while peer.request() {
          if isSlow { usleep(1_500_000) }
          peer.send(LoadTests.good)
        }
      }
      defer { server.stop() }
      let generator = try LoadGenerator(try LoadTests.plan(server.url))
      await generator.setUsers([3])
      let end = ContinuousClock.now + .seconds(30)
      func answered(_ enough: UInt64) async throws -> Bool {
        var sum: UInt64 = 0
        while sum < enough, ContinuousClock.now < end {
          try await Task.sleep(for: .milliseconds(10))
          sum += await generator.collect().total.requests
        }
        return sum >= enough
      }
      #expect(try await answered(50))
      // The slow one holds the stop open while the others have ended their last requests.
      let stopping = Task { await generator.stop(waiting: 30) }
      try await Task.sleep(for: .milliseconds(200))
      _ = await generator.collect()
      await generator.setUsers([3])
      await stopping.value
      #expect(try await answered(100), "users that were stopped do not go on")
      await generator.stop(waiting: 2)
    }

    @Test func aNewUserKeepsItsOwnPauses() async throws {
      // By connection, which is by user.
      let times = Mutex<[[ContinuousClock.Instant]]>([])
      let server = try ScriptedServer { peer in
        let number = times.withLock {
          $0.append([])
          return $0.count - 1
        }
        while peer.request() {
          times.withLock { $0[number].append(.now) }
          peer.send(LoadTests.good)
        }
      }
      defer { server.stop() }
      var plan = try LoadTests.plan(server.url)
      plan.classes[0].wait = 0.8...0.8
      let generator = try LoadGenerator(plan)
      func requests(_ count: Int, of user: Int) async throws {
        let end = ContinuousClock.now + .seconds(20)
        while times.withLock({ $0.count <= user || $0[user].count < count }), ContinuousClock.now < end {
          try await Task.sleep(for: .milliseconds(2))
        }
      }
      await generator.setUsers([1])
      try await requests(1, of: 0)
      try await Task.sleep(for: .milliseconds(300))
      // Its alarm is set for the first one's pause; the second one has the same place among the users.
      await generator.setUsers([0])
      await generator.setUsers([1])
      try await requests(2, of: 1)
      await generator.stop(waiting: 1)
      let seen = times.withLock { $0 }
      try #require(seen.count == 2 && seen[1].count >= 2)
      #expect(seen[1][1] - seen[1][0] >= .milliseconds(780))
    }

    @Test func aMailboxOutlivesItsLoop() throws {
      let server = try ScriptedServer { _ in }
      defer { server.stop() }
      let plan = try LoadTests.plan(server.url)
      var loop: UserLoop? = try UserLoop(
        LoopSetup(plan, addresses: plan.target.addresses(nil), index: 0, start: monotonicNow()))
      let mailbox = try #require(loop?.mailbox)
      mailbox.post(.quit)
      loop?.run()
      loop = nil
      #expect(fcntl(mailbox.wakeDescriptor, F_GETFD) >= 0, "what is posted late goes to another file")
      mailbox.post(.quit)
      #expect(mailbox.take().count == 1)
    }

    /// A peer that breaks HTTP/2 and keeps the connection: its session is over, whatever the socket says.
    @Test func aBrokenSessionOfHTTP2IsNoticedAtOnce() async throws {
      let server = try ScriptedServer { peer in
        guard peer.request() else { return }
        // SETTINGS, then DATA on stream 0, which RFC 9113, section 6.1, makes an error of the connection.
        peer.send("\0\0\0\u{4}\0\0\0\0\0" + "\0\0\u{1}\0\0\0\0\0\0x")
        while peer.request() {}
      }
      defer { server.stop() }
      let began = ContinuousClock.now
      let plan = try LoadTests.plan(server.url) {
        $0.version = .http2
        $0.timeout = 25
      }
      let total = try await LoadTests.load(plan, users: 1, until: 3).total
      #expect(total.requests >= 3 && total.failures == total.requests)
      #expect(total.errors[.timedOut] == nil && ContinuousClock.now - began < .seconds(20), "\(total.errors)")
    }
  }
}
