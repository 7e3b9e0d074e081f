@testable import IngressModel
import Testing

@Suite("Circuit breaker")
struct BreakerTests {
  private let policy = CircuitBreaker(failures: 3, pause: .seconds(10))

  private func opened() -> Breaker {
    var breaker = Breaker()
    for second in [1.0, 2, 3] {
      breaker.record(isFailure: true, begunAt: .second(second), at: .second(second), by: policy)
    }
    return breaker
  }

  private func admissions(_ breaker: inout Breaker, _ seconds: [Double]) -> [Bool] {
    seconds.map { breaker.admit(at: .second($0), by: policy) }
  }

  @Test("Failures one after another open it; a success in between starts the count anew")
  func opening() {
    var breaker = Breaker()
    for isFailure in [true, true, false, true, true] {
      breaker.record(isFailure: isFailure, begunAt: .second(1), at: .second(1), by: policy)
    }
    #expect(breaker.state == .closed(failures: 2))
    breaker.record(isFailure: true, begunAt: .second(1), at: .second(2), by: policy)
    #expect(breaker.state == .open(until: .second(12)))
  }

  @Test("One trial after the pause: it decides")
  func trial() {
    var breaker = opened()
    #expect(admissions(&breaker, [12.9, 13, 13]) == [false, true, false])
    var failed = breaker
    failed.record(isFailure: true, begunAt: .second(13), at: .second(14), by: policy)
    #expect(failed.state == .open(until: .second(24)))
    breaker.record(isFailure: false, begunAt: .second(13), at: .second(14), by: policy)
    #expect(breaker.state == .closed(failures: 0))
    #expect(admissions(&breaker, [14, 14]) == [true, true])
  }

  @Test("A trial of which nothing is heard makes room for another")
  func lostTrial() {
    var breaker = opened()
    #expect(admissions(&breaker, [13, 22, 23]) == [true, false, true])
  }

  @Test("Requests from before it opened neither close it nor fail its trial")
  func stragglers() {
    var breaker = opened()
    breaker.record(isFailure: false, begunAt: .second(2.5), at: .second(4), by: policy)
    #expect(breaker.state == .open(until: .second(13)))
    #expect(admissions(&breaker, [13]) == [true])
    breaker.record(isFailure: true, begunAt: .second(2.5), at: .second(14), by: policy)
    #expect(breaker.state == .halfOpen(until: .second(23)))
    breaker.record(isFailure: false, begunAt: .second(13), at: .second(15), by: policy)
    breaker.record(isFailure: true, begunAt: .second(2.5), at: .second(16), by: policy)
    #expect(breaker.state == .closed(failures: 0))
  }

  @Test(
    "What counts as a failure of the server",
    arguments: [
      (RequestOutcome(status: 200), false), (RequestOutcome(status: 404), false), (RequestOutcome(status: 500), false),
      (RequestOutcome(status: 502), true), (RequestOutcome(status: 504), true),
      (RequestOutcome(failure: .connect), true),
      (RequestOutcome(status: 200, failure: .reset), true), (RequestOutcome(failure: .clientClosed), nil),
      (RequestOutcome(), nil),
    ] as [(RequestOutcome, Bool?)])
  func failures(outcome: RequestOutcome, expected: Bool?) { #expect(outcome.isFailure == expected) }

  @Test("A server whose breaker is open gets no requests; at the pause's end one goes there")
  func pool() throws {
    let pool = try #require(try ServicePools([.servers([1, 1]) { $0.breaker = policy }])["shop"])
    let broken = pool.servers[0]
    for second in [1.0, 2, 3] {
      broken.finish(broken.begin(at: .second(second)), RequestOutcome(failure: .connect), at: .second(second))
    }
    #expect(broken.breakerState == .open(until: .second(13)))
    for _ in 0..<10 { #expect(pool.choose(at: .second(5))?.number == "2") }
    let numbers = (0..<10).map { _ in pool.choose(at: .second(13))?.number }
    #expect(numbers.count { $0 == "1" } == 1)
    #expect(numbers.count { $0 == "2" } == 9)
  }

  @Test("A response's head is enough for the breaker: an open WebSocket has closed it")
  func head() {
    let service = BackendService.servers([1]) { $0.breaker = policy }
    let server = ServerState(
      Server(host: "10.0.0.1", port: 80), of: service, counters: RequestCounters(), record: nil)
    for _ in 0..<3 { server.finish(server.begin(at: .second(1)), RequestOutcome(status: 503), at: .second(1)) }
    #expect(server.admit(at: .second(11)))
    var socket = server.begin(at: .second(11))
    server.answered(&socket, status: 101, at: .second(11))
    #expect(server.breakerState == .closed(failures: 0))
    // Its end as a success must not wipe out failures that came meanwhile.
    server.finish(server.begin(at: .second(12)), RequestOutcome(failure: .reset), at: .second(12))
    server.finish(socket, RequestOutcome(status: 101), at: .second(900))
    #expect(server.breakerState == .closed(failures: 1))
    #expect(server.openRequests == 0)
  }

  @Test("Of many threads at a half-open breaker, one gets through")
  func concurrentTrial() async throws {
    let pool = try #require(
      try ServicePools([.servers([1]) { $0.breaker = CircuitBreaker(failures: 1, pause: .seconds(10)) }])["shop"])
    for round in 0..<50 {
      let time = Double(round) * 100
      let server = pool.servers[0]
      server.finish(server.begin(at: .second(time)), RequestOutcome(failure: .connect), at: .second(time))
      let through = await withTaskGroup(of: Bool.self) { group in
        for _ in 0..<8 { group.addTask { pool.choose(at: .second(time + 10)) != nil } }
        return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
      }
      #expect(through == 1)
      server.finish(server.begin(at: .second(time + 10)), RequestOutcome(status: 200), at: .second(time + 11))
    }
  }
}
