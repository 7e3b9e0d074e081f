import Glibc
import Ingress
import IngressModel
import NIOCore
import NIOPosix
import NIOSSL
import Testing

/// Servers by TLS: who is trusted, and what an end without TLS's own farewell means.
@Suite(.serialized, .timeLimit(.minutes(2))) struct TLSServerTests {
  /// Ends TCP without a word of TLS, where a connection is asked once more than it answers.
  final class Server: Sendable {
    let channel: any Channel
    let connections = Progress()
    let requests = Progress()
    var port: Int { channel.localAddress?.port ?? 0 }

    /// - Parameter answers: of each connection.
    init(_ certificate: TestCertificate, answers: Int) async throws {
      let (connections, requests) = (self.connections, self.requests)
      let chain = try NIOSSLCertificate.fromPEMFile(certificate.certificate)
      let context = try NIOSSLContext(
        configuration: .makeServerConfiguration(
          certificateChain: chain.map { .certificate($0) },
          privateKey: .privateKey(try NIOSSLPrivateKey(file: certificate.key, format: .pem))))
      channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton).childChannelInitializer {
        channel in
        channel.eventLoop.makeCompletedFuture {
          connections.advance()
          let pipeline = channel.pipeline.syncOperations
          let door = Door()
          try pipeline.addHandler(door)
          try pipeline.addHandler(NIOSSLServerHandler(context: context))
          try pipeline.addHandler(Answers(answers, requests, door))
        }
      }.bind(host: "127.0.0.1", port: 0).get()
    }
  }

  /// Stands before TLS, and can close without its knowledge.
  private final class Door: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private var context: ChannelHandlerContext?
    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }
    func shut() { context?.close(promise: nil) }
  }

  private final class Answers: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    private var left: Int
    private let requests: Progress
    private let door: Door

    init(_ count: Int, _ requests: Progress, _ door: Door) {
      left = count
      self.requests = requests
      self.door = door
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      requests.advance()
      guard left > 0 else { return door.shut() }
      left -= 1
      let answer = ByteBuffer(string: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none")
      context.writeAndFlush(wrapOutboundOut(answer), promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
  }

  private func world(_ servers: [Server], trusting certificate: TestCertificate?) async throws -> World {
    let urls = servers.map { "{ url: 'https://localhost:\($0.port)' }" }.joined(separator: ", ")
    var settings = ProxySettings()
    settings.authorities = certificate?.certificate
    return try await World(
      """
      http:
        routers: { all: { rule: 'PathPrefix(`/`)', service: s } }
        services: { s: { loadBalancer: { servers: [\(urls)], retries: 2 } } }
      """, [], settings: settings)
  }

  @Test func whatIsNoGETIsNotSentTwice() async throws {
    let certificate = try TestCertificate("localhost")
    let servers = [
      try await Server(certificate, answers: 0), try await Server(certificate, answers: 0),
    ]
    let world = try await world(servers, trusting: certificate)
    let wire = try Wire(world.port)
    wire.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
    #expect(wire.answer().head.hasPrefix("HTTP/1.1 502 "))
    #expect(servers[0].requests.value + servers[1].requests.value == 1)
    await world.stop()
    for server in servers { try await server.channel.close() }
  }

  /// A connection that the server ended meanwhile is no failure of its.
  @Test func staleConnectionsAreReplaced() async throws {
    let certificate = try TestCertificate("localhost")
    let server = try await Server(certificate, answers: 1)
    let world = try await world([server], trusting: certificate)
    let wire = try Wire(world.port)
    for count in 1...4 {
      wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      let answer = wire.answer()
      #expect(answer.body == "one" && server.connections.value == count, "\(answer)")
    }
    #expect(world.server?.totals.errors == 0)
    await world.stop()
    try await server.channel.close()
  }

  /// Neither one whose authority nobody trusts, nor one for another name.
  @Test(arguments: [false, true]) func whoIsNotTrustedIsNotAsked(isKnown: Bool) async throws {
    let certificate = try TestCertificate(isKnown ? "elsewhere.test" : "localhost")
    let server = try await Server(certificate, answers: 9)
    let world = try await world([server], trusting: isKnown ? certificate : nil)
    let wire = try Wire(world.port)
    wire.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
    #expect(wire.answer().head.hasPrefix("HTTP/1.1 502 "))
    #expect(server.requests.value == 0)
    #expect(world.server?.totals.failures(.tls) == 1)
    await world.stop()
    try await server.channel.close()
  }

  @Test func authoritiesThatCannotBeReadAreTold() throws {
    let text = """
      http:
        routers: { a: { rule: 'Path(`/`)', service: s } }
        services: { s: { loadBalancer: { servers: [{ url: 'http://a:1' }] } } }
      """
    let configuration = try IngressConfiguration.read(texts: [ConfigurationText(name: "test.yaml", text: text)])
    #expect(throws: CertificateStore.Fault.self) { try Ingress.check(configuration, authorities: "/nowhere/ca.pem") }
  }
}
