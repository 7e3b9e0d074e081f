import Ingress

/// A client of HTTP/2, and the proxy with the server that it asks.
struct Chain {
  let server: ScriptedServer
  let world: World
  let client: HTTP2Client

  init(rule: String = "PathPrefix(`/`)", _ script: @escaping @Sendable (ScriptedServer.Peer) -> Void) async throws {
    try await self.init(try ScriptedServer(script), rule: rule)
  }

  /// - Parameters:
  ///   - more: of the service.
  ///   - window: see ``HTTP2Client``.
  init(
    _ server: ScriptedServer, rule: String = "PathPrefix(`/`)", _ more: String = "",
    settings: ProxySettings = ProxySettings(), log: LogPipe? = nil, window: Int? = nil
  ) async throws {
    self.server = server
    let certificate = try TestCertificate("web.test")
    world = try await World(
      World.secure([server], [certificate], rule: rule, more), [server], settings: settings, point: World.securePoint,
      log: log)
    client = try await HTTP2Client(world.port, window: window)
  }

  func end() async {
    await client.close()
    await world.stop()
    server.stop()
  }
}
