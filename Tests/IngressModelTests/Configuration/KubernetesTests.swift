import Testing

@testable import IngressModel

@Suite struct KubernetesTests {
  /// An IngressRoute with one route to these services.
  static func route(_ services: String, tls: String = "", group: String = "traefik.io") -> String {
    """
    apiVersion: \(group)/v1alpha1
    kind: IngressRoute
    metadata: {name: r, namespace: shop}
    spec:
      routes:
      - match: Host(`a`)
        kind: Rule
        services: \(services)
    \(tls)
    """
  }

  private func servers(_ name: String, _ texts: String...) throws -> BackendService.Members? {
    let named = texts.enumerated().map { ConfigurationText(name: "\($0).yaml", text: $1) }
    return try IngressConfiguration.read(texts: named).services[name]?.members
  }

  @Test(arguments: ["traefik.io", "traefik.containo.us"])
  func readsAllOptions(_ group: String) throws {
    let made = try configuration(
      Self.route(
        """

            - name: web
              namespace: other
              port: 443
              passHostHeader: false
              responseForwarding: {flushInterval: 1ms}
              strategy: LeastConnections
              retries: 3
              circuitBreaker: {failures: 2, pause: 1m30s}
              proxyProtocol: {version: 1}
              sticky: {cookie: {name: "my cookie", secure: true, httpOnly: true, sameSite: Lax}}
              healthCheck: {path: /health, interval: 5s, timeout: 500ms, status: 204}
        """, group: group))
    let service = try #require(made.services["other/web:443"])
    #expect(service.members == .servers([Server(scheme: .https, host: "web.other.svc.cluster.local", port: 443)]))
    #expect(!service.passesHostHeader && service.strategy == .leastConnections && service.retries == 3)
    #expect(service.breaker == CircuitBreaker(failures: 2, pause: .seconds(90)))
    #expect(service.proxyProtocol == .v1)
    var cookie = StickyCookie(name: "my_cookie")
    (cookie.isSecure, cookie.isHTTPOnly, cookie.sameSite) = (true, true, .lax)
    #expect(service.sticky == cookie)
    var check = HealthCheck(path: "/health")
    (check.interval, check.timeout, check.status) = (.seconds(5), .milliseconds(500), 204)
    #expect(service.healthCheck == check)
  }

