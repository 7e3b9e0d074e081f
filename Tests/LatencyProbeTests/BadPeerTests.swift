import Glibc
import LatencyProbe
import Testing

@Suite("Peers that are not there, or misbehave")
struct BadPeerTests {
  typealias Act = ScriptedServer.Act

  @Test("A response in any of HTTP/1.1's forms is read to its end")
  func forms() throws {
    let responses: [(String, Int, UInt64)] = [
      ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, 5),
      ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n2;x=y\r\n, \r\n0\r\nT: 1\r\n\r\n", 200, 7),
      ("HTTP/1.0 200 OK\r\n\r\nuntil the end", 200, 13),
      (
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", 204,
        0
      ),
      ("HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n", 500, 0),
    ]
    for (text, status, bytes) in responses {
      let server = try ScriptedServer([.hear] + text.map { .say(String($0)) })
      let own = try probe("http://127.0.0.1:\(server.port)/")
      #expect(own.error == nil, "\(text)")
      #expect(own.status == status)
      #expect(own.contentBytes == bytes)
    }
  }

  @Test("What breaks off, resets or is no HTTP fails in words")
  func broken() throws {
    let cases: [([Act], String)] = [
      ([.hear], "the server closed the connection before the response was complete"),
      ([.hear, .say("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort")], "the server closed the connection"),
      (
        [.hear, .say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel")],
        "the server closed the connection"
      ),
      ([.hear, .reset], "the connection broke: Connection reset by peer"),
      ([.hear, .say("220 mail.example ESMTP\r\n")], "the answer is not HTTP: "),
      ([.hear, .say("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n")], "the answer is not HTTP: "),
      ([.hear, .say("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nmore than that")], "the answer is not HTTP: "),
    ]
    for (acts, words) in cases {
      let server = try ScriptedServer(acts)
      let own = try probe("http://127.0.0.1:\(server.port)/")
      #expect(own.error?.hasPrefix(words) == true, "\(acts): \(own.error ?? "no error")")
    }
  }

  @Test("A server that says nothing, or stops in the middle, costs no more than the timeout")
  func silent() throws {
    for acts in [[Act.hold], [.hear, .say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123"), .hold]] {
      let server = try ScriptedServer(acts)
      let own = try probe("http://127.0.0.1:\(server.port)/", .with { $0.timeout = .milliseconds(200) })
      #expect(own.error == "timed out while waiting for the response")
      #expect(own.times.total >= 0.2)
    }
    let silent = try ScriptedServer([.hold])
    let tls = try probe("https://127.0.0.1:\(silent.port)/", .with { $0.timeout = .milliseconds(200) })
    #expect(tls.error == "timed out while shaking hands (TLS)")
  }

  @Test("Garbage in place of HTTP/2 or TLS fails in words")
  func garbage() throws {
    let garbage = String(repeating: "\u{1}garbage", count: 50)
    let server = try ScriptedServer([.say(garbage), .hold])
    #expect(
      try probe("http://127.0.0.1:\(server.port)/", .with { $0.version = .http2 }).error?.hasPrefix(
        "the answer is not HTTP: ") == true)
    #expect(try probe("https://127.0.0.1:\(server.port)/").error?.hasPrefix("TLS failed: ") == true)
  }

  @Test("Nobody listens, no such name, no address of the family")
  func unreachable() throws {
    let port = try freePort()
    #expect(try probe("http://127.0.0.1:\(port)/").error == "cannot connect to 127.0.0.1:\(port): Connection refused")
    let unknown = try probe("http://no-such-host.invalid/")
    #expect(unknown.error?.hasPrefix("cannot look up no-such-host.invalid: ") == true)
    #expect(
      try probe("http://127.0.0.1:\(port)/", .with { $0.family = AF_INET6 }).error?.contains("no IPv6 address") == true)
  }

  @Test("An address that does not answer gives way to the next one")
  func fallsBack() throws {
    let server = try ScriptedServer([.hear, .say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")])
    let own = try probe(
      "http://two.example:\(server.port)/",
      .with { $0.overrides = [try AddressOverride("two.example:\(server.port):::1,127.0.0.1")] })
    #expect(own.error == nil)
    #expect(own.address == "127.0.0.1")
  }

  @Test("A connection that the server closed while it was idle is no failure")
  func stale() throws {
    // It promises to keep the connection, and ends it.
    let server = try ScriptedServer([.hear, .say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")])
    let prober = try Prober(ProbeTarget("http://127.0.0.1:\(server.port)/"), .with { $0.keepAlive = true })
    let probes = try (0..<3).map { _ in try prober.probe() }
    #expect(probes.map(\.error) == [nil, nil, nil])
    #expect(probes.map(\.connections) == [1, 1, 1])
  }

  @Test("Probes that fail one after the other end the measurement of their target, and are told")
  func patience() throws {
    let good = try ScriptedServer([.hear, .say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")])
    let bad = try freePort()
    let targets = try ["http://127.0.0.1:\(bad)/", "http://127.0.0.1:\(good.port)/"].map { try ProbeTarget($0) }
    let result = try Latency(.init(targets: targets, count: 6)).run()
    #expect(result.paths.map(\.probes.count) == [Latency.patience, 6])
    #expect(result.paths.map(\.failures) == [Latency.patience, 0])
    #expect(result.shortfall?.contains("3 of 3 probes failed") == true)
    #expect(result.series.map(\.subject).contains(targets[1].url))
  }

  @Test("Probes keep their interval")
  func interval() throws {
    let server = try ScriptedServer([.hear, .say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")])
    let target = try ProbeTarget("http://127.0.0.1:\(server.port)/")
    let probes = try Latency(.init(targets: [target], count: 5, interval: .milliseconds(30))).run().paths[0].probes
    for (number, probe) in probes.enumerated() {
      #expect(probe.start >= Double(number) * 0.030 - 0.001)
    }
    #expect(probes.count == 5)
  }
}
