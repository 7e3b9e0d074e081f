import Testing

@testable import IngressModel

@Suite struct HeadReaderTests {
  @Test func aRequestIsTakenApart() {
    let text = "GET /a/b?x=1&y HTTP/1.1\r\nHost: Web.Example.:8080\r\nCookie:  a=b \r\nX-One:\r\n\r\nrest"
    let (read, head) = text.request()
    #expect(read == .complete)
    #expect(head.length == text.utf8.count - 4)
    #expect(text.part(head.method) == "GET" && text.part(head.target) == "/a/b?x=1&y")
    #expect(text.part(head.path) == "/a/b" && head.query.map(text.part) == "x=1&y")
    #expect(text.part(head.authority) == "Web.Example.:8080" && text.part(head.host) == "Web.Example")
    #expect(head.fields.map(\.known) == [.host, .cookie, .other])
    #expect(head.fields.map { text.part($0.value) } == ["Web.Example.:8080", "a=b", ""])
    #expect(head.fields.map { text.part($0.line).hasSuffix("\r\n") } == [true, true, true])
    #expect(head.framing == .none && head.keepsAlive)
  }

  @Test(arguments: [
    ("GET http://a.example/p?q HTTP/1.1\r\nHost: other\r\n\r\n", "a.example", "/p"),
    ("GET http://a.example HTTP/1.1\r\nHost: other\r\n\r\n", "a.example", ""),
    ("GET HTTPS://[fd00::1]:8443/p HTTP/1.1\r\nHost: other\r\n\r\n", "fd00::1", "/p"),
    ("OPTIONS * HTTP/1.1\r\nHost: [::1]\r\n\r\n", "::1", "*"),
    ("GET / HTTP/1.0\r\n\r\n", "", "/"),
    ("GET /..a/.b./c...d/ HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n", "10.0.0.1", "/..a/.b./c...d/"),
  ]) func targetsOfAllForms(_ text: String, _ host: String, _ path: String) {
    let (read, head) = text.request()
    #expect(read == .complete)
    #expect(text.part(head.host) == host && text.part(head.path) == path)
  }

  /// `http://host` has no path, with a query or without.
  @Test(arguments: [("http://a.example", nil), ("http://a.example:80?x=/1", "x=/1"), ("http://[::1]?", "")])
  func targetsWithoutPath(_ target: String, _ query: String?) {
    let text = "GET \(target) HTTP/1.1\r\nHost: other\r\n\r\n"
    let (read, head) = text.request()
    #expect(read == .complete && head.path.isEmpty && head.query.map(text.part) == query)
  }

  @Test(arguments: [
    ("Content-Length: 0", BodyFraming.none), ("Content-Length: 12", .length(12)),
    ("Transfer-Encoding: Chunked", .chunked), ("X: y", .none),
  ]) func lengths(_ field: String, _ framing: BodyFraming) {
    #expect("POST / HTTP/1.1\r\nHost: a\r\n\(field)\r\n\r\n".request().1.framing == framing)
  }

  @Test(arguments: [
    ("HTTP/1.1", "close", false, false), ("HTTP/1.1", "keep-alive", true, false),
    ("HTTP/1.0", "Keep-Alive", true, false),
    ("HTTP/1.0", "x", false, false), ("HTTP/1.1", " upgrade ,  x", true, true), ("HTTP/1.1", "a, CLOSE", false, false),
  ]) func connectionsAreKept(_ version: String, _ words: String, _ keeps: Bool, _ upgrades: Bool) {
    let head = "GET / \(version)\r\nHost: a\r\nConnection: \(words)\r\n\r\n".request().1
    #expect(head.keepsAlive == keeps && head.wantsUpgrade == upgrades)
  }

