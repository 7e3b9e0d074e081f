@testable import IngressModel
import Testing

@Suite("Clients keep their server")
struct StickyTests {
  private func pool(_ weights: [Int]) throws -> ServicePool {
    try #require(try ServicePools([.servers(weights) { $0.sticky = StickyCookie(name: "stick") }])["shop"])
  }

  /// The Cookie field that a client sends after a Set-Cookie.
  private func cookies(_ choice: Choice) -> Cookies {
    Cookies(choice.setCookies.map { String($0.prefix { $0 != ";" }) })
  }

  @Test("A new client gets a cookie, and with it the same server, also of a proxy that was started anew")
  func keeping() throws {
    let first = try pool([1, 1, 1])
    let second = try pool([1, 1, 1])
    for _ in 0..<3 {
      let choice = try #require(first.choose(at: .second(1)))
      #expect(choice.setCookies == ["stick=\(StickyCookie.value(of: choice.server.server)); Path=/"])
      for pool in [first, second] {
        for _ in 0..<4 {
          let again = try #require(pool.choose(cookies: cookies(choice), at: .second(2)))
          #expect(again.number == choice.number)
          #expect(again.setCookies.isEmpty)
        }
      }
    }
  }

  @Test("A server that cannot take the request moves its client on, who gets a new cookie")
  func moving() throws {
    let pool = try pool([1, 1])
    let choice = try #require(pool.choose(at: .second(1)))
    let moved = try #require(pool.choose(cookies: cookies(choice), excluding: [choice.server], at: .second(1)))
    #expect(moved.server !== choice.server)
    #expect(moved.setCookies.count == 1)
    #expect(pool.choose(excluding: pool.servers, at: .second(1)) == nil)
    #expect(pool.totals.unavailable == 0, "a retry that finds nobody is a failure of the server before")
  }

  @Test("Weight 0 gets no new clients and keeps those it has")
  func drainingServer() throws {
    let pool = try pool([0, 1])
    for _ in 0..<10 { #expect(pool.choose(at: .second(1))?.number == "2") }
    let holder = Cookies(["stick=" + StickyCookie.value(of: pool.servers[0].server)])
    for _ in 0..<10 {
      let choice = try #require(pool.choose(cookies: holder, at: .second(1)))
      #expect(choice.number == "1")
      #expect(choice.setCookies.isEmpty)
    }
    #expect(try self.pool([0, 0]).choose(at: .second(1)) == nil)
  }

  @Test("Forged, huge and unknown cookies are as none, and are set anew")
  func forged() throws {
    let pool = try pool([1, 1, 1])
    let huge = String(repeating: "f", count: 1_000_000)
    for value in ["", "x", "ffffffffffffffff", "0000000000000000", huge, "../../etc", "\u{0}", "💥💥💥💥"] {
      let numbers = try (0..<3).map { _ in
        let choice = try #require(pool.choose(cookies: Cookies(["stick=" + value]), at: .second(1)))
        #expect(choice.setCookies.count == 1)
        return choice.number
      }
      #expect(Set(numbers).count == 3)
    }
  }

  @Test("Of several cookies of the name, the first that leads to a server counts")
  func several() throws {
    let pool = try pool([1, 1, 1])
    let value = StickyCookie.value(of: pool.servers[2].server)
    for _ in 0..<5 {
      #expect(pool.choose(cookies: Cookies(["stick=old; stick=" + value]), at: .second(1))?.number == "3")
    }
  }

  @Test("Stickiness of weighted services, with that of the servers in them")
  func weightedServices() throws {
    let services: [BackendService] = [
      .servers([1, 1], named: "blue") { $0.sticky = StickyCookie(name: "server") },
      .servers([1, 1], named: "green") { $0.sticky = StickyCookie(name: "server2") },
      .parts([WeightedService(name: "blue", weight: 3), WeightedService(name: "green", weight: 1)], named: "all") {
        $0.sticky = StickyCookie(name: "colour")
      },
    ]
    let pool = try #require(try ServicePools(services)["all"])
    #expect(pool.usesCookies)
    let choices = try (0..<400).map { _ in try #require(pool.choose(at: .second(1))) }
    #expect(choices.count { $0.pool.service.name == "blue" } == 300)
    for choice in choices.prefix(8) {
      #expect(choice.setCookies.count == 2)
      let again = try #require(pool.choose(cookies: cookies(choice), at: .second(1)))
      #expect(again.server === choice.server)
      #expect(again.setCookies.isEmpty)
      #expect(again.pool === choice.pool)
    }
    // The whole colour goes: both cookies are set anew.
    let blue = try #require(choices.first { $0.pool.service.name == "blue" })
    let moved = try #require(
      pool.choose(cookies: cookies(blue), excluding: blue.pool.servers, at: .second(1)))
    #expect(moved.pool.service.name == "green")
    #expect(moved.setCookies.count == 2)
  }
}
