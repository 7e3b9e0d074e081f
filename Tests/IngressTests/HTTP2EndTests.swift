import Glibc
import Ingress
import IngressModel
import NIOCore
import NIOPosix
import NIOSSL
import Testing

/// Clients of HTTP/2 that leave the proxy waiting.
@Suite(.serialized, .timeLimit(.minutes(1))) struct HTTP2EndTests {
  private static func settings() -> ProxySettings {
    var settings = ProxySettings()
    settings.answerTimeout = .seconds(1)
    return settings
  }

  /// Whoever takes nothing of a large answer is not waited for, and neither is its server.
  @Test func whoTakesNoAnswerIsEnded() async throws {
    let (begun, gone) = (Gate(), Gate())
    let server = try ScriptedServer { peer in
      while let head = peer.head() {
        if head.hasPrefix("GET /small") {
          peer.answer("small")
          continue
        }
        begun.open()
        peer.send("HTTP/1.1 200 OK\r\n\r\n")
        while peer.pour(1_000_000) == 1_000_000 {}
        gone.open()
        return
      }
    }
    let chain = try await Chain(server, settings: Self.settings())
    let stream = try await chain.client.open(reads: false)
    await stream.send(HTTP2Client.fields(), ends: true)
    #expect(begun.wait())
    #expect(gone.wait())
    // The others on its connection go on.
    let answer = try await chain.client.ask(HTTP2Client.fields("GET", "/small"))
    #expect(answer.text == "small")
    await chain.client.close()
    let totals = chain.world.server?.totals
    #expect(totals?.errors == 0 && totals?.failures(.clientClosed) == 1 && chain.world.server?.openRequests == 0)
    await chain.end()
  }

  /// An answer that fits into the proxy's memory does not stay there for ever either.
  @Test(arguments: [10, 1_000, 60_000, 5_000_000]) func whoOpensNoWindowIsEnded(_ size: Int) async throws {
    let server = try ScriptedServer { peer in
      while peer.head() != nil {
        peer.send("HTTP/1.1 200 OK\r\nContent-Length: \(size)\r\n\r\n")
        _ = peer.pour(size)
      }
    }
    let chain = try await Chain(server, settings: Self.settings(), window: 0)
    let stream = try await chain.client.open()
    await stream.send(HTTP2Client.fields(), ends: true)
    let answer = await withTaskGroup(of: HTTP2Client.Answer?.self) { group in
      group.addTask { await stream.answer() }
      group.addTask {
        try? await Task.sleep(for: .seconds(10))
        return nil
      }
      defer { group.cancelAll() }
      return await group.next() ?? nil
    }
    #expect(answer != nil && answer?.isWhole == false && answer?.body.isEmpty == true, "\(String(describing: answer))")
    await chain.end()
  }

  /// Who takes an answer slowly but steadily gets all of it, also where the server has long gone.
  @Test func whoIsSlowButSteadyGetsAll() async throws {
    let size = 300_000
    let server = try ScriptedServer { peer in
      guard peer.head() != nil else { return }
      peer.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: \(size)\r\n\r\n")
      _ = peer.pour(size)
    }
    var settings = Self.settings()
    (settings.answerTimeout, settings.idleTimeout) = (.seconds(3), .seconds(3))
    // It takes a frame at a time.
    let chain = try await Chain(server, settings: settings, window: 16_384)
    let stream = try await chain.client.open(reads: false)
    await stream.send(HTTP2Client.fields(), ends: true)
    let over = Progress()
    ScriptedServer.thread {
      // The pace: faster than the limit for one frame; all of it takes longer.
      while over.value == 0 {
        stream.channel.read()
        usleep(900_000)
      }
    }
    let begun = ContinuousClock.now
    let answer = await stream.answer()
    over.advance()
    #expect(answer.body.count == size && answer.isWhole, "\(answer.body.count), \(String(describing: answer.reset))")
    #expect(ContinuousClock.now - begun > .seconds(4), "else it was no test")
    await chain.end()
  }

  /// A connection that nothing was ever asked by ends after its time.
  @Test func connectionsWithoutStreamsEnd() async throws {
    var settings = ProxySettings()
    settings.idleTimeout = .milliseconds(300)
    let server = try ScriptedServer { peer in while peer.head() != nil { peer.answer("well") } }
    let chain = try await Chain(server, settings: settings)
    await chain.client.closed()
    await chain.end()
  }

  /// Nor does one stay whose client says nothing of HTTP/2 once TLS is there, or does not confirm the good-bye.
  @Test func silenceAfterTheHandshakeEnds() async throws {
    var settings = ProxySettings()
    settings.idleTimeout = .milliseconds(300)
    let server = try ScriptedServer { _ in }
    let chain = try await Chain(server, settings: settings)
    await chain.client.close()
    let silent = try await SilentClient(chain.world.port)
    await silent.closed()
    let open = ContinuousClock.now + .seconds(5)
    while ContinuousClock.now < open, chain.world.entryPoint?.openConnections != 0 {
      try await Task.sleep(for: .milliseconds(20))
    }
    #expect(chain.world.entryPoint?.openConnections == 0)
    await chain.end()
  }

  /// After an error of the connection it ends, whatever the client goes on to send.
  @Test func whoBreaksTheProtocolIsEnded() async throws {
    let chain = try await Chain { peer in while peer.head() != nil { peer.answer("well") } }
    let broken = try await SilentClient(chain.world.port)
    // SETTINGS, and a window that is opened by nothing (RFC 9113, section 6.9).
    let frames: [UInt8] = [0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 4, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    let begun = ContinuousClock.now
    await broken.send(Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + frames)
    // Not all of it is taken: nobody reads on.
    let flood = Task { while !Task.isCancelled { await broken.send([UInt8](repeating: 97, count: 65_536)) } }
    await broken.closed()
    flood.cancel()
    #expect(ContinuousClock.now - begun < .seconds(20))
    #expect(try await chain.client.ask(HTTP2Client.fields()).status == "200")
    await chain.end()
  }

  /// What is refused is told whole, and ends no other stream.
  @Test(arguments: [
    ("/a/../b", "400"), ("http://elsewhere.test/", "400"), ("/" + String(repeating: "a", count: 9_000), "414"),
  ]) func refusalsAreWhole(path: String, status: String) async throws {
    let chain = try await Chain { peer in while peer.head() != nil { peer.answer("well") } }
    let answer = try await chain.client.ask(HTTP2Client.fields("GET", path))
    #expect(answer.status == status && answer.isWhole && answer.text.hasPrefix(status))
    #expect(try await chain.client.ask(HTTP2Client.fields()).text == "well")
    #expect(chain.server.connections == 1)
    await chain.end()
  }
}

/// Agrees on TLS and on HTTP/2, and says nothing more.
private struct SilentClient {
  private let channel: any Channel

  init(_ port: UInt16) async throws {
    var tls = TLSConfiguration.makeClientConfiguration()
    tls.applicationProtocols = ["h2"]
    tls.certificateVerification = .none
    let context = try NIOSSLContext(configuration: tls)
    channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).channelInitializer { channel in
      channel.eventLoop.makeCompletedFuture {
        let handler = try NIOSSLClientHandler(context: context, serverHostname: "web.test")
        try channel.pipeline.syncOperations.addHandler(handler)
      }
    }.connect(host: "127.0.0.1", port: Int(port)).get()
  }

  func send(_ bytes: [UInt8]) async { try? await channel.writeAndFlush(ByteBuffer(bytes: bytes)) }

  func closed() async { try? await channel.closeFuture.get() }
}
