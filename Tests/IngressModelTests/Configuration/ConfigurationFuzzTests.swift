import Testing

@testable import IngressModel

@Suite struct ConfigurationFuzzTests {
  private static let seeds = [
    KubernetesTests.route(
      "[{name: web, port: 80, sticky: {cookie: {name: c}}, healthCheck: {path: /h, interval: 5s}}]"),
    """
    http:
      routers: {r: {rule: "Host(`a`) || Path(`/{x:y+}`)", service: w, priority: 3, tls: {}}}
      services:
        w: {weighted: {services: [{name: s, weight: 2}]}}
        s: &s {loadBalancer: {servers: [{url: "http://[::1]:80", weight: 1}], retries: 2}}
    tls: {certificates: [{certFile: a, keyFile: b}]}
    """,
    """
    apiVersion: v1
    kind: Service
    metadata: {name: web, namespace: shop}
    spec: {clusterIP: 10.0.0.1, ports: [{name: http, port: 80}]}
    ---
    apiVersion: v1
    kind: Endpoints
    metadata: {name: web, namespace: shop}
    subsets: [{addresses: [{ip: 10.0.0.2}], ports: [{name: http, port: 8080}]}]
    """,
  ]
  private static let fragments = [
    "{", "}", "[", "]", ": ", "\n", "\n---\n", "  ", "- ", "*s", "&s ", "<<: *s", "null", "~", "0", "-1", "1e9", "'",
    "\"",
    "`", "kind", "http", "\u{0}", "ä", "99999999999999999999", "!!binary ", "|\n", "? ", "#", "%", "\t", "\u{feff}",
  ]

  /// Whatever is read either makes a configuration whose references hold, or says what is wrong.
  @Test func survivesMutations() {
    var generator = SeededGenerator(seed: 5)
    var taken = 0
    for round in 0..<1_000 {
      let mutated = generator.mutated(Self.seeds[round % 3], fragments: Self.fragments)
      do throws(IngressConfigurationError) {
        let made = try configuration(mutated, Self.seeds[(round + 1) % 3])
        taken += 1
        for router in made.routers { #expect(made.services[router.service] != nil) }
        for case .services(let members) in made.services.values.map(\.members) {
          for member in members { #expect(made.services[member.name] != nil) }
        }
      } catch {
        #expect(!error.findings.isEmpty)
        #expect(error.findings.allSatisfy { $0.place?.line ?? 1 >= 1 })
      }
    }
    #expect((50..<950).contains(taken))
  }

  @Test func overridesSurviveMutations() {
    var generator = SeededGenerator(seed: 6)
    for _ in 0..<2_000 {
      let text = generator.mutated(
        "shop/web:80=10.0.0.1:80,[::1]:81", fragments: [":", "/", "=", ",", "[", "]", "ä", "0"])
      guard let made = try? BackendOverride(parsing: text) else { continue }
      #expect(!made.servers.isEmpty && made.servers.allSatisfy { $0.port > 0 && !$0.host.isEmpty })
    }
  }
}
