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
    /// When requests came to a server.
    private final class Arrivals: Sendable {
      private let moments = Mutex<[ContinuousClock.Instant]>([])

      func note() -> Int {
        moments.withLock {
          $0.append(.now)
          return $0.count
        }
      }

      /// When the one of this number came, from 0; waits for it, for longer than any machine needs.
      func moment(_ number: Int) -> ContinuousClock.Instant? {
        let end = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < end {
          if let moment = moments.withLock({ $0.dropFirst(number).first }) { return moment }
          usleep(2_000)
        }
        return nil
      }
    }

    /// A server that answers so many requests and then holds every connection without a word.
    private static func tiring(after count: Int) throws -> (ScriptedServer, Arrivals) {
      let arrivals = Arrivals()
      let server = try ScriptedServer { peer in
        while peer.request() {
          if arrivals.note() > count { continue }
          peer.send(LoadTests.good)
        }
      }
      return (server, arrivals)
    }

    @Test func whatWasPlannedAndNeverSentIsMeasuredByItsWait() async throws {
      let (server, _) = try Self.tiring(after: 20)
      defer { server.stop() }
      let plan = try LoadTests.plan(server.url) {
        $0.rate = 200
        $0.timeout = 0.4
      }
      let outcome = try await LoadRun(plan, users: 2, spawnRate: nil, seconds: 3).run { _ in }
      let result = LoadResult(outcome)
      #expect(outcome.sample.overdue >= 100)
      // Everything that was planned is in one of the figures, and nothing else.
      #expect(result.total.requests == 600)
      #expect(result.total.requests == outcome.sample.total.requests + result.overdue)
      // How many answers came in time is the machine's affair.
      let answered = outcome.sample.total.latency.totalCount
      #expect(answered <= 20 && result.total.failures == result.total.requests - answered)
      #expect(result.unanswered == result.total.failures)
      let corrected = try #require(result.total.correctedLatency)
      let series = try #require(LoadResult.series(outcome).first { $0.name == "corrected latency" }?.histogram)
      #expect(series.reduce(0) { $0 + $1.count } == Int(result.total.requests))
      // Nearly all were planned after the server had tired; the median one waited for more than a second.
      #expect(corrected.p50 > 0.5 && corrected.max > 1)
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
      let (server, arrivals) = try Self.tiring(after: 4)
      defer { server.stop() }
      let plan = try LoadTests.plan(server.url) {
        $0.rate = rate
        $0.timeout = 120
      }
      let run = LoadRun(plan, users: 2, spawnRate: nil, seconds: 0.2)
      let (ending, told) = AsyncStream<Void>.makeStream()
      let task = Task(executorPreference: OwnThreads.shared) {
        try await run.run {
          // The end comes when both users wait in vain, whenever that is.
          if $0.isEnding, arrivals.moment(5) != nil { told.yield() }
        }
      }
      // Requests may take two minutes; an interrupt does not wait for them.
      for await _ in ending { break }
      let interrupted = ContinuousClock.now
      task.cancel()
      let outcome = try await task.value
      let result = LoadResult(outcome)
      #expect(outcome.isPartial && result.abandoned == 2 && .now - interrupted < .seconds(60))
      #expect(result.total.failures == 2 + result.overdue && result.total.requests == 6 + result.overdue)
      #expect(result.errors.contains { $0.problem == Failure.cutOff.description && $0.count == 2 })
      // They had an interrupt's patience at least, and are not among those that were answered.
      #expect(outcome.sample.total.failedLatency?.totalCount == 2 && outcome.sample.total.latency.totalCount == 4)
      #expect((result.total.failedLatency?.min ?? 0) >= 0.9)
      #expect(result.text.contains("they count as failed"))
    }

    /// The stop at the end of a load and the one of an interrupt may come in either order.
    @Test func aLongerStopDoesNotProlongAShorterOne() async throws {
      let (server, arrivals) = try Self.tiring(after: 0)
      defer { server.stop() }
      let plan = try LoadTests.plan(server.url) { $0.timeout = 120 }
      let mailbox = try LoopThread.start(
        LoopSetup(plan, addresses: plan.target.addresses(nil), index: 0, start: monotonicNow()))
      defer { mailbox.post(.quit) }
      mailbox.post(.users([1]))
      try await aside { #expect(arrivals.moment(0) != nil) }
      let began = ContinuousClock.now
      await withCheckedContinuation { long in
        Task {
          await withCheckedContinuation { short in
            mailbox.post(.drain(nanoseconds: 10_000_000, reckons: true, short))
            mailbox.post(.drain(nanoseconds: 100_000_000_000, reckons: true, long))
          }
        }
      }
      #expect(.now - began < .seconds(60))
    }

    @Test func aStopThatLocustOrdersFailsNothing() async throws {
      let (server, _) = try Self.tiring(after: 4)
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
      let (slow, others) = (Gate(isOpen: false), Gate(isOpen: true))
      let server = try ScriptedServer { peer in
        let gate = connections.add() == 1 ? slow : others
        while peer.request() {
          gate.pass()
          peer.send(LoadTests.good)
        }
      }
      defer { server.stop() }
      let generator = try LoadGenerator(try LoadTests.plan(server.url))
      func answered(_ enough: UInt64) async throws -> Bool {
        var sum: UInt64 = 0
        return try await until {
          sum += await generator.collect().total.requests
          return sum >= enough
        }
      }
      await generator.setUsers([3])
      #expect(try await answered(50))
      others.close()
      #expect(try await until { slow.held == 1 && others.held == 2 })
      _ = await generator.collect()
      try await withThrowingTaskGroup(of: Void.self) { stops in
        // The slow one holds the stop open. The first of two stops is done when the second is obeyed: none is on its way.
        for _ in 0..<2 { stops.addTask { await generator.stop(waiting: 120) } }
        try await stops.next()
        others.open()
        #expect(try await answered(2), "the others have ended their last requests")
        await generator.setUsers([3])
        try await stops.waitForAll()
      }
      #expect(try await answered(100), "users that were stopped do not go on")
      slow.open()
      await generator.stop(waiting: 30)
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
