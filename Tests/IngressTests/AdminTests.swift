import Glibc
import Ingress
import IngressModel
import Testing

/// The port of the status page.
@Suite(.serialized, .timeLimit(.minutes(1))) struct AdminTests {
  private func world(headTimeout: Duration = .seconds(10)) async throws -> (world: World, port: UInt16) {
    var settings = ProxySettings()
    (settings.headTimeout, settings.idleTimeout) = (headTimeout, .seconds(1))
    let text = World.everything([]).replacing("servers: []", with: "servers: [{ url: 'http://127.0.0.1:1' }]")
    let world = try await World(text, [], settings: settings, hasStatus: true)
    return (world, try #require(world.ingress.port(of: "status")))
  }

  @Test func pagesComeOneAfterAnother() async throws {
    let (world, port) = try await world()
    let wire = try Wire(port)
    wire.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nHEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(wire.answer().body == "ok\n")
    #expect(wire.head().hasPrefix("HTTP/1.1 200 "))
    wire.send("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(wire.answer().head.hasPrefix("HTTP/1.1 404 "))
    wire.send("GET /status HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    #expect(wire.rest().hasPrefix("HTTP/1.1 200 "))
    await world.stop()
  }

  /// After a request that is refused nothing more is read of the connection, and it ends.
  @Test(arguments: [
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\n", 405), ("nonsense\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 30\r\n\r\n", 200),
  ])
  func whatIsRefusedIsTheLast(_ text: String, _ status: Int) async throws {
    let (world, port) = try await world(headTimeout: .seconds(1))
    let wire = try Wire(port)
    wire.send(text + "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
    let all = wire.rest()
    #expect(all.hasPrefix("HTTP/1.1 \(status) ") && all.contains("\r\nConnection: close\r\n"), "\(all)")
    #expect(!all.contains("ok\n"))
    // The client may go on to talk, though not for long.
    var words = 0
    while wire.pour(1) == 1, words < 200 {
      words += 1
      try await Task.sleep(for: .milliseconds(50))
    }
    #expect(words < 200)
    await world.stop()
  }

  /// Nor is it kept, however much it is.
  @Test func whatFollowsARefusalIsNotKept() async throws {
    let (world, port) = try await world()
    let wire = try Wire(port)
    wire.send("POST / HTTP/1.1\r\nHost: a\r\n\r\n")
    #expect(wire.rest().hasPrefix("HTTP/1.1 405 "))
    let before = Self.memory()
    #expect(wire.pour(400_000_000) == 400_000_000)
    #expect(Self.memory() - before < 200_000_000)
    await world.stop()
  }

  /// Whoever connects and says nothing, or half of a head, does not stay.
  @Test(arguments: ["", "GET / HT", "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"])
  func silenceEnds(_ text: String) async throws {
    let (world, port) = try await world(headTimeout: .seconds(1))
    let wire = try Wire(port)
    wire.send(text)
    #expect(try wire.untilClosed().hasSuffix(text.hasSuffix("\n") ? "ok\n" : ""))
    await world.stop()
  }

  /// Whoever asks on and on and takes no answer gets no more of them.
  @Test func answersThatNobodyTakesDoNotPileUp() async throws {
    let (world, port) = try await world()
    let wire = try Wire(port, receiveBuffer: 65_536)
    wire.setPatience(milliseconds: 700)
    let asked = Array(repeating: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", count: 20).joined()
    let before = Self.memory()
    for _ in 0..<1_000 { wire.send(asked) }
    #expect(Self.memory() - before < 100_000_000)
    await world.stop()
  }

  /// Bytes of this process that are in memory.
  private static func memory() -> Int {
    var text = [UInt8](repeating: 0, count: 200)
    let file = open("/proc/self/statm", O_RDONLY)
    defer { close(file) }
    let count = read(file, &text, text.count)
    let words = text[..<max(0, count)].split(separator: 32).map { String(decoding: $0, as: UTF8.self) }
    return (words.count > 1 ? Int(words[1]) ?? 0 : 0) * 4_096
  }
}
