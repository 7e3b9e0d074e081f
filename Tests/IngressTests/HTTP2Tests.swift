import Ingress
import IngressModel
import NIOCore
import NIOHPACK
import NIOHTTP2
import NIOPosix
import NIOSSL
import Testing

@Suite(.timeLimit(.minutes(1))) struct HTTP2Tests {
  /// Tells what came: the head, and the body by its length or chunks.
  private static func echo(_ peer: ScriptedServer.Peer) {
    while let head = peer.head() {
      var body = ""
      if let line = head.split(separator: "\r\n").first(where: { $0.lowercased().hasPrefix("content-length: ") }),
        let count = Int(line.dropFirst(16))
      {
        body = String(decoding: peer.read(count), as: UTF8.self)
      } else if head.lowercased().contains("transfer-encoding: chunked\r\n") {
        while !body.hasSuffix("0\r\n\r\n") { body += String(decoding: peer.read(1), as: UTF8.self) }
      }
      peer.answer(head.hasPrefix("HEAD") ? "" : head + body)
    }
  }

  @Test func requestsGoOnAsTheyShould() async throws {
    let chain = try await Chain { Self.echo($0) }
    let answer = try await chain.client.ask(
      HTTP2Client.fields(
        "GET", "/a%62c?q=1",
        [("cookie", "a=1"), ("x-stays", "2"), ("cookie", "b=2"), ("te", "trailers"), ("x-forwarded-for", "192.0.2.9")]))
    #expect(answer.status == "200" && answer.isWhole)
    let lines = Set(answer.text.split(separator: "\r\n").map { String($0) })
    #expect(
      lines == [
        "GET /abc?q=1 HTTP/1.1", "Host: web.test", "cookie: a=1; b=2", "x-stays: 2", "X-Forwarded-For: 127.0.0.1",
        "X-Real-Ip: 127.0.0.1", "X-Forwarded-Host: web.test", "X-Forwarded-Port: \(chain.world.port)",
        "X-Forwarded-Proto: https",
      ])
    #expect(answer.head?.contains(name: "connection") == false)
    await chain.end()
  }

  @Test func bodiesPassWithAndWithoutLength() async throws {
    let chain = try await Chain { Self.echo($0) }
    let begun = ContinuousClock.now
    let body = Array("hello".utf8)
    var answer = try await chain.client.ask(HTTP2Client.fields("POST", "/", [("content-length", "5")]), body: body)
    #expect(answer.text.hasSuffix("\r\n\r\nhello") && !answer.text.lowercased().contains("transfer-encoding"))
    answer = try await chain.client.ask(HTTP2Client.fields("POST"), body: body)
    #expect(answer.text.hasSuffix("\r\n\r\n5\r\nhello\r\n0\r\n\r\n"))
    // Trailers stay here.
    answer = try await chain.client.ask(HTTP2Client.fields("POST"), body: body, trailers: [("x-sum", "1")])
    #expect(answer.text.hasSuffix("\r\n\r\n5\r\nhello\r\n0\r\n\r\n") && !answer.text.contains("x-sum"))
    answer = try await chain.client.ask(HTTP2Client.fields("POST"), body: [])
    #expect(answer.text.hasSuffix("\r\n\r\n0\r\n\r\n") && answer.isWhole)
    // By one that was not used for half a second none of these goes.
    #expect(chain.server.connections == 1 || ContinuousClock.now - begun > .milliseconds(500))
    await chain.end()
  }

  @Test func largeBodiesPassInBothDirections() async throws {
    let size = 5_000_000
    let chain = try await Chain { peer in
      while peer.head() != nil {
        let got = peer.swallow(size)
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: \(got)\r\n\r\n")
        _ = peer.pour(got)
      }
    }
    for _ in 0..<2 {
      let answer = try await chain.client.ask(
        HTTP2Client.fields("PUT", "/", [("content-length", "\(size)")]), body: [UInt8](repeating: 1, count: size))
      #expect(answer.body.count == size && answer.isWhole && answer.reset == nil)
    }
    await chain.end()
  }

  @Test func manyStreamsAtOnce() async throws {
    let chain = try await Chain { Self.echo($0) }
    let client = chain.client
    let right = try await withThrowingTaskGroup(of: Bool.self) { group in
      for index in 0..<90 {
        group.addTask {
          let answer = try await client.ask(
            HTTP2Client.fields("POST", "/\(index)"), body: [UInt8](repeating: 0x61, count: 3_000))
          return answer.text.hasPrefix("POST /\(index) ") && answer.isWhole
        }
      }
      return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
    }
    #expect(right == 90)
    await chain.end()
  }

  @Test func answersWithoutBodies() async throws {
    let chain = try await Chain(rule: "PathPrefix(`/known`)") { peer in
      while let head = peer.head() {
        if head.hasPrefix("HEAD") {
          peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        } else if head.hasPrefix("GET /known/204") {
          peer.send("HTTP/1.1 204 No Content\r\n\r\n")
        } else {
          peer.send("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
          peer.answer("x", "Connection: X-Foo\r\nX-Foo: 1\r\nKeep-Alive: timeout=5\r\nX-Bar: 2\r\n")
        }
      }
    }
    let client = chain.client
    var answer = try await client.ask(HTTP2Client.fields("HEAD", "/known"))
    #expect(answer.status == "200" && answer.isWhole && answer.body.isEmpty)
    #expect(answer.head?.first(name: "content-length") == "1000")
    answer = try await client.ask(HTTP2Client.fields("GET", "/known/204"))
    #expect(answer.status == "204" && answer.isWhole && answer.body.isEmpty)
    answer = try await client.ask(HTTP2Client.fields("GET", "/known/hints"))
    #expect(answer.early.first?.first(name: "link") == "</a>" && answer.text == "x")
    #expect(answer.head?.contains(name: "x-bar") == true)
    for name in ["x-foo", "keep-alive", "connection"] { #expect(answer.head?.contains(name: name) == false) }
    answer = try await client.ask(HTTP2Client.fields("GET", "/other"))
    #expect(answer.status == "404" && answer.isWhole && answer.text == "404 Not Found\n")
    answer = try await client.ask(HTTP2Client.fields("HEAD", "/other"))
    #expect(answer.status == "404" && answer.isWhole && answer.body.isEmpty && answer.reset == nil)
    // A body that nobody reads does not hold up the others.
    answer = try await client.ask(HTTP2Client.fields("POST", "/other"), body: [UInt8](repeating: 1, count: 300_000))
    #expect(answer.status == "404")
    answer = try await client.ask(HTTP2Client.fields("GET", "/known/204"))
    #expect(answer.status == "204")
    await chain.end()
  }

  /// Heads that HTTP/1 would understand as something else, or that HTTP/2 forbids (RFC 9113, section 8.2).
  @Test(arguments: [
    [("connection", "close")], [("transfer-encoding", "chunked")], [("upgrade", "h2c")], [("keep-alive", "1")],
    [("te", "gzip")], [("x", "a\r\nx-evil: 1")], [("x", "a\nb")], [("x", "a\0b")], [("x\r\nx-evil", "1")],
    [("x y", "1")], [("x:", "1")], [("Transfer-Encoding", "chunked")], [("content-length", "5")],
    [("content-length", "1"), ("content-length", "2")], [("host", "other.test")],
    [("host", "web.test"), ("host", "web.test")], [(":evil", "1")], [("cookie", "a=b\r\nx-evil: 1")],
  ]) func spoiledHeadsAreRefused(_ more: [(String, String)]) async throws {
    let chain = try await Chain { Self.echo($0) }
    let answer = try await chain.client.ask(HTTP2Client.fields("GET", "/", more))
    #expect(answer.status == "400" || answer.status == nil, "\(answer)")
    #expect(chain.server.connections == 0)
    await chain.end()
  }

  @Test(arguments: [
    (":method", "GET /evil HTTP/1.1\r\nhost: a\r\n\r\nGET"), (":method", "GET /evil"), (":path", "/ HTTP/1.1\r\nx: y"),
    (":path", "/a b"), (":path", "no/slash"), (":path", "/a/../b"), (":path", ""), (":authority", "a\r\nx-evil: 1"),
    (":authority", "a b"), (":authority", "user@a.test"), (":method", "CONNECT"),
  ]) func spoiledFirstLinesAreRefused(_ name: String, _ value: String) async throws {
    let chain = try await Chain { Self.echo($0) }
    let fields = HTTP2Client.fields().map { $0.0 == name ? (name, value) : $0 }
    let answer = try await chain.client.ask(fields)
    #expect(answer.status?.hasPrefix("4") ?? true || answer.status == "505", "\(answer)")
    #expect(chain.server.connections == 0)
    await chain.end()
  }

  @Test func theHostMayStandInForTheAuthority() async throws {
    let chain = try await Chain { Self.echo($0) }
    let fields = [(":method", "GET"), (":scheme", "https"), (":path", "/")]
    var answer = try await chain.client.ask(fields + [("host", "other.test")])
    #expect(answer.text.contains("\r\nHost: other.test\r\n"))
    answer = try await chain.client.ask(HTTP2Client.fields("GET", "/", [("host", "WEB.test")]))
    #expect(answer.text.contains("\r\nHost: web.test\r\n") && !answer.text.contains("WEB"))
    await chain.end()
  }

  /// A stream that its client gives up leaves a connection to the server that nobody may use again.
  @Test func streamsThatAreResetEndTheirServersConnection() async throws {
    let (begun, gone) = (Gate(), Gate())
    let chain = try await Chain { peer in
      while let head = peer.head() {
        if head.hasPrefix("GET /good") {
          peer.answer("good")
        } else {
          peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nbegun")
          begun.open()
          _ = peer.swallow()
          gone.open()
        }
      }
    }
    for (method, ends) in [("GET", true), ("POST", false)] {
      let stream = try await chain.client.open()
      await stream.send(HTTP2Client.fields(method), ends: ends)
      if !ends { await stream.send(Array("half".utf8), ends: false) }
      #expect(begun.wait())
      await stream.reset()
      #expect(gone.wait())
      let answer = try await chain.client.ask(HTTP2Client.fields("GET", "/good"))
      #expect(answer.text == "good")
    }
    await chain.end()
  }

  @Test(arguments: ["Content-Length: 100", "Transfer-Encoding: chunked"])
  func answersThatBreakOffAreReset(_ field: String) async throws {
    let chain = try await Chain { peer in
      if peer.head() != nil { peer.send("HTTP/1.1 200 OK\r\n\(field)\r\n\r\n4\r\nhalf\r\n") }
    }
    let answer = try await chain.client.ask(HTTP2Client.fields())
    #expect(answer.status == "200" && !answer.isWhole && answer.reset != nil && answer.reset != .noError, "\(answer)")
    await chain.end()
  }

  @Test func earlyAnswersStopTheUpload() async throws {
    let chain = try await Chain { peer in
      guard let head = peer.head() else { return }
      if head.hasPrefix("GET") { return peer.answer("well") }
      peer.answer("enough", status: "413 Content Too Large")
      _ = peer.swallow()
    }
    var answer = try await chain.client.ask(
      HTTP2Client.fields("POST", "/", [("content-length", "10000000")]), body: [UInt8](repeating: 1, count: 1_000_000))
    #expect(answer.status == "413" && answer.text == "enough" && answer.isWhole)
    answer = try await chain.client.ask(HTTP2Client.fields())
    #expect(answer.text == "well" && chain.server.connections == 2)
    await chain.end()
  }

  /// The end of the program ends connections that nobody uses at once.
  @Test func idleConnectionsEndWithTheProgram() async throws {
    let chain = try await Chain { Self.echo($0) }
    #expect(try await chain.client.ask(HTTP2Client.fields()).status == "200")
    let begun = ContinuousClock.now
    await chain.world.stop()
    #expect(ContinuousClock.now - begun < .seconds(3))
    await chain.client.closed()
    chain.server.stop()
  }

  @Test func idleConnectionsEndAfterTheirTime() async throws {
    var settings = ProxySettings()
    // Longer than tests that run beside this one keep it from asking.
    settings.idleTimeout = .seconds(20)
    let server = try ScriptedServer { Self.echo($0) }
    let certificate = try TestCertificate("web.test")
    let world = try await World(
      World.secure([server], [certificate]), [server], settings: settings, point: World.securePoint)
    let client = try await HTTP2Client(world.port)
    #expect(try await client.ask(HTTP2Client.fields()).status == "200")
    let asked = ContinuousClock.now
    await client.closed()
    #expect(ContinuousClock.now - asked > .seconds(15))
    await world.stop()
    server.stop()
  }

  // MARK: Certificates

  @Test func namesChooseTheCertificate() async throws {
    let server = try ScriptedServer { Self.echo($0) }
    let certificates = [
      try TestCertificate("first.test", "a.wild.test"), try TestCertificate("*.wild.test"),
      try TestCertificate("exact.test"),
    ]
    let world = try await World(World.secure([server], certificates), [server], point: World.securePoint)
    for (asked, name) in [
      ("first.test", "first.test"), ("exact.test", "exact.test"), ("EXACT.test", "exact.test"),
      ("b.wild.test", "*.wild.test"), ("a.wild.test", "first.test"), ("b.c.wild.test", "first.test"),
      ("wild.test", "first.test"), ("unknown.test", "first.test"), (nil, "first.test"),
    ] as [(String?, String)] {
      #expect(try await Self.certificate(world.port, asked) == name, "\(asked ?? "-")")
    }
    // A new one is in force with the next connection; the one there is goes on.
    let client = try await HTTP2Client(world.port)
    #expect(try await client.ask(HTTP2Client.fields()).status == "200")
    let newer = try TestCertificate("newer.test", "exact.test")
    let text = World.filled(World.secure([server], [newer]), [server])
    try await world.ingress.reload(try .read(texts: [ConfigurationText(name: "test.yaml", text: text)]))
    #expect(try await Self.certificate(world.port, "exact.test") == "newer.test")
    #expect(try await client.ask(HTTP2Client.fields()).status == "200")
    await client.close()
    await world.stop()
    server.stop()
  }

  /// The first name of the certificate that the proxy shows for a name.
  private static func certificate(_ port: UInt16, _ name: String?) async throws -> String {
    var tls = TLSConfiguration.makeClientConfiguration()
    tls.certificateVerification = .noHostnameVerification
    let context = try NIOSSLContext(configuration: tls)
    let seen = MultiThreadedEventLoopGroup.singleton.next().makePromise(of: String.self)
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).channelInitializer {
      channel in
      channel.eventLoop.makeCompletedFuture {
        let handler = try NIOSSLClientHandler(context: context, serverHostname: name) { chain, verified in
          seen.succeed(
            chain.first?._subjectAlternativeNames().first.map { String(decoding: $0.contents, as: UTF8.self) } ?? "")
          verified.succeed(.certificateVerified)
        }
        try channel.pipeline.syncOperations.addHandler(handler)
      }
    }.connect(host: "127.0.0.1", port: Int(port)).get()
    let name = try await seen.futureResult.get()
    try? await channel.close()
    return name
  }

  @Test func plainHTTPAtAPortForTLSIsRefused() async throws {
    let chain = try await Chain { Self.echo($0) }
    let wire = try Wire(chain.world.port)
    wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(!wire.rest().contains("HTTP/1.1 200") && chain.server.connections == 0)
    #expect(chain.world.ingress.status().entryPoints.first?.totals.refused(.tlsHandshake) == 1)
    #expect(try await chain.client.ask(HTTP2Client.fields()).status == "200")
    await chain.end()
  }
}