  /// Shapes by which a request could be two for somebody.
  @Test(arguments: [
    ("GET / HTTP/1.1\nHost: a\n\n", HeadFault.malformed),
    ("GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", .malformed),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: y\rZ: w\r\n\r\n", .malformed),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: y\0\r\n\r\n", .malformed),
    ("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", .badMethod),
    ("GET / HTTP/1.1\r\nHost: a\r\n X: y\r\n\r\n", .badField),
    ("GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", .badField),
    ("GET / HTTP/1.1\r\nHost: a\r\n: y\r\n\r\n", .badField),
    ("GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n", .badField),
    ("GET / HTTP/1.1\r\n\r\n", .badHost), ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", .badHost),
    ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", .badHost), ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", .badHost),
    ("GET / HTTP/1.1\r\nHost: a:b\r\n\r\n", .badHost), ("GET / HTTP/1.1\r\nHost: a@b\r\n\r\n", .badHost),
    ("GET / HTTP/1.1\r\nHost: a:123456\r\n\r\n", .badHost), ("GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", .badHost),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", .ambiguousLength),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n", .ambiguousLength),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", .ambiguousLength),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\n", .ambiguousLength),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n", .ambiguousLength),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 03\r\n\r\n", .ambiguousLength),
    ("GET /%c0%ae%c0%ae/a HTTP/1.1\r\nHost: a\r\n\r\n", .badTarget),
    ("GET /x/..%3b/a HTTP/1.1\r\nHost: a\r\n\r\n", .pathClimbs),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", .ambiguousLength),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n", .ambiguousLength),
    (
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", .ambiguousLength
    ),
    ("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", .ambiguousLength),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", .unknownEncoding),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", .unknownEncoding),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n", .unknownEncoding),
    ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", .badTarget), ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", .badVersion),
    ("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", .badTarget), ("GET a HTTP/1.1\r\nHost: a\r\n\r\n", .badTarget),
    ("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", .badTarget), ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", .badTarget),
    ("GET http:// HTTP/1.1\r\nHost: a\r\n\r\n", .badTarget), ("GET /%0 HTTP/1.1\r\nHost: a\r\n\r\n", .badTarget),
    ("GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", .badTarget), ("G(T / HTTP/1.1\r\nHost: a\r\n\r\n", .badMethod),
    ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", .badVersion), ("GET / http/1.1\r\nHost: a\r\n\r\n", .badVersion),
    ("GET /\r\n\r\n", .badTarget), ("GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n", .pathClimbs),
    ("GET /a/%2e%2E/b HTTP/1.1\r\nHost: a\r\n\r\n", .pathClimbs), ("GET /.. HTTP/1.1\r\nHost: a\r\n\r\n", .pathClimbs),
    ("GET /a/..%2fb HTTP/1.1\r\nHost: a\r\n\r\n", .pathClimbs),
    ("GET /a/..;x/b HTTP/1.1\r\nHost: a\r\n\r\n", .pathClimbs),
    ("GET /a\\..\\b HTTP/1.1\r\nHost: a\r\n\r\n", .pathClimbs), ("GET /./a HTTP/1.1\r\nHost: a\r\n\r\n", .pathClimbs),
  ]) func whatIsOpenToDisputeIsRefused(_ text: String, _ fault: HeadFault) {
    #expect(text.request().0 == .refused(fault))
  }

  @Test func sizesAreLimited() {
    var limits = HeadLimits()
    (limits.line, limits.head, limits.fields) = (200, 1000, 20)
    func read(_ text: String) -> Read { text.request(limits).0 }
    #expect(read("GET /\(String(repeating: "a", count: 300)) HTTP/1.1\r\nHost: a\r\n\r\n") == .refused(.targetTooLong))
    #expect(read(String(repeating: "a", count: 201)) == .refused(.targetTooLong))
    let line = "X: \(String(repeating: "y", count: 90))\r\n"
    let start = "GET / HTTP/1.1\r\nHost: a\r\n"
    #expect(read(start + String(repeating: line, count: 12)) == .refused(.headTooLong))
    #expect(read(start + String(repeating: line, count: 12) + "\r\n") == .refused(.headTooLong))
    #expect(read(start + String(repeating: "X: y\r\n", count: 20) + "\r\n") == .refused(.headTooLong))
    #expect(read(start + line + "\r\n") == .complete)
    #expect(read(start) == .incomplete)
  }

  /// However the bytes come, the same is read.
  @Test func byteByByte() {
    let text = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nxyz"
    let bytes = Array(text.utf8)
    var reader = HeadReader()
    var head = MessageHead()
    for count in 1..<bytes.count - 3 {
      let outcome = bytes[..<count].withUnsafeBufferPointer { reader.request($0, into: &head) }
      #expect(outcome.read == .incomplete)
    }
    #expect(bytes.withUnsafeBufferPointer { reader.request($0, into: &head) }.read == .complete)
    #expect(head.length == bytes.count - 3 && head.framing == .length(3))
  }

  @Test(arguments: [
    ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", false, 200, BodyFraming.length(5), true),
    ("HTTP/1.1 200\r\nContent-Length: 5\r\n\r\n", true, 200, .none, true),
    ("HTTP/1.1 200 \r\nTransfer-Encoding: chunked\r\n\r\n", false, 200, .chunked, true),
    ("HTTP/1.1 200 OK\r\n\r\n", false, 200, .untilClose, false), ("HTTP/1.1 204 No\r\n\r\n", false, 204, .none, true),
    ("HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n", false, 304, .none, true),
    ("HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", false, 101, .none, true),
    ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", false, 200, .length(5), false),
  ]) func responses(_ text: String, _ isHead: Bool, _ status: Int, _ framing: BodyFraming, _ keeps: Bool) {
    let (read, head) = text.response(toHEAD: isHead)
    #expect(read == .complete && head.status == status && head.framing == framing && head.keepsAlive == keeps)
  }

  @Test(arguments: [
    ("HTTP/1.1 099 OK\r\n\r\n", HeadFault.badStatus), ("HTTP/1.1 2000 OK\r\n\r\n", .badStatus),
    ("HTTP/1.1\r\n\r\n", .badStatus),
    ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", .ambiguousLength),
    ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", .ambiguousLength), ("ICY 200 OK!!!\r\n\r\n", .badVersion),
  ]) func brokenResponses(_ text: String, _ fault: HeadFault) { #expect(text.response().0 == .refused(fault)) }

  /// Heads that are broken by chance are refused or read, and what was read lies within the head.
  @Test func anyBytes() {
    var random = Generator(seed: 20_261_121)
    let samples = [
      "GET /a/b?x=1 HTTP/1.1\r\nHost: web.example:80\r\nCookie: a=b\r\nConnection: upgrade, x\r\n\r\n",
      "POST http://a.example/p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n",
    ]
    for round in 0..<20_000 {
      var bytes = Array(samples[round % 3].utf8)
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.remove(at: place)
        case 2: bytes.insert(UInt8([13, 10, 32, 58, 46, 37, 0].randomElement(using: &random) ?? 0), at: place)
        default: bytes.replaceSubrange(place..., with: bytes[(bytes.count - place)...])
        }
        if bytes.isEmpty { bytes = [10] }
      }
      var reader = HeadReader()
      var head = MessageHead()
      let outcome = bytes.withUnsafeBufferPointer {
        round % 3 == 2 ? reader.response($0, toHEAD: false, into: &head) : reader.request($0, into: &head)
      }
      guard outcome.read == .complete else { continue }
      #expect(head.length <= bytes.count && Array(bytes[..<head.length].suffix(4)) == [13, 10, 13, 10])
      let inner = bytes[..<(head.length - 4)]
      #expect(zip(inner, inner.dropFirst()).allSatisfy { ($0 == 13) == ($1 == 10) } && inner.first != 10)
      for field in head.fields {
        #expect(field.line.upperBound <= head.length && field.value.upperBound <= head.length)
      }
    }
  }
}

/// A generator whose numbers come again (splitmix64).
struct Generator: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
