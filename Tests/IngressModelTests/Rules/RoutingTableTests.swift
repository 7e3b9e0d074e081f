import Testing

@testable import IngressModel

@Suite struct RoutingTableTests {
  private func router(
    _ name: String, _ rule: String, priority: Int? = nil, entryPoints: [String] = [], isTLS: Bool = false
  ) throws -> Router {
    Router(
      name: name, entryPoints: entryPoints, rule: try Rule(rule), priority: priority, service: "s", isTLS: isTLS,
      source: SourcePlace(file: "a", line: 1))
  }

  @Test func longerRulesGoFirst() throws {
    let table = RoutingTable([
      try router("all", "PathPrefix(`/`)"), try router("host", "Host(`example.com`)"),
      try router("path", "Host(`example.com`) && PathPrefix(`/api`)"),
    ])
    #expect(table.router(for: StubRequest(path: "/api/x"))?.name == "path")
    #expect(table.router(for: StubRequest(path: "/x"))?.name == "host")
    #expect(table.router(for: StubRequest(host: "other"))?.name == "all")
  }

  @Test func priorityGoesBeforeLengthAndOrderDecidesTies() throws {
    let table = RoutingTable([
      try router("long", "Host(`example.com`) && PathPrefix(`/`)"), try router("first", "Path(`/`)", priority: 1_000),
      try router("second", "Path(`/`)", priority: 1_000),
    ])
    #expect(table.routers.map(\.name) == ["first", "second", "long"])
    #expect(table.index(for: StubRequest()) == 0)
    #expect(table.index(for: StubRequest(path: "/x")) == 2)
    #expect(table.index(for: StubRequest(host: "other", path: "/x")) == nil)
  }

  @Test func entryPointsAndTLSChoose() throws {
    let routers = [
      try router("web", "Path(`/`)", entryPoints: ["web"]), try router("any", "Path(`/`)"),
      try router("tls", "Path(`/`)", isTLS: true),
    ]
    #expect(RoutingTable(routers, entryPoint: "web", isTLS: false).routers.map(\.name) == ["web", "any"])
    #expect(RoutingTable(routers, entryPoint: "other", isTLS: false).routers.map(\.name) == ["any"])
    #expect(RoutingTable(routers, entryPoint: "web", isTLS: true).routers.map(\.name) == ["tls"])
  }

  @Test func knowsWhichHostsRulesDemand() throws {
    func demanded(_ text: String) throws -> Set<String>? { try Rule(text).expression.demandedHosts }
    #expect(try demanded("Host(`a`, `B.`)") == ["a", "b"])
    #expect(try demanded("Host(`a`) || Path(`/x`) && Host(`b`)") == ["a", "b"])
    #expect(try demanded("Host(`a`) || Path(`/x`)") == nil)
    #expect(try demanded("!Host(`a`)") == nil)
    #expect(try demanded("Host(`a`, `b`) && Host(`b`)") == ["b"])
    #expect(try demanded("HostRegexp(`a`)") == nil)
  }

  /// The index must change nothing: the table says what asking each router in turn says.
  @Test func indexAgreesWithAsking() throws {
    var generator = SeededGenerator(seed: 3)
    let parts = [
      "Host(`a`)", "Host(`b`, `c`)", "Path(`/x`)", "PathPrefix(`/`)", "!Host(`a`)", "HostRegexp(`{h}`)",
      "Method(`PUT`)",
    ]
    var found = 0
    for _ in 0..<200 {
      let routers = try (0..<12).map { index in
        let words = (0..<3).map { _ in parts.randomElement(using: &generator) ?? "" }
        let text = "\(words[0]) \(["&&", "||"].randomElement(using: &generator) ?? "&&") \(words[1]) && \(words[2])"
        return try router("\(index)", text, priority: Int.random(in: 1...4, using: &generator))
      }
      let table = RoutingTable(routers)
      for host in ["a", "b", "c", "d", "a."] {
        for path in ["/", "/x"] {
          let request = StubRequest(host: host, path: path)
          let asked = table.routers.firstIndex { $0.rule.matches(request) }
          #expect(table.index(for: request) == asked)
          if asked != nil { found += 1 }
        }
      }
    }
    #expect(found > 200)
  }
}
