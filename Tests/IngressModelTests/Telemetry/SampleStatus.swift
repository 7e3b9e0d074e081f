@testable import IngressModel

/// A status with all there can be in one, and names that would break a careless writer.
enum SampleStatus {
  static let hostile = "</script><img src=x onerror=alert(1)> \"q\" \\ \u{1b}[31m\n\u{2028}é"

  static func make() throws -> IngressStatus {
    let services: [BackendService] = [
      .servers([3, 1, 1, 0], named: "shop@file") {
        $0.healthCheck = HealthCheck(path: "/health")
        $0.sticky = StickyCookie(name: "stick")
        $0.breaker = CircuitBreaker(failures: 2, pause: .seconds(10))
      },
      .servers([1, 1, 1], named: "api@file") {
        $0.strategy = .leastConnections
        $0.breaker = CircuitBreaker(failures: 2, pause: .seconds(10))
      },
      .servers([1], named: hostile) {
        $0.strategy = .sourceHash
        $0.healthCheck = HealthCheck(path: "/")
      },
      .parts([WeightedService(name: "shop@file", weight: 9), WeightedService(name: hostile)], named: "canary@file"),
    ]
    let pools = try ServicePools(services)
    let routers = [
      try router("shop", "Host(`shop.example.com`) && PathPrefix(`/`)", service: "canary@file", isTLS: true),
      try router(
        "api", "Host(`api.example.com`) && (PathPrefix(`/v1`) || Headers(`X-Version`, `1`))", service: "api@file"),
      try router("odd " + hostile, "Path(`/\(hostile)`)", service: hostile),
    ]
    let telemetry = IngressTelemetry(
      entryPoints: [
        EntryPointDescription(name: "web", address: "[::]:80"),
        EntryPointDescription(name: "websecure", address: "[::]:443", isTLS: true),
      ], routers: routers)

    let earlier = status(routers, pools, telemetry, second: 100)
    drive(pools, telemetry)
    return status(routers, pools, telemetry, second: 105).rated(since: earlier)
  }

  private static func router(
    _ name: String, _ rule: String, service: String, isTLS: Bool = false
  ) throws -> Router {
    Router(
      name: name, entryPoints: isTLS ? ["websecure"] : [], rule: try Rule(rule), service: service, isTLS: isTLS,
      source: BackendService.place)
  }

  private static func status(
    _ routers: [Router], _ pools: ServicePools, _ telemetry: IngressTelemetry, second: Double
  ) -> IngressStatus {
    var process = ProcessStatus(version: "1.0.0", started: WallTime(seconds: 1_790_000_000))
    process.reloads = 3
    process.failedReloads = 1
    process.reloadError = "ingress.yaml:12: router 'x' names service 'y', which is not defined"
    return IngressStatus(
      process: process, routers: routers, pools: pools, telemetry: telemetry,
      time: WallTime(seconds: 1_790_000_000 + Int(second), nanoseconds: 5_000_000), at: .second(second))
  }

  /// Requests whose number and durations differ from server to server, between seconds 100 and 105.
  private static func drive(_ pools: ServicePools, _ telemetry: IngressTelemetry) {
    for pool in pools.all {
      for (index, server) in pool.servers.enumerated() {
        for number in 0..<(40 >> index) {
          let begun = Moment.second(100)
          let outcome =
            number == 7
            ? RequestOutcome(failure: .reset) : RequestOutcome(status: 200 + number % 2 * 104, bytesSent: 512)
          let end = Moment(nanoseconds: begun.nanoseconds + UInt64(number + 1) * 900_000)
          server.finish(server.begin(at: begun), outcome, at: end)
          for router in ["shop", "api"] {
            telemetry.router(router)?.record(outcome, nanoseconds: end.since(begun))
          }
          telemetry.entryPoint("web")?.requestCame()
        }
        _ = server.begin(isRetry: true, at: .second(104))
      }
    }
    for (name, count) in [("web", 5), ("websecure", 2)] {
      for _ in 0..<count { telemetry.entryPoint(name)?.connectionOpened() }
      telemetry.entryPoint(name)?.connectionClosed()
    }
    telemetry.entryPoint("web")?.refused(.noRoute)
    telemetry.entryPoint("websecure")?.refused(.tlsHandshake)
    guard let shop = pools["shop@file"]?.servers, let api = pools["api@file"]?.servers else { return }
    shop[0].record(.status(200), at: .second(101))
    shop[1].record(.failed("connection refused"), at: .second(102))
    shop[3].record(.status(204), at: .second(101))
    for _ in 0..<2 {
      api[1].finish(api[1].begin(at: .second(104)), RequestOutcome(failure: .connect), at: .second(104))
      api[2].finish(api[2].begin(at: .second(90)), RequestOutcome(failure: .connect), at: .second(90))
    }
    _ = api[2].admit(at: .second(104))
  }
}
