@testable import IngressModel
import Testing

@Suite("Pools of services")
struct ServicePoolsTests {
  @Test("Weights share requests exactly, over services too; a service without usable servers is passed over")
  func weightedServices() throws {
    let pools = try ServicePools([
      .servers([1, 1], named: "old") { $0.healthCheck = HealthCheck(path: "/") }, .servers([1], named: "new"),
      .parts([WeightedService(name: "old", weight: 9), WeightedService(name: "new", weight: 1)], named: "both"),
    ])
    let both = try #require(pools["both"])
    let names = (0..<100).compactMap { _ in both.choose(at: .second(1))?.pool.service.name }
    #expect(names.count { $0 == "old" } == 90)
    #expect(names.count { $0 == "new" } == 10)
    for server in pools["old"]?.servers ?? [] { server.record(.timeout, at: .second(1)) }
    for _ in 0..<10 { #expect(both.choose(at: .second(1))?.pool.service.name == "new") }
  }

  @Test("A server named twice is one with both weights")
  func duplicates() throws {
    let server = Server(host: "10.0.0.1", port: 80)
    let service = BackendService(
      name: "shop", members: .servers([server, server, Server(host: "10.0.0.2", port: 80)]),
      source: BackendService.place)
    let pool = try #require(try ServicePools([service])["shop"])
    #expect(pool.servers.map(\.server.weight) == [2, 1])
    let numbers = (0..<30).compactMap { _ in pool.choose(at: .second(1))?.number }
    #expect(numbers.count { $0 == "1" } == 20)
  }

  @Test(
    "Weights beyond the range count as its ends",
    arguments: [BackendService.Strategy.weightedRoundRobin, .leastConnections])
  func weightRange(strategy: BackendService.Strategy) throws {
    let pools = try ServicePools([
      .servers([Int.max, Int.max, 1, Int.min]) { $0.strategy = strategy },
      .parts([WeightedService(name: "shop", weight: .max), WeightedService(name: "shop", weight: .max)], named: "all") {
        $0.strategy = strategy
      },
    ])
    let numbers = Set((0..<100).compactMap { _ in pools["all"]?.choose(at: .second(1))?.number })
    #expect(numbers == ["1", "2"])
  }

  @Test("Retries go to servers that have not failed the request")
  func excluding() throws {
    let pool = try #require(try ServicePools([.servers([1, 1, 1])])["shop"])
    var tried: [ServerState] = []
    for _ in 0..<3 {
      let choice = try #require(pool.choose(excluding: tried, at: .second(1)))
      #expect(!tried.contains { $0 === choice.server })
      tried.append(choice.server)
    }
    #expect(pool.choose(excluding: tried, at: .second(1)) == nil)
    #expect(try ServicePools([.servers([])])["shop"]?.choose(at: .second(1)) == nil)
  }

  @Test("What makes no pools is told with its place and what to do")
  func errors() {
    func message(_ services: [BackendService]) -> String {
      do throws(ServicePoolError) {
        _ = try ServicePools(services)
        return "no error"
      } catch { return error.description }
    }
    #expect(
      message([.parts([WeightedService(name: "none")], named: "a")])
        == "ingress.yaml:7: service 'a' names service 'none', which is not defined: define it, or correct the name")
    #expect(
      message([
        .parts([WeightedService(name: "b")], named: "a"), .parts([WeightedService(name: "c")], named: "b"),
        .parts([WeightedService(name: "b")], named: "c"),
      ]) == "ingress.yaml:7: services contain each other: b → c → b: take one of them out")
    #expect(message([.servers([1]) { $0.sticky = StickyCookie(name: "a b") }]).contains("cookie named 'a b'"))
    #expect(
      message([
        .servers([1]) { $0.sticky = StickyCookie(name: "c") },
        .parts([WeightedService(name: "shop")], named: "a") { $0.sticky = StickyCookie(name: "c") },
      ]).contains("both use the cookie 'c'"))
    func chain(_ length: Int) -> [BackendService] {
      [.servers([1], named: "s0")] + (1..<length).map { .parts([WeightedService(name: "s\($0 - 1)")], named: "s\($0)") }
    }
    #expect(message(chain(ServicePools.depth)) == "no error")
    #expect(message(chain(ServicePools.depth + 1)).contains("more than 8 deep"))
  }

  @Test("Event loops side by side: shares and counts are exact")
  func concurrency() async throws {
    let pool = try #require(
      try ServicePools([.servers([3, 1]) { $0.breaker = CircuitBreaker(failures: 1_000_000, pause: .seconds(1)) }])[
        "shop"])
    await withTaskGroup(of: Void.self) { group in
      for task in 0..<4 {
        group.addTask {
          for round in 0..<2000 {
            guard let choice = pool.choose(at: .second(1)) else { continue }
            let request = choice.server.begin(isRetry: round % 10 == 0, at: .second(1))
            let outcome = task == 0 ? RequestOutcome(failure: .reset) : RequestOutcome(status: 200, bytesSent: 5)
            choice.server.finish(request, outcome, at: .second(1.002))
          }
        }
      }
    }
    #expect(pool.servers.map(\.totals.requests) == [6000, 2000])
    #expect(pool.servers.map(\.openRequests) == [0, 0])
    let totals = pool.totals
    #expect(totals.requests == 8000)
    #expect(totals.statusClasses[2] == 6000)
    #expect(totals.failures(.reset) == 2000)
    #expect(totals.errors == 2000)
    #expect(totals.retries == 800)
    #expect(totals.bytesSent == 30_000)
    #expect(totals.durations.count == 8000)
    #expect(totals.durations.nanoseconds == 16_000_000_000)
  }
}
