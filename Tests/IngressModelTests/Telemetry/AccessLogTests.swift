import Foundation
import Testing

@testable import IngressModel

@Suite("Access log")
struct AccessLogTests {
  private func entry() -> AccessLogEntry {
    var entry = AccessLogEntry(
      time: WallTime(seconds: 1_795_291_248, nanoseconds: 7_900_000), client: ClientAddress(bytes: [192, 0, 2, 7]),
      method: "GET", target: "/a?b=c", version: "HTTP/1.1", host: "shop.example.com", status: 200, bytesSent: 1234,
      duration: 12_345_678)
    entry.userAgent = "curl/8"
    entry.router = "shop"
    entry.service = "shop@file"
    entry.server = "http://10.0.0.1:80"
    return entry
  }

  private func line(_ entry: AccessLogEntry, _ format: AccessLog.Format) -> String {
    var log = AccessLog(format: format)
    var bytes: [UInt8] = []
    log.write(entry, to: &bytes)
    return String(decoding: bytes, as: UTF8.self)
  }

  @Test("Common Log Format with what a proxy adds")
  func common() {
    #expect(
      line(entry(), .common)
        == "192.0.2.7 - - [21/Nov/2026:20:00:48 +0000] \"GET /a?b=c HTTP/1.1\" 200 1234 \"-\" \"curl/8\" \"shop\" "
        + "\"http://10.0.0.1:80\" 12ms\n")
    var bare = AccessLogEntry(
      time: WallTime(seconds: 0), client: nil, method: "GET", target: "/", version: "HTTP/2", status: nil)
    bare.referer = "a\"b\\c\nd\u{1b}é"
    #expect(
      line(bare, .common)
        == "- - - [01/Jan/1970:00:00:00 +0000] \"GET / HTTP/2\" 000 0 \"a\\x22b\\x5cc\\x0ad\\x1b\\xc3\\xa9\" \"-\" \"-\" \"-\" 0ms\n"
    )
  }

  @Test("Numbers that no server should send do no harm", arguments: [Int.min, -1, 0, 99_999, Int.max])
  func oddNumbers(number: Int) {
    var odd = entry()
    odd.status = number
    odd.time = WallTime(seconds: number, nanoseconds: number)
    odd.retries = number
    odd.duration = .max
    odd.bytesSent = .max
    for format in AccessLog.Format.allCases { #expect(line(odd, format).split(separator: "\n").count == 1) }
  }

  @Test("JSON")
  func json() {
    var failed = entry()
    failed.retries = 1
    failed.failure = .reset
    #expect(
      line(failed, .json)
        == #"{"time":"2026-11-21T20:00:48.007Z","client":"192.0.2.7","method":"GET","host":"shop.example.com","#
        + #""target":"/a?b=c","protocol":"HTTP/1.1","status":200,"bytesSent":1234,"bytesReceived":0,"#
        + #""durationMs":12.345,"userAgent":"curl/8","router":"shop","service":"shop@file","#
        + #""server":"http://10.0.0.1:80","failure":"reset","retries":1}"# + "\n")
  }

  @Test(
    "Whatever a client sends: one line, of printable characters, with the same fields",
    arguments: AccessLog.Format.allCases)
  func fuzz(format: AccessLog.Format) throws {
    var random = RepeatableRandom(7)
    let pieces = [
      "\n", "\r", "\"", "\\", "\u{0}", "\u{1b}[2J", "\u{9b}", "\u{2028}", "\u{85}", "é", "💥", " ", "a", "\\x22", "\"}",
      "\u{7f}",
    ]
    func text() -> String {
      (0..<Int.random(in: 0...8, using: &random)).map { _ in pieces[Int.random(in: pieces.indices, using: &random)] }
        .joined()
    }
    var log = AccessLog(format: format)
    for _ in 0..<2000 {
      var entry = AccessLogEntry(
        time: WallTime(seconds: Int.random(in: 0...4_000_000_000, using: &random)), client: .v4(5), method: text(),
        target: text(), version: text(), host: text(), status: 200)
      (entry.referer, entry.userAgent, entry.router, entry.server) = (text(), text(), text(), text())
      var bytes = Array("before\n".utf8)
      log.write(entry, to: &bytes)
      #expect(bytes.starts(with: "before\n".utf8))
      let line = String(decoding: bytes.dropFirst(7).dropLast(), as: UTF8.self)
      #expect(bytes.last == UInt8(ascii: "\n"))
      #expect(
        !line.unicodeScalars.contains {
          $0.properties.generalCategory == .control || (0x2028...0x2029).contains($0.value)
        })
      switch format {
      case .common:
        #expect(line.utf8.allSatisfy { (0x20...0x7e).contains($0) })
        #expect(line.utf8.count { $0 == UInt8(ascii: "\"") } == 10)
      case .json:
        let object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        #expect((object["target"] as? String).map { Array($0.utf8) } == Array(entry.target.utf8))
        #expect((object["userAgent"] as? String).map { Array($0.utf8) } == entry.userAgent.map { Array($0.utf8) })
      }
    }
  }

  @Test("Dates are those of the C library, also where the second stays and where it changes")
  func dates() {
    var random = RepeatableRandom(9)
    var clock = LogClock()
    var times = (0..<3000).map { _ in Int.random(in: 0...253_402_300_799, using: &random) }
    times += [951_782_400, 951_782_400, 951_868_799, 4_107_542_400, 0]
    for time in times {
      clock.set(WallTime(seconds: time))
      var seconds = time_t(time)
      var parts = tm()
      gmtime_r(&seconds, &parts)
      var text = [CChar](repeating: 0, count: 64)
      strftime(&text, text.count, "%d/%b/%Y:%H:%M:%S +0000|%Y-%m-%dT%H:%M:%S", &parts)
      let expected = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
      #expect(
        String(decoding: clock.common, as: UTF8.self) + "|" + String(decoding: clock.iso, as: UTF8.self) == expected)
    }
  }

  @Test("Addresses are written as the C library writes them")
  func addresses() throws {
    var random = RepeatableRandom(10)
    for round in 0..<3000 {
      let count = round % 5 == 0 ? 4 : 16
      var bytes = (0..<count).map { _ in
        Bool.random(using: &random) ? 0 : UInt8.random(in: 0...255, using: &random)
      }
      // Groups of zeros in all places; the first not zero, as IPv4 within IPv6 has another form.
      for group in 1..<(count / 2) where Int.random(in: 0..<3, using: &random) > 0 {
        bytes[group * 2] = 0
        bytes[group * 2 + 1] = 0
      }
      bytes[0] = 0x20
      let address = try #require(ClientAddress(bytes: bytes))
      var text: [UInt8] = []
      text.write(address)
      var expected = [CChar](repeating: 0, count: 64)
      inet_ntop(count == 4 ? AF_INET : AF_INET6, bytes, &expected, 64)
      #expect(
        String(decoding: text, as: UTF8.self)
          == String(decoding: expected.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }
    var loopback: [UInt8] = []
    loopback.write(try #require(ClientAddress(bytes: [UInt8](repeating: 0, count: 15) + [1])))
    #expect(String(decoding: loopback, as: UTF8.self) == "::1")
  }
}
