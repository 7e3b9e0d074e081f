import Glibc
import Ingress
import IngressModel
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct FlowTests {
  private static let large = 50_000_000
  /// What kernels and proxy may hold between two that do not read.
  private static let between = 25_000_000

  /// The proxy takes no more of an answer than its client does, and none of it is lost.
  @Test(arguments: ["Content-Length: 50000000", "Connection: close"])
  func aSlowClientStopsTheServer(_ field: String) async throws {
    let stalled = Gate()
    let progress = Atomic(0)
    let server = try ScriptedServer { peer in
      guard peer.head() != nil else { return }
      peer.setBuffers(65_536)
      peer.setPatience(milliseconds: 700)
      peer.send("HTTP/1.1 200 OK\r\n\(field)\r\n\r\n")
      let sent = peer.pour(Self.large)
      progress.store(sent, ordering: .sequentiallyConsistent)
      stalled.open()
      peer.setPatience(milliseconds: 0)
      _ = peer.pour(Self.large - sent)
    }
    let world = try await World(World.everything([server]), [server])
    let wire = try Wire(world.port, receiveBuffer: 65_536)
    wire.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n")
    #expect(stalled.wait())
    let sent = progress.load(ordering: .sequentiallyConsistent)
    #expect(sent > 0 && sent < Self.between, "\(sent)")
    while !wire.line().isEmpty {}
    #expect(wire.swallow() == Self.large)
    await world.stop()
    server.stop()
  }

  /// A server that has sent all and gone leaves an answer that its client still gets as a whole.
  @Test(arguments: [500_000, 2_000_000, 3_000_000, 4_000_000, 6_000_000, 8_000_000], [true, false])
  func aServerThatIsDoneMayGo(_ size: Int, tellsLength: Bool) async throws {
    let sent = Gate()
    let server = try ScriptedServer { peer in
      guard peer.head() != nil else { return }
      peer.setPatience(milliseconds: 500)
      peer.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\(tellsLength ? "Content-Length: \(size)\r\n" : "")\r\n")
      let count = peer.pour(size)
      if count == size { peer.end(writing: true) }
      sent.open()
      peer.setPatience(milliseconds: 0)
      _ = peer.pour(size - count)
    }
    let world = try await World(World.everything([server]), [server])
    let wire = try Wire(world.port, receiveBuffer: 32_768)
    wire.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    #expect(sent.wait())
    // Longer than the time that a client has to go when all has been written.
    try await Task.sleep(for: .seconds(size == 8_000_000 ? 4 : 0))
    var isChunked = false
    while true {
      let line = wire.line()
      if line.isEmpty { break }
      if line == "Transfer-Encoding: chunked" { isChunked = true }
    }
    #expect(isChunked == !tellsLength)
    var count = 0
    if isChunked {
      while let chunk = Int(wire.line(), radix: 16) {
        if chunk == 0 {
          count = count == size ? size : -1
          break
        }
        count += wire.swallow(chunk)
        _ = wire.line()
      }
    } else {
      count = wire.swallow()
    }
    #expect(count == size)
    await world.stop()
    server.stop()
  }

  @Test func aSlowServerStopsTheClient() async throws {
    let (begun, ready) = (Gate(), Gate())
    let server = try ScriptedServer { peer in
      guard peer.head() != nil else { return }
      begun.open()
      guard ready.wait() else { return }
      peer.answer("\(peer.swallow(Self.large))")
    }
    let world = try await World(World.everything([server]), [server])
    let wire = try Wire(world.port)
    wire.setBuffers(65_536)
    wire.setPatience(milliseconds: 700)
    wire.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(Self.large)\r\n\r\n")
    #expect(begun.wait())
    let sent = wire.pour(Self.large)
    #expect(sent > 0 && sent < Self.between, "\(sent)")
    ready.open()
    wire.setPatience(milliseconds: 10_000)
    #expect(sent + wire.pour(Self.large - sent) == Self.large)
    #expect(wire.answer().body == "\(Self.large)")
    await world.stop()
    server.stop()
  }

  /// Whoever asks on and on and takes no answer gets no more of them.
  @Test func answersThatNobodyTakesDoNotPileUp() async throws {
    let stalled = Gate()
    let count = Atomic(0)
    let body = String(repeating: "0", count: 65_536)
    let server = try ScriptedServer { peer in
      peer.setPatience(milliseconds: 700)
      while true {
        if peer.head() != nil {
          count.add(1, ordering: .sequentiallyConsistent)
          peer.answer(body)
        } else {
          if errno != EAGAIN { return }
          stalled.open()
          peer.setPatience(milliseconds: 0)
        }
      }
    }
    let world = try await World(World.everything([server]), [server])
    let wire = try Wire(world.port, receiveBuffer: 65_536)
    let asked = 1_000
    wire.send(String(repeating: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", count: asked - 1))
    wire.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    #expect(stalled.wait())
    let answered = count.load(ordering: .sequentiallyConsistent)
    #expect(answered > 0 && answered < 300, "\(answered)")
    #expect(wire.swallow() > asked * body.utf8.count)
    #expect(count.load(ordering: .sequentiallyConsistent) == asked)
    await world.stop()
    server.stop()
  }

  @Test func aClientThatGoesFreesTheServer() async throws {
    let gone = Gate()
    let server = try ScriptedServer { peer in
      guard peer.head() != nil else { return }
      peer.send("HTTP/1.1 200 OK\r\n\r\n")
      while peer.pour(1_000_000) == 1_000_000 {}
      gone.open()
    }
    let world = try await World(World.everything([server]), [server])
    var wire: Wire? = try Wire(world.port)
    wire?.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(wire?.swallow(100_000) == 100_000)
    wire = nil
    #expect(gone.wait())
    await world.stop()
    server.stop()
  }

  /// An answer may come before the request is complete; then neither connection can be used again.
  @Test func earlyAnswersEndBothConnections() async throws {
    let ended = Gate()
    let server = try ScriptedServer { peer in
      guard let head = peer.head() else { return }
      if head.hasPrefix("GET") { return peer.answer("well") }
      peer.answer("enough", status: "413 Content Too Large")
      _ = peer.swallow()
      ended.open()
    }
    let world = try await World(World.everything([server]), [server])
    let wire = try Wire(world.port)
    wire.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\n")
    let answer = wire.answer()
    #expect(answer.head.hasPrefix("HTTP/1.1 413 ") && answer.body == "enough")
    #expect(ended.wait())
    // What the client sends still is read, so that the answer is not lost to a reset.
    #expect(wire.pour(3_000_000) > 1_000_000)
    let other = try Wire(world.port)
    other.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(other.answer().body == "well" && server.connections == 2)
    await world.stop()
    server.stop()
  }

  @Test func answersInAdvancePass() async throws {
    let server = try ScriptedServer { peer in
      while let head = peer.head() {
        if head.contains("Expect: 100-continue\r\n") {
          peer.send("HTTP/1.1 100 Continue\r\n\r\n")
          peer.answer(String(decoding: peer.read(5), as: UTF8.self))
        } else {
          peer.send("HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n")
          peer.answer("late")
        }
      }
    }
    let world = try await World(World.everything([server]), [server])
    let wire = try Wire(world.port)
    wire.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    #expect(wire.answer().head == "HTTP/1.1 100 Continue\r\n\r\n")
    wire.send("hello")
    #expect(wire.answer().body == "hello")
    wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(wire.answer().head == "HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\n\r\n")
    #expect(wire.answer().body == "late")
    // HTTP/1.0 knows of none.
    let old = try Wire(world.port)
    old.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n")
    #expect(old.rest().hasPrefix("HTTP/1.1 200 "))
    #expect(server.connections == 1)
    await world.stop()
    server.stop()
  }

  /// A server that promises an answer and breaks is a bad gateway, not a silence.
  @Test func brokenPromisesAreBadGateways() async throws {
    let server = try ScriptedServer { peer in
      if peer.head() != nil { peer.send("HTTP/1.1 103 Early Hints\r\n\r\n") }
    }
    let world = try await World(World.everything([server], "retries: 0"), [server])
    let wire = try Wire(world.port)
    wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(wire.answer().head.hasPrefix("HTTP/1.1 103 "))
    #expect(wire.answer().head.hasPrefix("HTTP/1.1 502 "))
    await world.stop()
    server.stop()
  }

  @Test func answersWithoutBodiesLeaveTheConnectionsInStep() async throws {
    let server = try ScriptedServer { peer in
      while let head = peer.head() {
        if head.hasPrefix("HEAD") {
          peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        } else if head.hasPrefix("GET /204") {
          peer.send("HTTP/1.1 204 No Content\r\n\r\n")
        } else if head.hasPrefix("GET /304") {
          peer.send("HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\nETag: \"a\"\r\n\r\n")
        } else {
          peer.answer("body")
        }
      }
    }
    let world = try await World(World.everything([server]), [server])
    let wire = try Wire(world.port)
    for _ in 0..<3 {
      wire.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(wire.head().contains("Content-Length: 1000\r\n"))
      wire.send("GET /204 HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(wire.head().hasPrefix("HTTP/1.1 204 "))
      wire.send("GET /304 HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(wire.head().contains("ETag: \"a\"\r\n"))
      wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(wire.answer().body == "body")
    }
    #expect(server.connections == 1)
    await world.stop()
    server.stop()
  }

  @Test func chunksThatBreakOffAreBrokenOff() async throws {
    let server = try ScriptedServer { peer in
      guard peer.head() != nil else { return }
      peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n64\r\nhalf")
    }
    let world = try await World(World.everything([server]), [server])
    let wire = try Wire(world.port)
    wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    let all = wire.rest()
    #expect(all.contains("5\r\nhello\r\n") && !all.hasSuffix("0\r\n\r\n"))
    await world.stop()
    server.stop()
  }

  /// A body that waited with its request behind another one goes on like any other.
  @Test func bodiesBehindOtherRequestsPass() async throws {
    let ready = Gate()
    let server = try ScriptedServer { peer in
      while let head = peer.head() {
        if head.hasPrefix("GET") {
          _ = ready.wait()
          peer.answer("first")
        } else if head.contains("chunked") {
          var text = ""
          while !text.hasSuffix("0\r\n\r\n") { text += String(decoding: peer.read(1), as: UTF8.self) }
          peer.answer("\(text.utf8.filter { $0 == UInt8(ascii: "a") }.count)")
        } else {
          peer.answer(String(decoding: peer.read(5), as: UTF8.self))
        }
      }
    }
    let world = try await World(World.everything([server]), [server])
    let wire = try Wire(world.port)
    wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nPOST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")
    ready.open()
    #expect(wire.answer().body == "first")
    #expect(wire.answer().body == "hello")
    // Much around little: what waits is more than what goes on to the server.
    let chunk = "1;\(String(repeating: "x", count: 200))\r\na\r\n"
    wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\nPOST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
    let sender = Gate()
    ScriptedServer.thread {
      wire.send(String(repeating: chunk, count: 2_000) + "0\r\n\r\n")
      sender.open()
    }
    ready.open()
    #expect(wire.answer().body == "first")
    #expect(wire.answer().body == "2000")
    #expect(sender.wait())
    await world.stop()
    server.stop()
  }

  /// The server's time runs from the end of the request: who sends slowly is not late.
  @Test func slowUploadsAreNotTimedOut() async throws {
    var settings = ProxySettings()
    settings.answerTimeout = .seconds(1)
    let server = try ScriptedServer { peer in
      while peer.head() != nil { peer.answer(String(decoding: peer.read(8), as: UTF8.self)) }
    }
    let world = try await World(World.everything([server]), [server], settings: settings)
    let wire = try Wire(world.port)
    wire.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\n")
    ScriptedServer.thread {
      for byte in "abcdefgh" {
        usleep(400_000)
        wire.send(String(byte))
      }
    }
    #expect(wire.answer().body == "abcdefgh")
    await world.stop()
    server.stop()
  }

  /// Connections that the server ends while they wait are not used for the next request, whatever it is.
  @Test func connectionsThatEndedAreNotUsed() async throws {
    let server = try ScriptedServer { peer in if peer.head() != nil { peer.answer("one") } }
    let world = try await World(World.everything([server]), [server])
    let wire = try Wire(world.port)
    for _ in 0..<200 {
      wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
      #expect(wire.answer().body == "one")
    }
    await world.stop()
    server.stop()
  }

  @Test func clientsWithAnUnsentRestAreNotCutOffByTheEnd() async throws {
    let server = try ScriptedServer { peer in
      while peer.head() != nil { peer.answer(String(repeating: "0", count: 6_000_000)) }
    }
    let world = try await World(World.everything([server]), [server])
    let wire = try Wire(world.port, receiveBuffer: 32_768)
    wire.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(wire.head().hasPrefix("HTTP/1.1 200 "))
    async let stopped: Void = world.stop()
    #expect(wire.swallow(6_000_000) == 6_000_000)
    await stopped
    server.stop()
  }
}

extension Wire {
  /// The next line without its end.
  func line() -> String {
    var text: [UInt8] = []
    var byte: UInt8 = 0
    while recv(descriptor, &byte, 1, 0) == 1 {
      if byte == 10 { return String(decoding: text.dropLast(), as: UTF8.self) }
      text.append(byte)
    }
    return ""
  }

  /// The next answer's head, where no body follows whatever it says.
  func head() -> String {
    var text = ""
    while true {
      let line = self.line()
      text += line + "\r\n"
      if line.isEmpty { return text }
    }
  }
}

extension ScriptedServer.Peer {
  /// Ends this side's stream.
  func end(writing: Bool) { shutdown(descriptor, CInt(SHUT_WR)) }
}
