import Glibc
import Ingress
import IngressModel
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct HostileTests {
  /// Answers once and ends; counts heads that no server should see.
  private static func guarded(_ faults: Faults) throws -> ScriptedServer {
    try ScriptedServer { peer in
      guard let head = peer.head() else { return }
      if !isSound(head) { faults.count() }
      peer.answer("ok", "Connection: close\r\n")
    }
  }

  private static func isSound(_ head: String) -> Bool {
    let lines = head.utf8.split(separator: 10, omittingEmptySubsequences: false)
    guard lines.dropLast().allSatisfy({ $0.last == 13 && !$0.dropLast().contains(13) && !$0.contains(0) }) else {
      return false
    }
    let names = lines.dropFirst().map { line in String(decoding: line.prefix { $0 != 58 }, as: UTF8.self).lowercased() }
    func count(_ name: String) -> Int { names.count { $0 == name } }
    return count("host") == 1 && count("content-length") + count("transfer-encoding") <= 1
      && count("x-forwarded-for") == 1 && !head.contains("/evil")
  }

  /// Thousands of requests that chance has spoiled: none reaches a server in a form that is open to dispute, and the
  /// proxy goes on.
  @Test func spoiledRequestsDoNoHarm() async throws {
    let faults = Faults()
    let server = try Self.guarded(faults)
    let world = try await World(World.everything([server]), [server])
    let sound: [String] = [
      "GET / HTTP/1.1\r\nHost: a.test\r\nUser-Agent: x\r\nAccept: */*\r\n\r\n",
      "POST /form HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello",
      "POST /c HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nT: x\r\n\r\n",
      "GET http://a.test/x?y=%20 HTTP/1.1\r\nHost: b.test\r\nCookie: a=b\r\nConnection: close, X\r\nX: 1\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
      "HEAD /%41/./b HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    ]
    let spices = [
      "\r", "\n", "\r\n", "\r\n\r\n", "\0", ":", " ", "\t", "chunked", "Content-Length: 3\r\n", "%", "ÿ", ";", "0",
    ]
    var chance = Chance(state: 7)
    for round in 0..<3_000 {
      var bytes = Array(sound[Int.random(in: 0..<sound.count, using: &chance)].utf8)
      for _ in 0..<Int.random(in: 1...4, using: &chance) {
        let at = Int.random(in: 0...bytes.count, using: &chance)
        switch Int.random(in: 0..<4, using: &chance) {
        case 0 where at < bytes.count: bytes[at] = UInt8.random(in: 0...255, using: &chance)
        case 1: bytes.insert(contentsOf: spices[Int.random(in: 0..<spices.count, using: &chance)].utf8, at: at)
        case 2: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 0...9, using: &chance)))
        default: bytes.insert(contentsOf: bytes[..<at], at: Int.random(in: 0...bytes.count, using: &chance))
        }
      }
      let wire = try Wire(world.port)
      wire.send(bytes)
      // Either the client goes away at once, or it waits until the proxy has said all it has to say.
      if round % 4 == 0 {
        wire.finish()
        _ = wire.swallow()
      }
    }
    let wire = try Wire(world.port)
    wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(wire.answer().body == "ok" && faults.value == 0)
    await world.stop()
    server.stop()
  }

  @Test func heavyHeadsAreRefused() async throws {
    let server = try ScriptedServer { peer in peer.answer("\(peer.swallow(60_000))") }
    let world = try await World(World.everything([server]), [server])
    let heavy = [
      "GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "x", count: 200_000))\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\n\(String(repeating: "X: y\r\n", count: 10_000))\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nCookie: \(String(repeating: "a=b; ", count: 14_000))\r\n\r\n",
      "GET /\(String(repeating: "x", count: 200_000)) HTTP/1.1\r\nHost: a\r\n\r\n",
      String(repeating: "x", count: 200_000),
    ]
    for text in heavy {
      let wire = try Wire(world.port)
      wire.send(text)
      let all = wire.rest()
      #expect(all.hasPrefix("HTTP/1.1 431 ") || all.hasPrefix("HTTP/1.1 414 "), "\(all)")
      #expect(all.contains("Connection: close\r\n"))
    }
    #expect(server.connections == 0)
    // Within the limit they pass.
    let wire = try Wire(world.port)
    wire.send("GET / HTTP/1.1\r\nHost: a\r\nCookie: \(String(repeating: "a=b; ", count: 12_000))\r\n\r\n")
    #expect(wire.answer().body == "60000")
    await world.stop()
    server.stop()
  }

  /// A head that comes byte by byte has as much time as any other.
  @Test func slowHeadsEnd() async throws {
    var settings = ProxySettings()
    settings.headTimeout = .seconds(1)
    let server = try ScriptedServer { _ in }
    let world = try await World(World.everything([server]), [server], settings: settings)
    let wire = try Wire(world.port)
    wire.setPatience(milliseconds: 50)
    wire.send("GET / HTTP/1.1\r\nHost: a\r\nX: ")
    var bytes = 0
    while wire.swallow(1) == 0, bytes < 200 {
      wire.send("x")
      bytes += 1
    }
    #expect(bytes > 5 && bytes < 100, "\(bytes)")
    #expect(server.connections == 0)
    await world.stop()
    server.stop()
  }

  /// Whoever connects over TLS and says nothing does not stay.
  @Test func silenceOverTLSEnds() async throws {
    var settings = ProxySettings()
    settings.headTimeout = .milliseconds(500)
    let certificate = try TestCertificate("web.test")
    let server = try ScriptedServer { _ in }
    let world = try await World(
      World.secure([server], [certificate]), [server], settings: settings, point: World.securePoint)
    let wire = try Wire(world.port)
    #expect(try wire.untilClosed() == "")
    // A handshake that is begun and left.
    let half = try Wire(world.port)
    half.send([0x16, 3, 1, 2, 0])
    #expect(try half.untilClosed() == "")
    await world.stop()
    server.stop()
  }

  /// What a server could read as another request than the proxy did never gets there.
  @Test(arguments: [
    "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", " Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "X: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "Transfer-Encoding:\u{b}chunked\r\n\r\n0\r\n\r\n",
    "Content-Length: +5\r\n\r\nhello", "Content-Length: 0x5\r\n\r\nhello", "Content-Length: 5, 5\r\n\r\nhello",
    "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", "Content-Length: -1\r\n\r\n",
    "Content-Length: 99999999999999999999\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n0x0\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\n1 \r\na\r\n0\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n0;\n\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\n1\r\naa\r\n0\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n1\na\n0\n\n",
    "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", "X: a\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "X: a\0b\r\n\r\n", "Host: b\r\n\r\n",
  ]) func smugglingIsRefused(_ rest: String) async throws {
    let faults = Faults()
    let server = try Self.guarded(faults)
    let world = try await World(World.everything([server]), [server])
    let wire = try Wire(world.port)
    wire.send("POST / HTTP/1.1\r\nHost: a\r\n\(rest)GET /evil HTTP/1.1\r\nHost: a\r\n\r\n")
    let all = wire.rest()
    #expect(all.hasPrefix("HTTP/1.1 400 ") || all.hasPrefix("HTTP/1.1 501 "), "\(all)")
    #expect(faults.value == 0)
    await world.stop()
    server.stop()
  }

  @Test(arguments: [
    "CONNECT /evil HTTP/1.1\r\nHost: a\r\n\r\n", "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n",
  ])
  func tunnelsByConnectAreRefused(_ text: String) async throws {
    let server = try ScriptedServer { peer in if peer.head() != nil { peer.answer("evil") } }
    let world = try await World(World.everything([server]), [server])
    let wire = try Wire(world.port)
    wire.send(text)
    #expect(wire.answer().head.hasPrefix("HTTP/1.1 400 ") && server.connections == 0)
    await world.stop()
    server.stop()
  }

  /// After a refused upgrade the connection speaks HTTP as before, and every request passes the rules.
  @Test func refusedUpgradesStayHTTP() async throws {
    let server = try ScriptedServer { peer in while let head = peer.head() { peer.answer(head) } }
    let yaml = """
      http:
        routers: { open: { rule: 'PathPrefix(`/open`)', service: s } }
        services: { s: { loadBalancer: { servers: [{ url: '{0}' }] } } }
      """
    let world = try await World(yaml, [server])
    let wire = try Wire(world.port)
    wire.send("GET /open HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    wire.send("GET /closed HTTP/1.1\r\nHost: a\r\n\r\nGET /open/2 HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(wire.answer().body.contains("Upgrade: websocket\r\n"))
    #expect(wire.answer().head.hasPrefix("HTTP/1.1 404 "))
    #expect(wire.answer().body.contains("X-Forwarded-For: 127.0.0.1\r\n"))
    wire.send("GET /open HTTP/1.1\r\nHost: a\r\nConnection: X-Foo, Upgrade\r\nUpgrade: websocket\r\nX-Foo: 1\r\n\r\n")
    let named = wire.answer().body
    #expect(named.contains("Upgrade: websocket\r\n") && !named.contains("X-Foo"))
    // HTTP/2 in the clear would carry requests past the rules.
    for name in ["h2c", "H2C", "websocket, h2c"] {
      for words in ["Upgrade", "Upgrade, HTTP2-Settings"] {
        wire.send(
          "GET /open HTTP/1.1\r\nHost: a\r\nConnection: \(words)\r\nUpgrade: \(name)\r\n"
            + "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n")
        let seen = wire.answer().body.lowercased()
        #expect(seen.hasPrefix("get /open ") && !seen.contains("upgrade") && !seen.contains("http2-settings"))
      }
    }
    await world.stop()
    server.stop()
  }

  /// Another protocol that nobody asked for is no answer.
  @Test func tunnelsThatNobodyAskedForAreRefused() async throws {
    let server = try ScriptedServer { peer in
      guard peer.head() != nil else { return }
      peer.send(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\nevil")
      _ = peer.swallow()
    }
    let world = try await World(World.everything([server], "retries: 0"), [server])
    let wire = try Wire(world.port)
    wire.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    let all = wire.rest()
    #expect(all.hasPrefix("HTTP/1.1 502 ") && !all.contains("evil"))
    await world.stop()
    server.stop()
  }

  @Test func fieldsOfOneConnectionStayThere() async throws {
    let server = try ScriptedServer { peer in
      while peer.head() != nil {
        peer.answer("a", "Connection: X-Foo, keep-alive\r\nX-Foo: 1\r\nKeep-Alive: timeout=5\r\nX-Bar: 2\r\n")
      }
    }
    let world = try await World(World.everything([server]), [server])
    let wire = try Wire(world.port)
    wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    let head = wire.answer().head
    #expect(head.contains("X-Bar: 2\r\n") && !head.contains("X-Foo") && !head.contains("Keep-Alive"))
    await world.stop()
    server.stop()
  }

  /// A second answer that nobody asked for reaches nobody, whether it comes with the first one or later.
  @Test(arguments: [true, false]) func secondAnswersReachNobody(_ isLate: Bool) async throws {
    let (go, gone) = (Gate(), Gate())
    let evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    let server = try ScriptedServer { peer in
      while let head = peer.head() {
        if head.hasPrefix("GET /good") {
          peer.answer("good")
        } else if isLate {
          peer.answer("one")
          _ = go.wait()
          peer.send(evil)
          _ = peer.swallow()
          gone.open()
        } else {
          peer.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none" + evil)
          _ = peer.swallow()
          gone.open()
        }
      }
    }
    let world = try await World(World.everything([server]), [server])
    let wire = try Wire(world.port)
    wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(wire.answer().body == "one")
    go.open()
    #expect(gone.wait())
    for wire in [wire, try Wire(world.port)] {
      wire.send("GET /good HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(wire.answer().body == "good")
    }
    await world.stop()
    server.stop()
  }

  /// A refusal in the middle of an answer would be taken for a part of it.
  @Test func brokenBodiesDuringTheAnswerBreakIt() async throws {
    let server = try ScriptedServer { peer in
      guard peer.head() != nil else { return }
      peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nbegun")
      _ = peer.swallow()
    }
    let world = try await World(World.everything([server]), [server])
    let wire = try Wire(world.port)
    wire.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n")
    #expect(wire.head().hasPrefix("HTTP/1.1 200 "))
    #expect(wire.swallow(5) == 5)
    wire.send("zz\r\n")
    #expect(try wire.untilClosed() == "")
    await world.stop()
    server.stop()
  }

  @Test(arguments: [
    "stick=", "stick=0000000000000000", "stick=\"; stick=\u{1F36A}", "stick=ffffffffffffffff; stick=x", ";;;=;=",
    "stick",
  ])
  func forgedCookiesAreNobodys(_ cookie: String) async throws {
    let server = try ScriptedServer { peer in while peer.head() != nil { peer.answer("a") } }
    let world = try await World(World.everything([server], "sticky: { cookie: { name: stick } }"), [server])
    let wire = try Wire(world.port)
    wire.send("GET / HTTP/1.1\r\nHost: a\r\nCookie: \(cookie)\r\n\r\n")
    let answer = wire.answer()
    #expect(answer.body == "a" && answer.head.contains("Set-Cookie: stick="))
    await world.stop()
    server.stop()
  }

  /// After all kinds of exchanges nothing is left open.
  @Test func nothingLeaks() async throws {
    var settings = ProxySettings()
    settings.poolTimeout = .seconds(1)
    let server = try ScriptedServer { peer in
      while let head = peer.head() {
        if head.hasPrefix("GET /reset") { return peer.reset() }
        if head.hasPrefix("GET /half") { return peer.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf") }
        if head.hasPrefix("GET /silent") { return _ = peer.swallow() }
        if head.hasPrefix("GET /tunnel") {
          peer.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
          return _ = peer.swallow()
        }
        if head.hasPrefix("POST") { _ = peer.read(5) }
        peer.answer("ok")
      }
    }
    let world = try await World(World.everything([server]), [server], settings: settings)
    let texts = [
      "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET /reset HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /half HTTP/1.1\r\nHost: a\r\n\r\n", "GET /silent HTTP/1.1\r\nHost: a\r\n\r\n",
      "GET /tunnel HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe", "GET / HTTP/9.1\r\n\r\n", "GET", "",
    ]
    for round in 0..<400 {
      let wire = try Wire(world.port)
      wire.setPatience(milliseconds: 20)
      wire.send(texts[round % texts.count])
      if round % 3 != 0 { _ = wire.swallow(1) }
    }
    let ends = ContinuousClock.now + .seconds(10)
    while ContinuousClock.now < ends, Self.sockets(at: [world.port, server.port]) > 2 {
      try await Task.sleep(for: .milliseconds(50))
    }
    // The two that listen.
    #expect(Self.sockets(at: [world.port, server.port]) == 2)
    #expect(world.ingress.status().entryPoints.first?.totals.openConnections == 0)
    await world.stop()
    server.stop()
  }

  /// This process's sockets with one of these ports at either end.
  private static func sockets(at ports: Set<UInt16>) -> Int {
    var count = 0
    for descriptor in 0..<CInt(2_048) {
      var address = sockaddr_in()
      func port(_ ask: (CInt, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> CInt) -> UInt16? {
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isKnown = withUnsafeMutablePointer(to: &address) {
          $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { ask(descriptor, $0, &length) == 0 }
        }
        return isKnown && address.sin_family == sa_family_t(AF_INET) ? UInt16(bigEndian: address.sin_port) : nil
      }
      let near = port { getsockname($0, $1, $2) }
      let far = port { getpeername($0, $1, $2) }
      if [near, far].contains(where: { $0.map(ports.contains) ?? false }) { count += 1 }
    }
    return count
  }
}

/// Counts what should not be.
final class Faults: Sendable {
  private let counter = Atomic(0)
  func count() { counter.add(1, ordering: .sequentiallyConsistent) }
  var value: Int { counter.load(ordering: .sequentiallyConsistent) }
}

/// SplitMix64: the same numbers each time.
struct Chance: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
