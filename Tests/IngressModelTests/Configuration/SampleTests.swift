import Testing

@testable import IngressModel

@Suite struct SampleTests {
  /// A file as somebody uses it in a cluster.
  static let sample =
    "\(#filePath)".split(separator: "/").dropLast(2).reduce("") { "\($0)/\($1)" }
    + "/Samples/ingressroute.yaml"

  @Test func readsAFileAsItStands() throws {
    let made = try IngressConfiguration.read(files: [Self.sample])
    #expect(
      made.routers.map(\.rule.text) == [
        "Host(`traefik.test.com`)", "Host(`locust.test.com`)", "Host(`sample-webapp.test.com`)",
      ])
    #expect(made.routers.allSatisfy { $0.entryPoints == ["web"] && !$0.isTLS })
    #expect(made.routers.map(\.name) == (1...3).map { "ingress-traefik/traefik-dashboard-route#\($0)" })
    #expect(made.routers.map(\.source) == [10, 15, 20].map { SourcePlace(file: Self.sample, line: $0) })
    #expect(
      made.routers.map(\.service) == [
        "ingress-traefik/traefik:8080", "ingress-traefik/locust-master:8089", "ingress-traefik/sample-webapp:8000",
      ])
    #expect(
      made.services["ingress-traefik/locust-master:8089"]?.members
        == .servers([Server(host: "locust-master.ingress-traefik.svc.cluster.local", port: 8089)]))
    #expect(made.notes.isEmpty)
    let table = RoutingTable(made.routers, entryPoint: "web", isTLS: false)
    #expect(table.router(for: StubRequest(host: "locust.test.com"))?.service == "ingress-traefik/locust-master:8089")
    #expect(table.router(for: StubRequest(host: "other.test.com")) == nil)
  }

  @Test func overridesSayWhereServersAre() throws {
    let made = try IngressConfiguration.read(
      files: [Self.sample],
      overrides: [
        BackendOverride(parsing: "locust-master:8089=127.0.0.1:9001,[::1]:9002"),
        BackendOverride(parsing: "ingress-traefik/traefik:8080=localhost:9003"),
        BackendOverride(parsing: "traefik:8080=never:1"), BackendOverride(parsing: "other/sample-webapp:8000=never:1"),
      ], domain: "example.org.")
    #expect(
      made.services["ingress-traefik/locust-master:8089"]?.members
        == .servers([Server(host: "127.0.0.1", port: 9001), Server(host: "::1", port: 9002)]))
    #expect(made.services["ingress-traefik/traefik:8080"]?.members == .servers([Server(host: "localhost", port: 9003)]))
    #expect(
      made.services["ingress-traefik/sample-webapp:8000"]?.members
        == .servers([Server(host: "sample-webapp.ingress-traefik.svc.example.org", port: 8000)]))
    #expect(
      made.notes.map(\.description) == [
        "--backend traefik:8080: no route of the files refers to this service",
        "--backend other/sample-webapp:8000: no route of the files refers to this service",
      ])
  }

  @Test func saysWhichFilesCannotBeRead() {
    let error = #expect(throws: IngressConfigurationError.self) {
      try IngressConfiguration.read(files: [Self.sample, "/nonexistent/a.yaml", "/"])
    }
    #expect(
      error?.findings.map(\.description) == [
        "cannot read '/nonexistent/a.yaml': No such file or directory", "cannot read '/': Is a directory",
      ])
  }

  @Test(arguments: [
    ("", "'=' is missing"), ("a:80", "'=' is missing"), ("a=b:80", "port is missing"), ("a:80=", "no HOST:PORT"),
    ("a:80=b", "no HOST:PORT"), ("a:80=b:0", "no HOST:PORT"), ("a:80=b:65536", "no HOST:PORT"),
    ("a:80=b:1,", "no HOST:PORT"), ("/a:80=b:1", "not complete"), ("n/:80=b:1", "not complete"),
    ("n/m/a:80=b:1", "not complete"), ("a:=b:1", "not complete"), ("a:80=[b]:1", "no HOST:PORT"),
    ("a:80=::1:1,b c:1", "no HOST:PORT"),
  ])
  func refusesOverrides(_ text: String, _ part: String) {
    let error = #expect(throws: BackendOverrideError.self) { try BackendOverride(parsing: text) }
    #expect(error?.description.contains(part) == true)
    #expect(error?.description.hasSuffix("write [NAMESPACE/]NAME:PORT=HOST:PORT[,HOST:PORT...]") == true)
  }
}
