import FoundationEssentials
import Glibc
import LatencyProbe
import Testing

/// Probes of a real server, and what Debian's curl says of the same.
@Suite("Probes of nginx, beside curl")
struct NginxTests {
  private let nginx: Nginx

  init() throws { nginx = try Nginx() }

  private struct Told: Decodable {
    var response_code: Int
    var http_version: String
    var size_download: UInt64
    var remote_ip: String
    var num_connects: Int
    var time_total: Double
  }

  private func curl(_ words: [String]) throws -> Told {
    let result = try Program.run(["curl", "-sS", "-q", "-o", "/dev/null", "-w", "%{json}"] + words)
    try #require(result.status == 0, "\(result)")
    return try JSONDecoder().decode(Told.self, from: Data(result.output.utf8))
  }

  enum Way: CaseIterable { case plain, ipv6, missing, large, http2, http1OverTLS, http2InTheClear, largeHTTP2 }

  @Test("Status, version, size, address and connections are those that curl tells", arguments: Way.allCases)
  func agrees(way: Way) throws {
    let authority = nginx.certificate
    let (url, words, change): (String, [String], (inout Prober.Setting) -> Void) =
      switch way {
      case .plain: ("http://127.0.0.1:\(nginx.plain)/", [], { _ in })
      case .ipv6: ("http://[::1]:\(nginx.plain)/", ["-6", "-g"], { $0.family = AF_INET6 })
      case .missing: ("http://127.0.0.1:\(nginx.plain)/missing", [], { _ in })
      case .large: ("http://127.0.0.1:\(nginx.plain)/large", [], { _ in })
      case .http2: ("https://127.0.0.1:\(nginx.tls)/", ["--cacert", authority], { $0.authorities = authority })
      case .http1OverTLS:
        (
          "https://localhost:\(nginx.tls)/", ["--http1.1", "--cacert", authority, "-4"],
          {
            $0.authorities = authority
            $0.version = .http1
            $0.family = AF_INET
          }
        )
      case .http2InTheClear:
        ("http://127.0.0.1:\(nginx.plain2)/", ["--http2-prior-knowledge"], { $0.version = .http2 })
      case .largeHTTP2:
        ("https://127.0.0.1:\(nginx.tls)/large", ["--cacert", authority], { $0.authorities = authority })
      }
    let told = try curl(words + [url])
    let own = try probe(url, .with(change))
    #expect(own.error == nil)
    #expect(own.status == told.response_code)
    #expect(own.httpVersion == told.http_version)
    #expect(own.contentBytes == told.size_download)
    #expect(own.address == told.remote_ip)
    #expect(own.connections == told.num_connects)
  }

  @Test("The moments follow each other, and the phases add up to the total", arguments: [true, false])
  func moments(tls: Bool) throws {
    let own = try probe(
      tls ? "https://localhost:\(nginx.tls)/" : "http://localhost:\(nginx.plain)/",
      .with { $0.authorities = nginx.certificate })
    try #require(own.error == nil)
    let times = own.times
    let order = [times.namelookup, times.connect, times.pretransfer, times.starttransfer, times.total]
    #expect(order == order.sorted())
    #expect(times.namelookup > 0 && times.connect > times.namelookup)
    #expect(tls ? times.appconnect > times.connect && times.appconnect <= times.pretransfer : times.appconnect == 0)
    let sum = Phase.allCases.map { $0.value(times) }.reduce(0, +)
    #expect(abs(sum - times.total) < 1e-9)
  }

  @Test("A certificate that nobody vouches for is refused, unless that is asked for")
  func certificates() throws {
    let url = "https://127.0.0.1:\(nginx.tls)/"
    let refused = try probe(url)
    #expect(refused.error?.hasPrefix("TLS failed: the certificate is not accepted: ") == true)
    #expect(refused.status == nil)
    #expect(try probe(url, .with { $0.verifies = false }).status == 200)
    // The certificate is for other names.
    let elsewhere = try probe(
      "https://elsewhere.example:\(nginx.tls)/",
      .with {
        $0.authorities = nginx.certificate
        $0.overrides = [try AddressOverride("elsewhere.example:\(nginx.tls):127.0.0.1")]
      })
    #expect(elsewhere.error?.contains("certificate is not accepted") == true)
    #expect(throws: ProbeError.self) {
      try Prober(ProbeTarget(url), .with { $0.authorities = "\(nginx.folder)/nginx.conf" })
    }
  }

  @Test("TLS to a server that speaks none, and HTTP/2 where there is none, fail in words")
  func mismatches() throws {
    #expect(try probe("https://127.0.0.1:\(nginx.plain)/").error?.hasPrefix("TLS failed: ") == true)
    let plain = try probe("http://127.0.0.1:\(nginx.plain)/", .with { $0.version = .http2 })
    #expect(plain.error != nil)
  }

  @Test("Headers are sent, and one in place of Host", arguments: [Prober.HTTPVersion.http1, .http2])
  func headers(version: Prober.HTTPVersion) throws {
    let setting = try Prober.Setting.with {
      $0.version = version
      $0.authorities = nginx.certificate
      try $0.addHeader("X-Test: some value")
      try $0.addHeader("Host: shop.example")
    }
    let url = "https://127.0.0.1:\(nginx.tls)/header"
    let own = try probe(url, setting)
    #expect(own.error == nil)
    #expect(own.contentBytes == UInt64("some value,shop.example".utf8.count))
  }

  @Test("Connections are used again where that is asked for", arguments: [Prober.HTTPVersion.http1, .http2])
  func keepAlive(version: Prober.HTTPVersion) throws {
    let prober = try Prober(
      ProbeTarget("https://127.0.0.1:\(nginx.tls)/"),
      .with {
        $0.keepAlive = true
        $0.version = version
        $0.authorities = nginx.certificate
      })
    let probes = try (0..<4).map { _ in try prober.probe() }
    #expect(probes.map(\.connections) == [1, 0, 0, 0])
    #expect(probes.map(\.status) == [200, 200, 200, 200])
    #expect(probes[1...].allSatisfy { $0.times.connect == 0 && $0.times.total > 0 })
  }

  @Test("The total of a server that takes its time is curl's")
  func totals() throws {
    let server = try ScriptedServer([
      .hear, .pause(milliseconds: 60), .say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"),
    ])
    let url = "http://127.0.0.1:\(server.port)/"
    var own: [Double] = []
    var told: [Double] = []
    for _ in 0..<7 {
      let probe = try probe(url)
      try #require(probe.error == nil)
      own.append(probe.times.total)
      told.append(try curl([url]).time_total)
    }
    #expect(own.allSatisfy { $0 >= 0.060 })
    // Medians; the bench holds them to 5 % over a thousand probes.
    #expect(abs(own.sorted()[3] - told.sorted()[3]) < 0.25 * told.sorted()[3])
  }
}
