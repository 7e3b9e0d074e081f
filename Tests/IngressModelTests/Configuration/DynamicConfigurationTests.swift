import Testing

@testable import IngressModel

@Suite struct DynamicConfigurationTests {
  @Test func readsAllOptions() throws {
    let made = try configuration(
      """
      http:
        routers:
          to-app:
            rule: "Host(`example.com`) && PathPrefix(`/app`)"
            entryPoints: [web, websecure]
            priority: 7
            service: app@file
            tls: {}
          rest: {rule: PathPrefix(`/`), service: split, priority: 0}
        services:
          app:
            loadBalancer:
              servers:
              - url: http://10.0.0.1:8080
              - {url: "https://[2001:db8::1]/", weight: 3}
              - url: http://web.internal
              sticky: {cookie: {}}
              passHostHeader: false
              strategy: SourceHash
              retries: 0
              proxyProtocol: {}
              healthCheck:
                path: /health?full=1
                scheme: https
                port: 9000
                hostname: example.org
                interval: 10
                timeout: "3s"
                method: head
                headers: {X-Probe: "yes"}
          split:
            weighted:
              services: [{name: app, weight: 9}, {name: other}]
              sticky: {cookie: {name: s}}
          other: {loadBalancer: {servers: [{url: "http://10.0.0.3:80"}]}}
      tls:
        certificates:
        - {certFile: /etc/a.crt, keyFile: /etc/a.key}
      """)
    #expect(made.routers.map(\.name) == ["to-app", "rest"])
    #expect(made.routers.map(\.priority) == [7, 15])
    #expect(made.routers.map(\.isTLS) == [true, false])
    #expect(made.routers.map(\.entryPoints) == [["web", "websecure"], []])
    #expect(made.routers.map(\.service) == ["app", "split"])
    #expect(made.certificates == [CertificateFiles(certificate: "/etc/a.crt", key: "/etc/a.key")])
    let app = try #require(made.services["app"])
    #expect(
      app.members
        == .servers([
          Server(host: "10.0.0.1", port: 8080), Server(scheme: .https, host: "2001:db8::1", port: 443, weight: 3),
          Server(host: "web.internal", port: 80),
        ]))
    #expect(app.sticky == StickyCookie(name: StickyCookieName.standard(service: "app")))
    #expect(!app.passesHostHeader && app.strategy == .sourceHash && app.retries == 0 && app.proxyProtocol == .v2)
    var check = HealthCheck(path: "/health?full=1")
    (check.scheme, check.port, check.hostname, check.method) = (.https, 9000, "example.org", "HEAD")
    (check.interval, check.timeout, check.headers) = (.seconds(10), .seconds(3), ["X-Probe": "yes"])
    #expect(app.healthCheck == check)
    #expect(app.source == SourcePlace(file: "a.yaml", line: 11))
    #expect(made.services["split"]?.members == .services([.init(name: "app", weight: 9), .init(name: "other")]))
    #expect(made.services["split"]?.sticky == StickyCookie(name: "s"))
  }

  @Test func severalFilesAreOneConfiguration() throws {
    let made = try configuration(
      "http: {routers: {a: {rule: Path(`/`), service: s}}}",
      "http: {services: {s: {loadBalancer: {servers: [{url: 'http://a'}]}}}}",
      KubernetesTests.route("[{name: s, port: 80}]"))
    #expect(made.routers.map(\.name) == ["a", "shop/r#1"])
    #expect(made.services.keys.sorted() == ["s", "shop/s:80"])
  }

  @Test func anchorsAndMergeKeys() throws {
    let made = try configuration(
      """
      http:
        services:
          a: &a
            loadBalancer: &lb {passHostHeader: false, retries: 4, servers: [{url: http://a}]}
          b: {loadBalancer: {<<: *lb, retries: 5}}
          c: *a
        routers: {r: {rule: Path(`/`), service: c}}
      """)
    #expect(["a", "b", "c"].map { made.services[$0]?.retries } == [4, 5, 4])
    #expect(made.services.values.allSatisfy { !$0.passesHostHeader })
  }

  /// Names from outside: what `printf _TRAEFIK_BACKEND_NAME | sha1sum` says.
  @Test func cookieNames() {
    func hex(_ bytes: [UInt8]) -> String { bytes.map { String($0 + 0, radix: 16) }.joined(separator: " ") }
    #expect(
      hex(SHA1.digest(Array("abc".utf8)))
        == "a9 99 3e 36 47 6 81 6a ba 3e 25 71 78 50 c2 6c 9c d0 d8 9d")
    #expect(SHA1.digest(Array(repeating: 97, count: 1_000_000)).prefix(4) == [0x34, 0xaa, 0x97, 0x3c])
    #expect(StickyCookieName.standard(service: "app") == "_601e0")
    #expect(StickyCookieName.allowed("a b;c=ä\"!#~") == "a_b_c___!#~")
  }

  @Test(arguments: [
    ("10", Duration.seconds(10)), ("0", .zero), ("10s", .seconds(10)), ("1m30s", .seconds(90)),
    ("1.5h", .seconds(5_400)),
    ("300ms", .milliseconds(300)), ("2us", .microseconds(2)), ("2µs", .microseconds(2)), ("7ns", .nanoseconds(7)),
    ("1.s", .seconds(1)), (".5s", .milliseconds(500)), ("", nil), ("s", nil), ("10x", nil), ("1s2", nil), ("-1s", nil),
    (".", nil), ("-5", nil), ("99999999999999999999", nil), ("9999999999h", nil), ("1..5s", nil), ("1e3s", nil),
  ])
  func durations(_ text: String, _ expected: Duration?) {
    #expect(GoDuration.parse(text) == expected)
  }

  @Test func base64() {
    #expect(Base64.decode("Zm9v\nYmE=") == Array("fooba".utf8))
    #expect(Base64.decode("Zm9vYg==") == Array("foob".utf8))
    #expect(Base64.decode("") == [])
    for text in ["Z", "Zm9v=YmE", "Zm9vYg", "Zm9vYg===", "Zm-_", "Zm9vY==="] { #expect(Base64.decode(text) == nil) }
  }
}
