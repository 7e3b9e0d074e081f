import Glibc
import Ingress
import IngressModel
import Testing

@Suite(.serialized, .timeLimit(.minutes(1))) struct ConnectionEndTests {
  // MARK: Of servers' connections

  /// A connection that its server has ended meanwhile says nothing of the server: it counts as no failure.
  @Test(arguments: [true, false]) func staleConnectionsAreNoFailures(_ byReset: Bool) async throws {
    let server = try ScriptedServer { peer in
      guard peer.head() != nil else { return }
      peer.answer("one")
      // The next one is seen by nobody.
      if peer.head() != nil, byReset { peer.reset() }
    }
    let more = "circuitBreaker: { failures: 1, pause: 60s }, retries: 0"
    let world = try await World(World.everything([server], more), [server])
    let wire = try Wire(world.port)
    for count in 1...5 {
      wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(wire.answer().body == "one")
      #expect(server.connections == count)
    }
    // This one may have arrived: it is not sent again, and there is no telling whose fault that is.
    wire.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
    #expect(wire.answer().head.hasPrefix("HTTP/1.1 502 "))
    let state = world.server
    #expect(state?.condition != .paused && state?.totals.errors == 0 && state?.totals.failures(.reset) == 0)
    #expect(state?.totals.requests == 5 && state?.openRequests == 0)
    await world.stop()
    server.stop()
  }

  /// What the client of a tunnel has said before it went reaches a server that is slow to read.
  @Test(arguments: [true, false]) func theLastWordsInATunnelArrive(_ leaves: Bool) async throws {
    let (gone, read) = (Gate(), Gate())
    let got = Progress()
    let server = try ScriptedServer { peer in
      peer.setBuffers(65_536)
      guard peer.head() != nil else { return }
      peer.send("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
      guard gone.wait() else { return }
      got.advance(peer.swallow())
      read.open()
    }
    let world = try await World(World.everything([server]), [server])
    var wire: Wire? = try Wire(world.port)
    wire?.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
    #expect(wire?.head().hasPrefix("HTTP/1.1 101 ") == true)
    wire?.setBuffers(65_536)
    wire?.setPatience(milliseconds: 700)
    let sent = wire?.pour(50_000_000) ?? 0
    #expect(sent > 100_000 && sent < 50_000_000)
    if leaves { wire = nil } else { wire?.finish() }
    gone.open()
    #expect(read.wait() && got.value == sent, "\(got.value) of \(sent)")
    await world.stop()
    server.stop()
  }

  // MARK: Of clients' connections

  /// Who takes an answer slowly but steadily gets all of it, also where the server has long gone.
  @Test(arguments: [true, false]) func whoIsSlowButSteadyGetsAll(_ closes: Bool) async throws {
    let size = 16_000_000
    var settings = ProxySettings()
    (settings.answerTimeout, settings.idleTimeout, settings.headTimeout) = (.seconds(1), .seconds(1), .seconds(1))
    let server = try ScriptedServer { peer in
      guard peer.head() != nil else { return }
      peer.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: \(size)\r\n\r\n")
      _ = peer.pour(size)
    }
    let world = try await World(World.everything([server]), [server], settings: settings)
    // Large enough for the kernel to send all the time.
    let wire = try Wire(world.port, receiveBuffer: 400_000)
    wire.send("GET / HTTP/1.1\r\nHost: a\r\n\(closes ? "Connection: close\r\n" : "")\r\n")
    #expect(wire.head().hasPrefix("HTTP/1.1 200 "))
    let (count, done) = (Progress(), Gate())
    ScriptedServer.thread {
      while count.value < size {
        let now = wire.swallow(min(100_000, size - count.value))
        if now == 0 { break }
        count.advance(now)
        // The pace.
        usleep(30_000)
      }
      done.open()
    }
    #expect(done.wait(seconds: 40))
    #expect(count.value == size, "\(count.value)")
    await world.stop()
    server.stop()
  }

  // MARK: Of the program

  /// A request that is on its way when the program is told to end is answered, and told that it was the last one.
  @Test func whoAsksAsTheEndBeginsIsAnswered() async throws {
    let drained = Gate()
    let server = try ScriptedServer { peer in
      while peer.head() != nil { peer.answer("well") }
      drained.open()
    }
    let log = LogPipe()
    let world = try await World(World.everything([server]), [server], log: log)
    let wire = try Wire(world.port)
    wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    let first = wire.answer()
    #expect(first.body == "well" && !first.head.contains("Connection: close"))
    // The log is written once a second, when times are looked at too: a moment later all of a second is left.
    #expect(log.text(patience: 10_000).contains("\"GET / HTTP/1.1\" 200 "))
    let asked = Gate()
    ScriptedServer.thread {
      // The server's connection ends when the loop has heard of the end.
      if drained.wait(seconds: 50) { wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n") }
      asked.open()
    }
    await world.stop()
    #expect(asked.wait())
    let last = wire.answer()
    #expect(last.body == "well" && last.head.contains("\r\nConnection: close\r\n"))
    #expect(try wire.untilClosed() == "")
    server.stop()
  }

  /// Requests that the end of the program cuts off are in the log like all others.
  @Test func whatIsCutOffIsInTheLog() async throws {
    let begun = Gate()
    let server = try ScriptedServer { peer in
      guard let head = peer.head() else { return }
      if head.hasPrefix("GET /begun") { peer.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbegun") }
      begun.open()
      _ = peer.swallow()
    }
    let log = LogPipe()
    let world = try await World(World.everything([server]), [server], log: log)
    let silent = try Wire(world.port)
    silent.send("GET /silent HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(begun.wait())
    let half = try Wire(world.port)
    half.send("GET /begun HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(begun.wait() && half.swallow(17) == 17)
    await world.ingress.stop(within: .milliseconds(50))
    let text = log.text()
    #expect(text.contains("\"GET /silent HTTP/1.1\" ") && text.contains("\"GET /begun HTTP/1.1\" 200 "), "\(text)")
    #expect(try silent.untilClosed() == "")
    server.stop()
  }

  @Test func whatIsCutOffIsInTheLogOverHTTP2() async throws {
    let begun = Gate()
    let server = try ScriptedServer { peer in
      guard peer.head() != nil else { return }
      begun.open()
      _ = peer.swallow()
    }
    let log = LogPipe()
    let chain = try await Chain(server, log: log)
    let stream = try await chain.client.open()
    await stream.send(HTTP2Client.fields("GET", "/silent"), ends: true)
    #expect(begun.wait())
    // What the client does not hear it does not confirm, which takes its time over TLS.
    await chain.client.turnDeaf()
    await chain.world.ingress.stop(within: .milliseconds(50))
    let text = log.text()
    #expect(text.contains("\"GET /silent HTTP/2.0\" "), "\(text)")
    await chain.client.closed()
    server.stop()
  }
}
