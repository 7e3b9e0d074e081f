import HTTPWire
import Measurement
import Testing

@testable import LoadGenerator

/// Responses as RFC 9112 has them, and what is none.
@Suite struct ResponseParserTests {
  /// What a parser makes of bytes that come in these pieces; the last one ends with the connection if so told.
  struct Reading: Hashable {
    var status = 0
    var content: UInt64 = 0
    var isComplete = false
    var keepsAlive = false
    var used = 0
    var problem: ResponseParser.Malformed?
  }

  static func read(_ pieces: [[UInt8]], isHead: Bool = false, thenClosed: Bool = false) -> Reading {
    var parser = ResponseParser()
    parser.begin(isHead: isHead)
    var reading = Reading()
    for piece in pieces where !parser.isComplete {
      do throws(ResponseParser.Malformed) {
        let result = piece.withUnsafeBytes { bytes -> Result<Int, ResponseParser.Malformed> in
          do throws(ResponseParser.Malformed) { return .success(try parser.consume(bytes)) } catch {
            return .failure(error)
          }
        }
        reading.used += try result.get()
      } catch {
        reading.problem = error
        return reading
      }
    }
    if thenClosed { _ = parser.close() }
    reading.status = parser.status
    reading.content = parser.contentLength
    reading.isComplete = parser.isComplete
    reading.keepsAlive = parser.isComplete && parser.keepsAlive
    return reading
  }

  struct Example: Sendable {
    var text: String
    var isHead = false
    var closes = false
    var status: Int
    var content: UInt64
    var keepsAlive: Bool
  }

  static let examples = [
    Example(text: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", status: 200, content: 5, keepsAlive: true),
    Example(text: "HTTP/1.1 200\r\ncontent-length:0\r\n\r\n", status: 200, content: 0, keepsAlive: true),
    Example(text: "HTTP/1.1 404 Not Found\nContent-Length: 2\n\nno", status: 404, content: 2, keepsAlive: true),
    Example(text: "HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n", status: 204, content: 0, keepsAlive: true),
    Example(text: "HTTP/1.1 304 Not Modified\r\n\r\n", status: 304, content: 0, keepsAlive: true),
    Example(
      text: "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", isHead: true, status: 200, content: 0, keepsAlive: true),
    Example(
      text: "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        + "HTTP/1.1 201 Created\r\nContent-Length: 1\r\n\r\nx", status: 201, content: 1, keepsAlive: true),
    Example(
      text:
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4;a=b\r\nwiki\r\n00A\r\n0123456789\r\n0\r\nT: t\r\n\r\n",
      status: 200, content: 14, keepsAlive: true),
    Example(
      text: "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\nContent-Length: 3\r\n\r\n1\r\nx\r\n0\r\n\r\n",
      status: 200, content: 1, keepsAlive: true),
    Example(
      text: "HTTP/1.1 200 OK\r\nConnection: foo, Close\r\nContent-Length: 1\r\n\r\nx", status: 200, content: 1,
      keepsAlive: false),
    Example(text: "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", status: 200, content: 1, keepsAlive: false),
    Example(
      text: "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\nx", status: 200, content: 1,
      keepsAlive: true),
    Example(text: "HTTP/1.1 200 OK\r\n\r\nuntil the end", closes: true, status: 200, content: 13, keepsAlive: false),
  ]

  @Test(arguments: examples)
  func readsInAnyPieces(_ example: Example) {
    let bytes = Array(example.text.utf8)
    let expected = Reading(
      status: example.status, content: example.content, isComplete: true, keepsAlive: example.keepsAlive,
      used: bytes.count)
    #expect(Self.read([bytes], isHead: example.isHead, thenClosed: example.closes) == expected)
    #expect(Self.read(bytes.map { [$0] }, isHead: example.isHead, thenClosed: example.closes) == expected)
    for cut in 1..<bytes.count {
      let pieces = [Array(bytes[..<cut]), Array(bytes[cut...])]
      #expect(Self.read(pieces, isHead: example.isHead, thenClosed: example.closes) == expected, "cut at \(cut)")
    }
  }

  @Test func nothingIsTakenBeyondTheResponse() {
    let reading = Self.read([Array("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1".utf8)])
    #expect(reading.isComplete && reading.used == 39)
  }

  @Test func aResponseCutOffIsNotComplete() {
    for example in Self.examples where !example.closes {
      let bytes = Array(example.text.utf8)
      for cut in 0..<bytes.count {
        #expect(!Self.read([Array(bytes[..<cut])], isHead: example.isHead, thenClosed: true).isComplete, "\(cut)")
      }
    }
  }

  @Test(arguments: [
    ("SSH-2.0-OpenSSH_9.2\r\n", ResponseParser.Malformed.statusLine), ("HTTP/2 200\r\n\r\n", .statusLine),
    ("HTTP/1.1 2x0 OK\r\n", .statusLine), ("HTTP/1.1 099 OK\r\n", .statusLine), ("HTTP/1.1 2000\r\n", .statusLine),
    ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", .header), ("HTTP/1.1 200 OK\r\n: x\r\n\r\n", .header),
    ("HTTP/1.1 200 OK\r\nA : x\r\n\r\n", .header),
    ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", .length),
    ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", .length),
    ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", .length),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", .chunk),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1000000000000000\r\n", .chunk),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n", .chunkEnd),
    ("HTTP/1.1 101 Switching Protocols\r\n\r\n", .unasked),
    ("HTTP/1.1 200 OK\r\nA: " + String(repeating: "a", count: 70_000), .tooLong),
  ])
  func refuses(_ text: String, _ problem: ResponseParser.Malformed) {
    #expect(Self.read([Array(text.utf8)]).problem == problem)
    #expect(Self.read(Array(text.utf8).map { [$0] }).problem == problem)
  }

  /// Whatever comes, the pieces it comes in make no difference, and no more is taken than there is.
  @Test(arguments: 0..<20)
  func fuzz(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    for _ in 0..<2_000 {
      let example = Self.examples[Int.random(in: 0..<Self.examples.count, using: &random)]
      var bytes = Array(example.text.utf8)
      for _ in 0..<Int.random(in: 0...4, using: &random) where !bytes.isEmpty {
        let at = Int.random(in: 0..<bytes.count, using: &random)
        switch Int.random(in: 0...3, using: &random) {
        case 0: bytes[at] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.remove(at: at)
        case 2: bytes.insert(UInt8.random(in: 0...255, using: &random), at: at)
        default: bytes.replaceSubrange(at..., with: Array(bytes[..<at]))
        }
      }
      var pieces: [[UInt8]] = []
      var rest = bytes[...]
      while !rest.isEmpty {
        let count = Int.random(in: 1...max(1, min(rest.count, 20)), using: &random)
        pieces.append(Array(rest.prefix(count)))
        rest = rest.dropFirst(count)
      }
      let whole = Self.read([bytes], isHead: example.isHead, thenClosed: true)
      var inPieces = Self.read(pieces, isHead: example.isHead, thenClosed: true)
      // What was used before a mistake was found depends on the pieces; that it was found does not.
      if whole.problem != nil { inPieces.used = whole.used }
      #expect(whole == inPieces)
      #expect(whole.used <= bytes.count)
    }
  }
}