  @Test func severalServicesAreWeighted() throws {
    let made = try configuration(Self.route("[{name: a, port: 80, weight: 3}, {name: b, port: 81}]"))
    #expect(made.routers.map(\.service) == ["shop/r#1"])
    #expect(
      made.services["shop/r#1"]?.members
        == .services([.init(name: "shop/a:80", weight: 3), .init(name: "shop/b:81")]))
    #expect(made.services.count == 3)
  }

  @Test func routesShareAServiceOfTheSameOptions() throws {
    let made = try configuration(
      """
      kind: IngressRoute
      apiVersion: traefik.io/v1alpha1
      metadata: {name: r}
      spec:
        routes:
        - {match: Host(`a`), services: [{name: s, port: 80}]}
        - {match: Host(`b`), services: [{name: s, port: 80, sticky: {cookie: {}}}]}
        - {match: Host(`c`), services: [{name: s, port: 80}]}
      """)
    #expect(made.routers.map(\.service) == ["default/s:80", "default/s:80#2", "default/s:80"])
    #expect(made.services["default/s:80#2"]?.sticky?.name == StickyCookieName.standard(service: "default/s:80"))
  }

  @Test func weightedTraefikService() throws {
    let made = try configuration(
      Self.route("[{name: w, kind: TraefikService}]") + """

        ---
        apiVersion: traefik.io/v1alpha1
        kind: TraefikService
        metadata: {name: w, namespace: shop}
        spec:
          weighted:
            sticky: {cookie: {name: c}}
            services: [{name: a, port: 80, weight: 2}, {name: w2, kind: TraefikService, weight: 0}]
        ---
        apiVersion: traefik.io/v1alpha1
        kind: TraefikService
        metadata: {name: w2, namespace: shop}
        spec: {weighted: {services: [{name: b, port: 80}]}}
        """)
    #expect(made.routers.first?.service == "shop/w")
    #expect(
      made.services["shop/w"]?.members
        == .services([.init(name: "shop/a:80", weight: 2), .init(name: "shop/w2", weight: 0)]))
    #expect(made.services["shop/w"]?.sticky == StickyCookie(name: "c"))
  }

  @Test func endpointsTellWhereServersAre() throws {
    let service = """
      apiVersion: v1
      kind: Service
      metadata: {name: web, namespace: shop}
      spec:
        clusterIP: 10.96.0.9
        ports: [{name: http, port: 80, targetPort: 8080}, {name: dns, port: 53, protocol: UDP}]
      """
    let slice = """
      apiVersion: discovery.k8s.io/v1
      kind: EndpointSlice
      metadata: {name: web-x, namespace: shop, labels: {kubernetes.io/service-name: web}}
      addressType: IPv4
      endpoints:
      - {addresses: [10.1.0.1], conditions: {ready: true}}
      - {addresses: [10.1.0.2], conditions: {ready: false}}
      - {addresses: ["2001:db8::3"]}
      ports: [{name: metrics, port: 9}, {name: http, port: 8080}]
      """
    let endpoints = """
      apiVersion: v1
      kind: Endpoints
      metadata: {name: web, namespace: shop}
      subsets:
      - addresses: [{ip: 10.2.0.1}]
        notReadyAddresses: [{ip: 10.2.0.2}]
        ports: [{name: http, port: 8081}]
      """
    let slices = BackendService.Members.servers([
      Server(host: "10.1.0.1", port: 8080), Server(host: "2001:db8::3", port: 8080),
    ])
    let route = Self.route("[{name: web, port: 80}]")
    #expect(try servers("shop/web:80", route, service, slice, endpoints) == slices)
    #expect(try servers("shop/web:80", "\(slice)\n---\n\(service)", route) == slices)
    #expect(try servers("shop/web:http", service, slice, Self.route("[{name: web, port: http}]")) == slices)
    #expect(try servers("shop/web:80", route, service, endpoints) == .servers([Server(host: "10.2.0.1", port: 8081)]))
    #expect(try servers("shop/web:80", route, service) == .servers([Server(host: "10.96.0.9", port: 80)]))
    #expect(
      try servers("shop/web:80", service, endpoints, Self.route("[{name: web, port: 80, nativeLB: true}]"))
        == .servers([Server(host: "10.96.0.9", port: 80)]))
    #expect(try servers("shop/web:80", endpoints, route) == .servers([Server(host: "10.2.0.1", port: 8081)]))
    #expect(
      findings(service, Self.route("[{name: web, port: 81}]"))
        == ["b.yaml:8: the Service shop/web in a.yaml:2 has no port 81; it has http (80)"])
  }

  @Test func externalName() throws {
    let service = """
      apiVersion: v1
      kind: Service
      metadata: {name: web, namespace: shop}
      spec: {type: ExternalName, externalName: api.example.com}
      """
    #expect(
      try servers("shop/web:443", service, Self.route("[{name: web, port: 443}]"))
        == .servers([Server(scheme: .https, host: "api.example.com", port: 443)]))
    #expect(
      try servers("shop/web:443", service, Self.route("[{name: web, port: 443, scheme: http}]"))
        == .servers([Server(host: "api.example.com", port: 443)]))
  }

  @Test func otherObjectsArePassedOver() throws {
    let made = try configuration(
      """
      apiVersion: v1
      kind: List
      items:
      - {apiVersion: apps/v1, kind: Deployment, metadata: {name: d}, spec: {replicas: 3}}
      - {apiVersion: v1, kind: ConfigMap, data: {a: b}}
      - {apiVersion: traefik.io/v1alpha1, kind: IngressRoute, metadata: {name: r}, spec: {routes: [
          {match: PathPrefix(`/`), services: [{name: s, port: 80}]}]}}
      ---
      ---
      apiVersion: apiextensions.k8s.io/v1
      kind: CustomResourceDefinition
      """)
    #expect(made.routers.map(\.name) == ["default/r#1"])
  }

  @Test func secretsGiveCertificates() throws {
    let secret = """
      apiVersion: v1
      kind: Secret
      type: kubernetes.io/tls
      metadata: {name: cert, namespace: shop}
      data:
        tls.crt: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg==
        tls.key: LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0tCg==
      """
    let route = Self.route("[{name: a, port: 80}]", tls: "  tls: {secretName: cert}")
    let made = try configuration(route, secret)
    #expect(made.routers.map(\.isTLS) == [true])
    #expect(
      made.certificates == [
        CertificateFiles(
          certificate: "-----BEGIN CERTIFICATE-----\n", key: "-----BEGIN PRIVATE KEY-----\n", isInline: true)
      ])
    #expect(findings(route).first?.hasPrefix("a.yaml:9: the Secret shop/cert is not in the files") == true)
    #expect(
      findings(route, secret.replacing("LS0tLS1CRUdJTiBD", with: "----"))
        == ["b.yaml:6: the Secret shop/cert has no PEM text in Base64 as 'tls.crt' of its data"])
    #expect(
      findings(route, secret.replacing("kubernetes.io/tls", with: "Opaque"))
        == ["b.yaml:2: the Secret shop/cert is of type 'Opaque'; routes need kubernetes.io/tls"])
  }
}
