@testable import IngressModel
import Testing

@Suite("Health")
struct HealthTests {
  private let check = HealthCheck(path: "/health")

  @Test("One probe decides; only changes are told")
  func changes() {
    var health = Health.unknown
    let steps: [(ProbeResult, HealthChange?)] = [
      (.status(200), .cameUp), (.status(204), nil), (.timeout, .wentDown(reason: "no answer within 5.0 seconds")),
      (.failed("connection refused"), nil), (.status(399), .cameUp),
      (.status(503), .wentDown(reason: "status 503 instead of 200 to 399")),
    ]
    for (second, step) in steps.enumerated() {
      let change = health.record(step.0, of: check, at: .second(Double(second)))
      #expect(change == step.1)
    }
    #expect(health == .down(since: .second(5), reason: "status 503 instead of 200 to 399"))
    health.record(.failed("connection refused"), of: check, at: .second(6))
    #expect(health == .down(since: .second(5), reason: "connection refused"), "the time is that of going down")
    health.record(.status(200), of: check, at: .second(7))
    health.record(.status(200), of: check, at: .second(8))
    #expect(health == .up(since: .second(7)))
    var fresh = Health.unknown
    let first = fresh.record(.timeout, of: check, at: .second(1))
    #expect(first == .wentDown(reason: "no answer within 5.0 seconds"))
  }

  @Test("Which statuses are well", arguments: [(199, false), (200, true), (302, true), (399, true), (400, false)])
  func statuses(status: Int, isWell: Bool) {
    #expect(check.accepts(status: status) == isWell)
    var exact = check
    exact.status = 204
    #expect(exact.accepts(status: 204))
    #expect(!exact.accepts(status: 200))
    #expect(ProbeResult.status(200).reason(of: exact) == "status 200 instead of 204")
  }

  @Test("The first probe is due at once, the next an interval after the last began, but not while that runs")
  func schedule() {
    #expect(check.nextProbe(afterOneBegunAt: nil, endedAt: nil, now: .second(7)) == .second(7))
    #expect(check.nextProbe(afterOneBegunAt: .second(7), endedAt: .second(8), now: .second(8)) == .second(37))
    #expect(check.nextProbe(afterOneBegunAt: .second(7), endedAt: .second(50), now: .second(50)) == .second(50))
  }

  @Test("Servers that are down get nothing, not even by cookie; all down: nobody")
  func pool() throws {
    let pool = try #require(
      try ServicePools([
        .servers([1, 1]) {
          $0.healthCheck = check
          $0.sticky = StickyCookie(name: "stick")
        }
      ])["shop"])
    #expect(pool.choose(at: .second(0)) != nil, "servers count as up before their first probe")
    pool.servers[0].record(.timeout, at: .second(1))
    let cookies = Cookies(["stick=" + StickyCookie.value(of: pool.servers[0].server)])
    for _ in 0..<5 { #expect(pool.choose(cookies: cookies, at: .second(1))?.number == "2") }
    pool.servers[1].record(.status(500), at: .second(2))
    #expect(pool.choose(cookies: cookies, at: .second(2)) == nil)
    #expect(pool.totals.unavailable == 1)
    pool.servers[0].record(.status(200), at: .second(3))
    #expect(pool.choose(at: .second(3))?.number == "1")
  }
}
