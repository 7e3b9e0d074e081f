import Ingress
import IngressModel
import NIOHPACK
import Testing

/// What clients say of themselves, and what becomes of it on the way to servers.
@Suite(.serialized, .timeLimit(.minutes(1))) struct ForgedFieldTests {
  private func server() throws -> ScriptedServer {
    try ScriptedServer { peer in while let head = peer.head() { peer.answer(head) } }
  }

  private static let forged = [
    "X_Forwarded_For: 192.0.2.9", "x-forwarded_for: 192.0.2.9", "X_Real_IP: 192.0.2.9", "Content_Length: 5",
    "Transfer_Encoding: chunked", "Proxy: http://evil.test", "HOST_: evil", "Cookie_: evil",
  ]

  /// Fields that a program behind CGI takes for others do not reach it, whoever sends them.
  @Test(arguments: [false, true]) func disguisedFieldsStayBehind(_ trusts: Bool) async throws {
    let server = try server()
    var point = EntryPoint(name: "web", host: "127.0.0.1", port: 0)
    point.trustsForwarded = trusts
    let world = try await World(World.everything([server]), [server], point: point)
    let wire = try Wire(world.port)
    for field in Self.forged.prefix(6) {
      wire.send("GET / HTTP/1.1\r\nHost: a\r\nX-Before: 1\r\n\(field)\r\nmy_header: 2\r\n\r\n")
      let seen = wire.answer().body
      #expect(!seen.contains(field), "\(seen)")
      #expect(seen.contains("\r\nX-Before: 1\r\n") && seen.contains("\r\nmy_header: 2\r\n"))
    }
    // Others with a `_` are nobody's.
    for field in Self.forged.dropFirst(6) {
      wire.send("GET / HTTP/1.1\r\nHost: a\r\n\(field)\r\n\r\n")
      #expect(wire.answer().body.contains("\r\n\(field)\r\n"))
    }
    await world.stop()
    server.stop()
  }

  @Test func disguisedFieldsStayBehindOverHTTP2() async throws {
    let chain = try await Chain(server())
    let fields = Self.forged.prefix(6).map { field in
      let colon = field.firstIndex(of: ":") ?? field.endIndex
      return (field[..<colon].lowercased(), String(field[colon...].dropFirst(2)))
    }
    let seen = try await chain.client.ask(HTTP2Client.fields("GET", "/", fields + [("my_header", "2")])).text
    for field in fields { #expect(!seen.contains("\(field.0):"), "\(seen)") }
    #expect(seen.contains("\r\nmy_header: 2\r\n"))
    await chain.end()
  }

  /// What is said of earlier proxies goes on where the one who says it is trusted, and nowhere else.
  @Test(arguments: [false, true]) func earlierProxiesAreBelievedWhereTheyAreTrusted(_ trusts: Bool) async throws {
    let server = try server()
    var point = EntryPoint(name: "web", host: "127.0.0.1", port: 0)
    point.trustsForwarded = trusts
    let world = try await World(World.everything([server]), [server], point: point)
    let wire = try Wire(world.port)
    for field in ["X-Forwarded-Uri: /admin", "X-Forwarded-Method: PUT", "X-Forwarded-Tls-Client-Cert: x"] {
      wire.send("GET / HTTP/1.1\r\nHost: a\r\n\(field)\r\n\r\n")
      #expect(wire.answer().body.contains(field) == trusts, "\(field)")
    }
    await world.stop()
    server.stop()
  }

  /// `http://host` has no path, which means `/`.
  @Test(arguments: [
    ("http://a.test", "GET / HTTP/1.1\r\n"), ("http://a.test?x=1", "GET /?x=1 HTTP/1.1\r\n"),
    ("http://a.test/?", "GET /? HTTP/1.1\r\n"),
  ])
  func whoNamesNoPathMeansTheFirst(_ target: String, _ line: String) async throws {
    let server = try server()
    let yaml = """
      http:
        routers: { all: { rule: 'Host(`a.test`) && Path(`/`)', service: s } }
        services: { s: { loadBalancer: { servers: [{ url: '{0}' }] } } }
      """
    let world = try await World(yaml, [server])
    let wire = try Wire(world.port)
    wire.send("GET \(target) HTTP/1.1\r\nHost: b.test\r\n\r\n")
    let seen = wire.answer()
    #expect(seen.body.hasPrefix(line) && seen.body.contains("\r\nHost: a.test\r\n"), "\(seen)")
    await world.stop()
    server.stop()
  }

  /// An answer that can have no body promises none.
  @Test(arguments: ["204 No Content", "103 Early Hints"]) func whatHasNoBodyHasNoLength(_ status: String) async throws {
    let server = try ScriptedServer { peer in
      while let head = peer.head() {
        if head.hasPrefix("GET /none") { peer.send("HTTP/1.1 \(status)\r\nX-Stays: 1\r\nContent-Length: 5\r\n\r\n") }
        if status.hasPrefix("1") || !head.hasPrefix("GET /none") { peer.answer("hello") }
      }
    }
    let world = try await World(World.everything([server]), [server])
    let wire = try Wire(world.port)
    for _ in 0..<2 {
      wire.send("GET /none HTTP/1.1\r\nHost: a\r\n\r\n")
      let head = wire.head()
      #expect(head.hasPrefix("HTTP/1.1 \(status)\r\nX-Stays: 1\r\n") && !head.contains("Content-Length"), "\(head)")
      if status.hasPrefix("1") { #expect(wire.answer().body == "hello") }
      wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(wire.answer().body == "hello")
    }
    #expect(server.connections == 1)
    await world.stop()
    server.stop()
  }

  @Test func whatHasNoBodyHasNoLengthOverHTTP2() async throws {
    let chain = try await Chain { peer in
      while let head = peer.head() {
        let status = head.hasPrefix("GET /204") ? "204 No Content" : "304 Not Modified"
        peer.send("HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n")
        peer.send("HTTP/1.1 \(status)\r\nContent-Length: 5\r\n\r\n")
      }
    }
    // What a 304 says is of the answer that there would be else.
    for (path, status, length) in [("/204", "204", nil), ("/304", "304", "5")] {
      let answer = try await chain.client.ask(HTTP2Client.fields("GET", path))
      #expect(answer.status == status && answer.isWhole && answer.reset == nil, "\(answer)")
      #expect(answer.head?.first(name: "content-length") == length)
      #expect(answer.early.first?.first(name: "content-length") == nil)
    }
    await chain.end()
  }

  // MARK: The PROXY protocol

  private static func header() throws -> ProxyHeader {
    let client = try #require(ClientAddress(parsing: "192.0.2.7"))
    let destination = try #require(ClientAddress(parsing: "198.51.100.1"))
    return ProxyHeader(
      ends: ProxyHeader.Ends(client: client, clientPort: 1_234, destination: destination, destinationPort: 443))
  }

  /// Client and destination, as an earlier proxy told them, are what the server is told, before anything else.
  @Test(arguments: [ProxyProtocolVersion.v1, .v2]) func theProxyHeaderIsPassedOn(_ version: ProxyProtocolVersion)
    async throws
  {
    let header = try Self.header().bytes(version)
    let server = try ScriptedServer { peer in
      guard peer.read(header.count) == header, let head = peer.head() else { return peer.answer("another") }
      peer.answer(head)
    }
    var point = EntryPoint(name: "web", host: "127.0.0.1", port: 0)
    point.takesProxyProtocol = true
    let yaml = World.everything([server], "proxyProtocol: { version: \(version.rawValue) }")
    let world = try await World(yaml, [server], point: point)
    for count in 1...2 {
      let wire = try Wire(world.port)
      wire.send(try Self.header().bytes(version == .v1 ? .v2 : .v1))
      wire.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
      let seen = wire.answer().body
      #expect(seen.hasPrefix("POST / HTTP/1.1\r\n") && seen.contains("\r\nX-Forwarded-For: 192.0.2.7\r\n"), "\(seen)")
      #expect(seen.contains("\r\nX-Forwarded-Port: \(world.port)\r\n"))
      #expect(server.connections == count)
    }
    await world.stop()
    server.stop()
  }

  /// Where nobody has told of another, it is the connection's own ends.
  @Test func theProxyHeaderTellsOfTheConnection() async throws {
    let server = try ScriptedServer { peer in
      var line = ""
      while !line.hasSuffix("\r\n") { line += String(decoding: peer.read(1), as: UTF8.self) }
      if peer.head() != nil { peer.answer(line) }
    }
    let world = try await World(World.everything([server], "proxyProtocol: { version: 1 }"), [server])
    let wire = try Wire(world.port)
    wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(wire.answer().body == "PROXY TCP4 127.0.0.1 127.0.0.1 \(wire.port) \(world.port)\r\n")
    await world.stop()
    server.stop()
  }
}
