import Glibc
import Ingress
import IngressModel
import Synchronization
import Testing

@Suite(.serialized, .timeLimit(.minutes(1))) struct UploadTests {
  private static let block = 65_536

  /// Tells its place in the body.
  private static func block(_ index: Int) -> [UInt8] {
    [UInt8(index & 255), UInt8(index >> 8)] + [UInt8](repeating: UInt8(index & 127), count: block - 2)
  }

  /// Sends a body of so many blocks, and tells how many have gone out.
  private static func send(_ blocks: Int, on stream: HTTP2Client.Stream, telling sent: Progress) async {
    for index in 0..<blocks {
      await stream.send(block(index), ends: index == blocks - 1)
      sent.advance()
    }
  }

  /// Reads it, and answers how many blocks came where they should.
  private static func takeBlocks(_ blocks: Int, _ peer: ScriptedServer.Peer) {
    var right = 0
    while right < blocks, peer.read(block) == block(right) { right += 1 }
    peer.answer("\(right)")
  }

  /// A server that reads nothing for a while gets the whole body in the end, in its order.
  @Test func uploadsGoOnWhenTheServerTakesMore() async throws {
    let blocks = 320
    let go = Gate()
    let server = try ScriptedServer { peer in
      peer.setBuffers(65_536)
      guard peer.head() != nil, go.wait(seconds: 50) else { return }
      Self.takeBlocks(blocks, peer)
    }
    let chain = try await Chain(server)
    let stream = try await chain.client.open()
    let sent = Progress()
    await stream.send(HTTP2Client.fields("PUT", "/", [("content-length", "\(blocks * Self.block)")]), ends: false)
    async let upload: Void = Self.send(blocks, on: stream, telling: sent)
    let stalled = await sent.stall()
    #expect(stalled > 0 && stalled < blocks, "\(stalled)")
    go.open()
    await upload
    let answer = await stream.answer()
    #expect(answer.text == "\(blocks)" && answer.isWhole, "\(answer.text)")
    await chain.end()
  }

  /// What comes before the server's connection is there is held, no more of it than the proxy likes, and goes first.
  @Test func uploadsWaitForTheServersConnection() async throws {
    let blocks = 160
    let opening = Gate()
    let server = try ScriptedServer(opening: opening) { peer in
      guard peer.head() != nil else { return }
      Self.takeBlocks(blocks, peer)
    }
    var settings = ProxySettings()
    settings.connectTimeout = .seconds(50)
    let chain = try await Chain(server, settings: settings)
    let stream = try await chain.client.open()
    let sent = Progress()
    await stream.send(HTTP2Client.fields("PUT", "/", [("content-length", "\(blocks * Self.block)")]), ends: false)
    async let upload: Void = Self.send(blocks, on: stream, telling: sent)
    let stalled = await sent.stall()
    #expect(stalled > 0 && stalled < 10, "\(stalled)")
    opening.open()
    await upload
    let answer = await stream.answer()
    #expect(answer.text == "\(blocks)" && answer.isWhole, "\(answer.text)")
    await chain.end()
  }

  /// Many small pieces come to as much as a few large ones.
  @Test func chunksOfOneByteArriveWhole() async throws {
    let letters = (0..<20_000).map { Character(Unicode.Scalar(UInt8(97 + $0 % 26))) }
    let server = try ScriptedServer { peer in
      while peer.head() != nil { peer.answer(peer.chunked() ?? "no chunks") }
    }
    let world = try await World(World.everything([server]), [server])
    let wire = try Wire(world.port)
    let chunks = letters.map { "1\r\n\($0)\r\n" }.joined()
    for _ in 0..<2 {
      wire.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\(chunks)0\r\n\r\n")
      #expect(wire.answer().body == String(letters))
    }
    #expect(server.connections == 1)
    await world.stop()
    server.stop()
  }

  // MARK: Clients that stall

  private static func settings() -> ProxySettings {
    var settings = ProxySettings()
    settings.answerTimeout = .seconds(1)
    return settings
  }

  private static let breaker = "circuitBreaker: { failures: 1, pause: 60s }, retries: 2"

  /// Who promises a body and does not send it is late himself; his server has done nothing wrong.
  @Test(arguments: ["", "abc"]) func whoStallsIsLate(_ begun: String) async throws {
    let server = try ScriptedServer { peer in
      while peer.head() != nil, peer.read(10).count == 10 { peer.answer("well") }
    }
    let world = try await World(World.everything([server], Self.breaker), [server], settings: Self.settings())
    let wire = try Wire(world.port)
    wire.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n\(begun)")
    let all = wire.rest()
    #expect(all.hasPrefix("HTTP/1.1 408 ") && all.contains("\r\nConnection: close\r\n"), "\(all)")
    Self.expectNoBlame(world)
    let other = try Wire(world.port)
    other.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789")
    #expect(other.answer().body == "well")
    await world.stop()
    server.stop()
  }

  @Test(arguments: ["", "abc"]) func whoStallsIsLateOverHTTP2(_ begun: String) async throws {
    let server = try ScriptedServer { peer in
      while peer.head() != nil, peer.read(10).count == 10 { peer.answer("well") }
    }
    let chain = try await Chain(server, Self.breaker, settings: Self.settings())
    let stream = try await chain.client.open()
    let fields = HTTP2Client.fields("POST", "/", [("content-length", "10")])
    await stream.send(fields, ends: false)
    if !begun.isEmpty { await stream.send(Array(begun.utf8), ends: false) }
    #expect(await stream.answer().status == "408")
    Self.expectNoBlame(chain.world)
    // The connection goes on.
    let answer = try await chain.client.ask(fields, body: Array("0123456789".utf8))
    #expect(answer.text == "well")
    await chain.end()
  }

  /// An answer that has begun is broken off, which is no failure of the server's either.
  @Test func whoStallsDuringTheAnswerIsLate() async throws {
    let server = try ScriptedServer { peer in
      guard let head = peer.head() else { return }
      if head.hasPrefix("GET") { return peer.answer("well") }
      peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun")
      _ = peer.swallow()
    }
    let world = try await World(World.everything([server], Self.breaker), [server], settings: Self.settings())
    let wire = try Wire(world.port)
    wire.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
    #expect(wire.rest().hasSuffix("\r\n\r\nbegun"))
    Self.expectNoBlame(world)
    let other = try Wire(world.port)
    other.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(other.answer().body == "well")
    await world.stop()
    server.stop()
  }

  private static func expectNoBlame(_ world: World) {
    let server = world.server
    #expect(world.entryPoint?.refused(.timeout) == 1)
    #expect(server?.condition != .paused && server?.totals.errors == 0 && server?.openRequests == 0)
    for failure in RequestFailure.allCases where failure != .clientClosed {
      #expect(server?.totals.failures(failure) == 0, "\(failure)")
    }
  }
}

/// How far something has come.
final class Progress: Sendable {
  private let counter = Atomic(0)
  func advance(_ count: Int = 1) { counter.add(count, ordering: .sequentiallyConsistent) }
  var value: Int { counter.load(ordering: .sequentiallyConsistent) }

  /// Waits until it has begun, and then gone on no more for half a second.
  func stall() async -> Int {
    var last = 0
    while true {
      try? await Task.sleep(for: .milliseconds(500))
      let now = value
      if now > 0, now == last { return now }
      last = now
    }
  }
}

extension ScriptedServer.Peer {
  /// A body in chunks, to its end; nil where it is none.
  func chunked() -> String? {
    var body: [UInt8] = []
    while true {
      var line: [UInt8] = []
      while line.last != 10 {
        let byte = read(1)
        if byte.isEmpty { return nil }
        line += byte
      }
      guard let count = Int(String(decoding: line.dropLast(2), as: UTF8.self), radix: 16) else { return nil }
      body += read(count)
      guard read(2) == [13, 10] else { return nil }
      if count == 0 { return String(decoding: body, as: UTF8.self) }
    }
  }
}
