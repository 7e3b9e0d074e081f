import Testing

@testable import IngressModel

/// What is refused, with the place, and what to do.
@Suite struct RefusalTests {
  private static let services = "\n  services: {s: {loadBalancer: {servers: [{url: 'http://a'}]}}}"

  /// A file with one router of these members, on line 3.
  private func router(_ members: String) -> String { "http:\n  routers:\n    r: {\(members)}\(Self.services)" }

  /// A file with one service of these members, on line 3.
  private func service(_ members: String) -> String {
    "http:\n  services:\n    s: {\(members)}\n  routers: {r: {rule: Path(`/`), service: s}}"
  }

  @Test(arguments: [
    ("service: s", "3: 'rule' is missing in the router 'r'"), ("rule: Path(`/`)", "3: 'service' is missing"),
    ("rule: Path(`/`), service: t", "3: there is no service 't'; did you mean s?"),
    ("rule: Path(`/`), service: elsewhere", "3: there is no service 'elsewhere'; add it to one of the files"),
    ("rule: Path(`/`), service: api@internal", "3: 'api@internal' is a service inside of Traefik"),
    (
      "rule: 'Hots(`a`)', service: s",
      "3: the rule 'Hots(`a`)', column 1: there is no matcher 'Hots'; did you mean Host?"
    ),
    ("rule: Path(`/`), service: s, middlewares: [m]", "3: 'middlewares' in the router 'r' is not supported"),
    ("rule: Path(`/`), service: s, tls: {certResolver: le}", "3: 'certResolver' in 'tls' is not supported"),
    ("rule: Path(`/`), service: s, tls: {options: o}", "3: 'options' in 'tls' is not supported"),
    ("rule: Path(`/`), service: s, tls: ", "3: 'tls' has no value; write tls: {}"),
    ("rule: Path(`/`), service: s, tls: true", "3: 'tls' is to be a mapping; it is 'true'"),
    ("rule: Path(`/`), service: s, priorty: 1", "3: the router 'r' knows no 'priorty'; did you mean priority?"),
    ("rule: Path(`/`), service: s, priority: high", "3: 'priority' is to be a number; it is 'high'"),
    ("rule: Path(`/`), service: s, entryPoints: web", "3: 'entryPoints' is to be a list; it is 'web'"),
    ("rule: [a], service: s", "3: the rule is to be a text; it is a list"),
  ])
  func routers(_ members: String, _ expected: String) {
    let found = findings(router(members))
    #expect(found.count == 1 && found[0].hasPrefix("a.yaml:\(expected)"), "\(found)")
  }

