import Ingress
import IngressModel
import Testing

@Suite struct ProxyTests {
  /// Names a server, and answers as long as it is asked.
  private func server(_ name: String) throws -> ScriptedServer {
    try ScriptedServer { peer in while peer.head() != nil { peer.answer(name) } }
  }

  private func ask(_ port: UInt16, _ more: String = "", path: String = "/") throws -> (head: String, body: String) {
    let wire = try Wire(port)
    wire.send("GET \(path) HTTP/1.1\r\nHost: web.test\r\n\(more)\r\n")
    return wire.answer()
  }

  @Test func requestsGoOnAsTheyShould() async throws {
    let server = try ScriptedServer { peer in while let head = peer.head() { peer.answer(head) } }
    let world = try await World(World.everything([server]), [server])
    let seen = try ask(
      world.port,
      "Connection: close, X-Gone\r\nX-Gone: 1\r\nX-Stays: 2\r\nX-Forwarded-For: 192.0.2.9\r\nForwarded: for=1\r\n"
        + "Keep-Alive: 5\r\nTE: trailers\r\nCookie: a=b\r\n", path: "/a%62c?q=%31")
    let lines = Set(seen.body.split(separator: "\r\n").map(String.init))
    #expect(seen.head.hasPrefix("HTTP/1.1 200 OK\r\n") && seen.head.contains("Connection: close\r\n"))
    #expect(
      lines == [
        "GET /abc?q=%31 HTTP/1.1", "Host: web.test", "X-Stays: 2", "Cookie: a=b", "X-Forwarded-For: 127.0.0.1",
        "X-Real-Ip: 127.0.0.1", "X-Forwarded-Host: web.test", "X-Forwarded-Port: \(world.port)",
        "X-Forwarded-Proto: http",
      ])
    await world.stop()
    server.stop()
  }

  @Test func connectionsAreKeptOnBothSides() async throws {
    let server = try server("one")
    let world = try await World(World.everything([server]), [server])
    let wire = try Wire(world.port)
    for _ in 0..<20 {
      wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(wire.answer().body == "one")
    }
    // Several at once are answered one after the other.
    wire.send(String(repeating: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", count: 5))
    for _ in 0..<5 { #expect(wire.answer().body == "one") }
    #expect(server.connections == 1)
    await world.stop()
    server.stop()
  }

  @Test(arguments: [
    ("GET / HTTP/1.1\r\n\r\n", 400), ("GET / HTTP/1.1\nHost: a\n\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    ("GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505),
  ]) func whatIsOpenToDisputeIsRefused(_ text: String, _ status: Int) async throws {
    // Nothing of a second request, hidden in the first, is to reach a server.
    let server = try ScriptedServer { peer in
      while let head = peer.head() { peer.answer(head.hasPrefix("GET /evil") ? "evil" : "ok") }
    }
    let world = try await World(World.everything([server]), [server])
    let wire = try Wire(world.port)
    wire.send(text + "GET /evil HTTP/1.1\r\nHost: a\r\n\r\n")
    let all = wire.rest()
    #expect(all.hasPrefix("HTTP/1.1 \(status) ") && !all.contains("evil"), "\(all)")
    #expect(all.contains("Connection: close"))
    await world.stop()
    server.stop()
  }

  @Test func bodiesPassInBothDirections() async throws {
    let server = try ScriptedServer { peer in
      while let head = peer.head() {
        if head.contains("chunked") {
          var text = ""
          while !text.hasSuffix("0\r\n\r\n") { text += String(decoding: peer.read(1), as: UTF8.self) }
          peer.send(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nT: 1\r\n\r\n")
        } else {
          let body = peer.read(200_000)
          peer.answer(String(decoding: body, as: UTF8.self))
        }
      }
    }
    let world = try await World(World.everything([server]), [server])
    let wire = try Wire(world.port)
    wire.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nTrailer: x\r\n\r\n")
    let head = wire.answer().head
    #expect(head.contains("Transfer-Encoding: chunked\r\n"))
    let large = String(repeating: "0123456789", count: 20_000)
    let other = try Wire(world.port)
    other.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n" + large)
    #expect(other.answer().body == large)
    await world.stop()
    server.stop()
  }

  /// A client of HTTP/1.0 knows no chunks: the end of the connection is the end of the body.
  @Test func oldClientsGetNoChunks() async throws {
    let server = try ScriptedServer { peer in
      while peer.head() != nil {
        peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
      }
    }
    let world = try await World(World.everything([server]), [server])
    let wire = try Wire(world.port)
    wire.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n")
    let all = wire.rest()
    #expect(all.hasSuffix("\r\n\r\nhello") && !all.lowercased().contains("transfer-encoding"))
    await world.stop()
    server.stop()
  }

  @Test func anotherServerIsAskedWhereOneBreaks() async throws {
    let broken = try ScriptedServer { peer in
      _ = peer.head()
      peer.reset()
    }
    let well = try server("well")
    let world = try await World(World.everything([broken, well]), [broken, well])
    for _ in 0..<6 { #expect(try ask(world.port).body == "well") }
    #expect(broken.connections > 0)
    // What may not be sent twice is not.
    var statuses: Set<String> = []
    for _ in 0..<4 {
      let wire = try Wire(world.port)
      wire.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
      statuses.insert(String(wire.answer().head.prefix(12)))
    }
    #expect(statuses == ["HTTP/1.1 200", "HTTP/1.1 502"])
    await world.stop()
    for server in [broken, well] { server.stop() }
  }

  /// An answer that breaks off must not look whole.
  @Test func answersThatBreakOffAreBrokenOff() async throws {
    let server = try ScriptedServer { peer in
      _ = peer.head()
      peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    }
    let world = try await World(World.everything([server]), [server])
    let wire = try Wire(world.port)
    wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    let all = wire.rest()
    #expect(all.contains("Content-Length: 100") && all.hasSuffix("half"))
    await world.stop()
    server.stop()
  }

  @Test(arguments: [
    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "hello\r\n\r\n", "HTTP/1.1 200 OK\nA: b\n\n",
  ])
  func brokenAnswersAreBadGateways(_ text: String) async throws {
    let server = try ScriptedServer { peer in if peer.head() != nil { peer.send(text) } }
    let world = try await World(World.everything([server], "retries: 0"), [server])
    #expect(try ask(world.port).head.hasPrefix("HTTP/1.1 502 "))
    await world.stop()
    server.stop()
  }

  @Test func cookiesKeepTheirServerAcrossRestarts() async throws {
    let servers = [try server("a"), try server("b"), try server("c")]
    let yaml = World.everything(
      servers, "sticky: { cookie: { name: stick, httpOnly: true, secure: true, sameSite: lax } }")
    var world = try await World(yaml, servers)
    let first = try ask(world.port)
    let line = try #require(first.head.split(separator: "\r\n").first { $0.hasPrefix("Set-Cookie: ") })
    #expect(line.contains("; HttpOnly") && line.contains("; Secure") && line.contains("; SameSite=Lax"))
    let cookie = line.dropFirst("Set-Cookie: ".count).prefix { $0 != ";" }
    for _ in 0..<6 {
      let again = try ask(world.port, "Cookie: x=y; \(cookie)\r\n")
      #expect(again.body == first.body && !again.head.contains("Set-Cookie"))
    }
    await world.stop()
    world = try await World(yaml, servers)
    for _ in 0..<6 { #expect(try ask(world.port, "Cookie: \(cookie)\r\n").body == first.body) }
    // A forged one is nobody's.
    #expect(try ask(world.port, "Cookie: stick=forged\r\n").head.contains("Set-Cookie: stick="))
    await world.stop()
    for server in servers { server.stop() }
  }

  /// WebSocket and others: after 101 the bytes are theirs.
  @Test func upgradesBecomeTunnels() async throws {
    let server = try ScriptedServer { peer in
      guard let head = peer.head(), head.contains("Upgrade: echo\r\n"), head.contains("Connection: upgrade\r\n") else {
        return peer.answer("no", status: "400 Bad Request")
      }
      peer.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nwelcome")
      let bytes = peer.read(5)
      peer.send(String(decoding: bytes.reversed(), as: UTF8.self))
    }
    let world = try await World(World.everything([server]), [server])
    let wire = try Wire(world.port)
    wire.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhello")
    let all = wire.rest()
    #expect(all.hasPrefix("HTTP/1.1 101 ") && all.hasSuffix("welcomeolleh"), "\(all)")
    await world.stop()
    server.stop()
  }

  @Test func slowHeadsAndSilentServersTimeOut() async throws {
    let server = try ScriptedServer { peer in
      while peer.head() != nil {}
    }
    var settings = ProxySettings()
    settings.headTimeout = .milliseconds(200)
    settings.answerTimeout = .milliseconds(200)
    let world = try await World(World.everything([server], "retries: 0"), [server], settings: settings)
    let slow = try Wire(world.port)
    slow.send("GET / HTTP/1.1\r\nHo")
    #expect(slow.rest().hasPrefix("HTTP/1.1 408 "))
    #expect(try ask(world.port).head.hasPrefix("HTTP/1.1 504 "))
    await world.stop()
    server.stop()
  }

  @Test func theProxyHeaderTellsTheClient() async throws {
    let server = try ScriptedServer { peer in while let head = peer.head() { peer.answer(head) } }
    var point = EntryPoint(name: "web", host: "127.0.0.1", port: 0)
    point.takesProxyProtocol = true
    let world = try await World(World.everything([server]), [server], point: point)
    let wire = try Wire(world.port)
    wire.send("PROXY TCP4 192.0.2.7 198.51.100.1 1234 80\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(wire.answer().body.contains("X-Forwarded-For: 192.0.2.7\r\n"))
    let liar = try Wire(world.port)
    liar.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(try liar.untilClosed() == "")
    await world.stop()
    server.stop()
  }

  /// Servers may ask for the header too; such connections serve one client each.
  @Test func serversGetTheProxyHeader() async throws {
    let server = try ScriptedServer { peer in
      var line = ""
      while !line.hasSuffix("\r\n") { line += String(decoding: peer.read(1), as: UTF8.self) }
      _ = peer.head()
      peer.answer(line)
    }
    let world = try await World(World.everything([server], "proxyProtocol: { version: 1 }"), [server])
    for _ in 0..<3 { #expect(try ask(world.port).body.hasPrefix("PROXY TCP4 127.0.0.1 127.0.0.1 ")) }
    #expect(server.connections == 3)
    await world.stop()
    server.stop()
  }

  @Test func aReloadTakesEffectForTheNextRequest() async throws {
    let servers = [try server("old"), try server("new")]
    let world = try await World(World.everything([servers[0]]), [servers[0]])
    let wire = try Wire(world.port)
    wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(wire.answer().body == "old")
    let text = World.filled(World.everything([servers[1]]), [servers[1]])
    try await world.ingress.reload(try .read(texts: [ConfigurationText(name: "test.yaml", text: text)]))
    // The same connection.
    wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(wire.answer().body == "new")
    await world.stop()
    for server in servers { server.stop() }
  }
}
