@testable import IngressModel
import Testing

@Suite("What holds for every choice")
struct ChoicePropertyTests {
  private struct Situation {
    var pool: ServicePool
    var excluded: [ServerState]
    var cookie: ServerState?
    var now: Moment

    /// Whether a server can take the request at all.
    func isFit(_ server: ServerState) -> Bool {
      if case .down = server.health { return false }
      if case .open(let until)? = server.breakerState, now < until { return false }
      return !excluded.contains { $0 === server }
    }

    var fits: [ServerState] { pool.servers.filter { isFit($0) && $0.server.weight > 0 } }
  }

  private func situation(_ random: inout RepeatableRandom) throws -> Situation {
    let weights = (0..<Int.random(in: 0...5, using: &random)).map { _ in Int.random(in: 0...3, using: &random) }
    let strategies: [BackendService.Strategy] = [.weightedRoundRobin, .leastConnections, .sourceHash]
    let strategy = strategies[Int.random(in: 0..<3, using: &random)]
    let pools = try ServicePools([
      .servers(weights) {
        $0.strategy = strategy
        $0.sticky = StickyCookie(name: "stick")
        $0.healthCheck = HealthCheck(path: "/")
        $0.breaker = CircuitBreaker(failures: 1, pause: .seconds(10))
      }
    ])
    let pool = try #require(pools["shop"])
    for server in pool.servers {
      switch Int.random(in: 0..<5, using: &random) {
      case 0: server.record(.timeout, at: .second(1))
      case 1: server.finish(server.begin(at: .second(1)), RequestOutcome(failure: .reset), at: .second(1))
      case 2: for _ in 0..<3 { _ = server.begin(at: .second(1)) }
      default: break
      }
    }
    return Situation(
      pool: pool, excluded: pool.servers.filter { _ in Int.random(in: 0..<5, using: &random) == 0 },
      cookie: Bool.random(using: &random) ? pool.servers.randomElement(using: &random) : nil,
      now: .second(Bool.random(using: &random) ? 5 : 50))
  }

  @Test("Only servers that can take the request, the cookie's if that can, and nil only if none can")
  func fitness() throws {
    var random = RepeatableRandom(11)
    var kept = 0
    var none = 0
    for _ in 0..<2000 {
      let situation = try situation(&random)
      let fits = situation.fits
      let keeper = situation.cookie.flatMap { situation.isFit($0) ? $0 : nil }
      let cookies = situation.cookie.map { Cookies(["stick=" + StickyCookie.value(of: $0.server)]) } ?? .none
      let choice = situation.pool.choose(
        cookies: cookies, client: .v4(Int.random(in: 0..<1000, using: &random)), excluding: situation.excluded,
        at: situation.now)
      if let keeper {
        #expect(choice?.server === keeper)
        #expect(choice?.setCookies == [])
        kept += 1
      } else if let choice {
        #expect(fits.contains { $0 === choice.server })
        #expect(choice.setCookies.count == 1)
      } else {
        #expect(fits.isEmpty)
        none += 1
      }
    }
    #expect(kept > 200)
    #expect(none > 200)
  }

  @Test("Moments neither overflow nor go below zero")
  func moments() {
    #expect(Moment.second(5) + .milliseconds(1500) == .second(6.5))
    #expect(Moment.second(5) + .seconds(-3) == .second(5))
    #expect(Moment.second(5) + .seconds(Int64.max) == Moment(nanoseconds: .max))
    #expect(Moment(nanoseconds: .max) + .nanoseconds(1) == Moment(nanoseconds: .max))
    #expect(Moment.second(5).since(.second(6)) == 0)
    #expect(Moment.second(6).since(.second(5)) == 1_000_000_000)
    let now = Moment.now()
    #expect(Moment.now() >= now)
  }

  @Test("Pools that keep no clients need no cookies")
  func cookies() throws {
    let pools = try ServicePools([.servers([1]), .parts([WeightedService(name: "shop")], named: "all")])
    #expect(pools["shop"]?.usesCookies == false)
    #expect(pools["all"]?.usesCookies == false)
    #expect(pools["none"] == nil)
    #expect(pools.all.map(\.service.name) == ["all", "shop"])
  }
}