  @Test(arguments: [
    ("", "3: the service 's' has no servers"), ("loadBalancer: ", "3: the service 's' has no servers"),
    ("mirroring: {service: a}", "3: 'mirroring' in the service 's' is not supported; write loadBalancer"),
    ("failover: {service: a}", "3: 'failover' in the service 's' is not supported"),
    ("loadBalancer: {}", "3: 'servers' is missing in 'loadBalancer'"),
    ("loadBalancer: {servers: []}", "3: 'servers' is empty"), ("loadBalancer: {servers: [{}]}", "3: 'url' is missing"),
    ("loadBalancer: {servers: [{url: a}]}", "3: 'a' is no URL of http or https"),
    ("loadBalancer: {servers: [{url: 'h2c://a'}]}", "3: 'h2c://a' is h2c, which is not supported"),
    ("loadBalancer: {servers: [{url: 'http://a/b'}]}", "3: 'http://a/b' has more than a host and a port"),
    ("loadBalancer: {servers: [{url: 'http://a:b'}]}", "3: 'http://a:b' has no host and port"),
    ("loadBalancer: {servers: [{url: 'http://'}]}", "3: 'http://' has no host and port"),
    (
      "loadBalancer: {servers: [{url: 'http://a'}, {url: 'http://a:80'}]}",
      "3: the server http://a:80 is in this service"
    ),
    ("loadBalancer: {servers: [{url: 'http://a', weight: -1}]}", "3: 'weight' is to be a number from 0 to 65535"),
    ("loadBalancer: {servers: [{url: 'http://a'}], serversTransport: t}", "3: 'serversTransport' in 'loadBalancer'"),
    (
      "loadBalancer: {servers: [{url: 'http://a'}], strategy: p2c}", "3: 'strategy' knows no 'p2c'; it knows RoundRobin"
    ),
    ("loadBalancer: {servers: [{url: 'http://a'}], retries: 11}", "3: 'retries' is to be a number from 0 to 10"),
    (
      "loadBalancer: {servers: [{url: 'http://a'}], passHostHeader: 'true'}",
      "3: 'passHostHeader' is to be true or false"
    ),
    ("loadBalancer: {servers: [{url: 'http://a'}], sticky: {}}", "3: 'cookie' is missing in 'sticky'"),
    ("loadBalancer: {servers: [{url: 'http://a'}], sticky: {cookie: {sameSite: laxx}}}", "did you mean lax?"),
    (
      "loadBalancer: {servers: [{url: 'http://a'}], sticky: {cookie: {maxAge: 1}}}",
      "3: 'maxAge' in 'cookie' is not supp"
    ),
    ("loadBalancer: {servers: [{url: 'http://a'}], healthCheck: {}}", "3: 'path' is missing in 'healthCheck'"),
    ("loadBalancer: {servers: [{url: 'http://a'}], healthCheck: {path: h}}", "3: 'path' is to start with '/'"),
    (
      "loadBalancer: {servers: [{url: 'http://a'}], healthCheck: {path: /, interval: 5x}}",
      "3: 'interval' is to be a dur"
    ),
    ("loadBalancer: {servers: [{url: 'http://a'}], healthCheck: {path: /, timeout: 0}}", "3: 'timeout' is to be a dur"),
    (
      "loadBalancer: {servers: [{url: 'http://a'}], healthCheck: {path: /, headers: {a: \"b\\r\\nc\"}}}",
      "make no header"
    ),
    (
      "loadBalancer: {servers: [{url: 'http://a'}], proxyProtocol: {version: 3}}",
      "3: 'version' is to be a number from 1"
    ),
    ("loadBalancer: {servers: [{url: 'http://a'}], circuitBreaker: {failures: 0}}", "3: 'failures' is to be a number"),
    ("weighted: {services: [{name: s}]}", "3: the weighted service 's' refers to itself"),
    ("weighted: {services: []}", "3: 'services' is empty"),
    ("weighted: {services: [{name: t}]}", "3: there is no service"),
    ("weighted: {services: [{name: s}]}, loadBalancer: {}", "3: the service 's' has both"),
  ])
  func services(_ members: String, _ expected: String) {
    let found = findings(service(members))
    #expect(
      found.count == 1 && found[0].hasPrefix("a.yaml:3: ") && found[0].contains(expected.dropFirst(3)), "\(found)")
  }

  @Test(arguments: [
    (
      "entryPoints: {web: {address: ':80'}}", "1: 'entryPoints' in the file is not supported; it is of Traefik's static"
    ),
    ("tcp: {routers: {}}", "1: 'tcp' in the file is not supported; use a virtual service"),
    ("htpp: {}", "1: the file knows no 'htpp'; did you mean http?"),
    ("foo: {}", "1: the file knows no 'foo'; it knows http"),
    ("http:\n  middlewares: {}", "2: 'middlewares' in 'http' is not supported"),
    ("tls:\n  options: {}", "2: 'options' in 'tls' is not supported"),
    ("tls: {certificates: [{certFile: a}]}", "1: 'keyFile' is missing in a certificate"),
    ("- a", "1: a document is to be a mapping"), ("a: [", "2: this is no YAML: "),
    ("a: 1\na: 2", "1: this is no YAML: "),
    ("\n\n  http: {}\n c: d", "4: this is no YAML: "), ("", "1: there are no routes in the files"),
    ("[http.routers]\n[http.routers.a]\n", "1: TOML is not read; write the same in YAML"),
    ("? [a]\n: b", "1: a key is to be a text"),
  ])
  func files(_ text: String, _ expected: String) {
    let found = findings(text)
    #expect(found.count == 1 && found[0].hasPrefix("a.yaml:\(expected)"), "\(found)")
  }

  @Test(arguments: [
    ("traefik.io/v1alpha1", "IngressRouteTCP", "2: IngressRouteTCP is not supported; use a virtual service"),
    ("traefik.containo.us/v1alpha1", "IngressRouteUDP", "2: IngressRouteUDP is not supported"),
    ("traefik.io/v1alpha1", "Middleware", "2: Middleware is not supported"),
    ("traefik.io/v1alpha1", "TLSOption", "2: TLSOption is not supported"),
    ("traefik.io/v1alpha1", "IngresRoute", "2: there is no kind 'IngresRoute'; did you mean IngressRoute?"),
    ("traefik.io/v2", "IngressRoute", "1: 'traefik.io/v2' is not known; known is traefik.io/v1alpha1"),
    ("networking.k8s.io/v1", "Ingress", "2: Ingress is not supported; write its routes as an IngressRoute"),
    ("gateway.networking.k8s.io/v1", "HTTPRoute", "2: HTTPRoute is not supported"),
    ("traefik.io/v1alpha1", "IngressRoute", "2: 'metadata.name' is missing in this IngressRoute"),
  ])
  func kinds(_ version: String, _ kind: String, _ expected: String) {
    let found = findings("apiVersion: \(version)\nkind: \(kind)\n")
    #expect(found.count == 1 && found[0].hasPrefix("a.yaml:\(expected)"), "\(found)")
  }

  @Test(arguments: [
    ("[{name: a}]", "8: 'port' is missing in a service"), ("[{port: 80}]", "8: 'name' is missing in a service"),
    ("[]", "8: 'services' is empty"),
    ("[{name: a, port: http}]", "8: the port 'http' is a name, and the files have no"),
    ("[{name: a, port: 0}]", "8: a port is a number from 1 to 65535"),
    ("[{name: a, port: -1}]", "8: a port is a number"),
    ("[{name: a, port: 80, scheme: h2c}]", "8: the scheme h2c is not supported"),
    ("[{name: a, port: 80, serversTransport: t}]", "8: 'serversTransport' in a service is not supported"),
    ("[{name: a, port: 80, kind: Deployment}]", "8: 'kind' knows no 'Deployment'"),
    ("[{name: a, port: 80, wieght: 1}]", "8: a service knows no 'wieght'; did you mean weight?"),
    ("[{name: a, kind: TraefikService}]", "8: there is no service 'shop/a'"),
    ("[{name: a, kind: TraefikService, port: 80}]", "8: 'port' is not for a TraefikService"),
    ("[{name: api@internal, kind: TraefikService}]", "8: 'api@internal' is a service inside of Traefik"),
    ("[{name: a, port: 80}]\n    middlewares: [{name: m}]", "9: 'middlewares' in a route is not supported"),
    ("[{name: a, port: 80}]\n  tls: {certResolver: le}", "9: 'certResolver' in 'tls' is not supported"),
    ("[{name: a, port: 80}]\n  tls:", "9: 'tls' has no value"),
    ("[{name: a, port: 80}]\n  route: []", "9: 'spec' knows no 'route'; did you mean routes?"),
  ])
  func ingressRoutes(_ services: String, _ expected: String) {
    let found = findings(KubernetesTests.route(services))
    #expect(found.first?.hasPrefix("a.yaml:\(expected)") == true, "\(found)")
  }

  @Test(arguments: ["mirroring: {name: a}", "failover: {}", "", "weighted: "])
  func traefikServices(_ spec: String) {
    let found = findings(
      KubernetesTests.route("[{name: w, kind: TraefikService}]"),
      "apiVersion: traefik.io/v1alpha1\nkind: TraefikService\nmetadata: {name: w, namespace: shop}\nspec: {\(spec)}")
    #expect(found.count == 1 && found[0].hasPrefix("b.yaml:4: '"), "\(found)")
  }

  @Test func duplicatesNameBothPlaces() {
    let router = "http: {routers: {r: {rule: Path(`/`), service: s}}}"
    let service = "http: {services: {s: {loadBalancer: {servers: [{url: 'http://a'}]}}}}"
    #expect(
      findings(router, service, "\n\(router)", "\n\n\(service)") == [
        "c.yaml:2: the router 'r' is in a.yaml:1 already; give one of them another name",
        "d.yaml:3: the service 's' is in b.yaml:1 already; give one of them another name",
      ])
    let route = KubernetesTests.route("[{name: a, port: 80}]")
    #expect(
      findings(route, route)
        == ["b.yaml:2: the IngressRoute shop/r is in a.yaml:2 already; give one of them another name"])
    let object = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n"
    #expect(
      findings(object, object, route) == ["b.yaml:2: the Service default/a is in a.yaml:2 already; keep one of them"])
  }

  @Test func allFindingsAreToldInOrder() {
    let found = findings(
      "http:\n  routers:\n    a: {rule: X(`/`), service: s}\n    b: {rule: Path(`/`), service: s, x: 1}",
      KubernetesTests.route("[{name: a}]"))
    #expect(found.map { String($0.prefix(9)) } == ["a.yaml:3:", "a.yaml:4:", "a.yaml:4:", "b.yaml:8:"])
  }

  /// What the others lack may stand in the file that could not be read.
  @Test func brokenFilesAreToldAlone() {
    let route = KubernetesTests.route(
      "[{name: a, port: http}, {name: w, kind: TraefikService}]", tls: "  tls: {secretName: s}")
    let found = findings(route, "a: [")
    #expect(found.count == 1 && found[0].hasPrefix("b.yaml:2: this is no YAML"), "\(found)")
  }

  @Test func circlesAreFound() {
    let found = findings(
      """
      http:
        routers: {r: {rule: Path(`/`), service: a}}
        services:
          a: {weighted: {services: [{name: b}]}}
          b: {weighted: {services: [{name: c}, {name: a}]}}
          c: {loadBalancer: {servers: [{url: http://c}]}}
      """)
    #expect(
      found.map { String($0.prefix(40)) } == [
        "a.yaml:4: the weighted service 'a' refer", "a.yaml:5: the weighted service 'b' refer",
      ])
  }

  @Test func findingsAreNotWithoutEnd() {
    let routers = (0..<1_000).map { "    r\($0): {rule: X(`a`), service: s}" }.joined(separator: "\n")
    #expect(findings("http:\n  routers:\n\(routers)").count == IngressConfigurationError.limit)
  }

  /// Nine levels of ten make a billion values.
  @Test func aliasesOfAliasesAreBounded() {
    let levels = (1...9).map {
      "l\($0): &l\($0) [\(Array(repeating: "*l\($0 - 1)", count: 10).joined(separator: ", "))]"
    }
    let found = findings("l0: &l0 [a]\n" + levels.joined(separator: "\n"))
    #expect(found.count == 1 && found[0].contains("too many values"), "\(found)")
  }

  @Test(arguments: ["[", "{a: ", "- ", "? "])
  func nestingIsBounded(_ opening: String) {
    #expect(!findings(String(repeating: opening, count: 20_000)).isEmpty)
    #expect(!findings("http: " + String(repeating: "[", count: 500) + String(repeating: "]", count: 500)).isEmpty)
  }
}
