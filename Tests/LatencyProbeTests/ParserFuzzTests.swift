import HTTPWire
import Measurement
import Testing

@Suite("HTTP's parsers meet anything")
struct ParserFuzzTests {
  private static let responses = [
    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\nTrailer: x\r\n\r\n",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200\r\nConnection: close\r\n\r\nto the end",
  ]

  /// Status and length, or nothing where the parser refuses.
  private func read(_ pieces: [[UInt8]]) -> [UInt64]? {
    var parser = ResponseParser()
    parser.begin(isHead: false)
    for piece in pieces {
      let taken = piece.withUnsafeBytes { bytes in
        do { return try parser.consume(bytes) } catch { return -1 }
      }
      if taken < 0 { return nil }
      #expect(taken <= piece.count)
    }
    _ = parser.close()
    return [UInt64(parser.status), parser.contentLength, parser.isComplete ? 1 : 0]
  }

  @Test("In whatever pieces a response comes, it is the same")
  func pieces() {
    var generator = SeededGenerator(seed: 11)
    for text in Self.responses {
      let bytes = Array(text.utf8)
      let whole = read([bytes])
      #expect(whole?.last == 1)
      for _ in 0..<200 {
        var pieces: [[UInt8]] = []
        var rest = bytes[...]
        while !rest.isEmpty {
          let count = Int.random(in: 1...min(7, rest.count), using: &generator)
          pieces.append(Array(rest.prefix(count)))
          rest = rest.dropFirst(count)
        }
        #expect(read(pieces) == whole)
      }
    }
  }

  @Test("Damaged responses are read or refused, in pieces as in one")
  func damaged() {
    var generator = SeededGenerator(seed: 12)
    var refused = 0
    for round in 0..<20_000 {
      var bytes = Array(Self.responses[round % Self.responses.count].utf8)
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0..<3, using: &generator) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &generator)
        case 1: bytes.remove(at: place)
        default: bytes.insert(UInt8.random(in: 0...255, using: &generator), at: place)
        }
      }
      let whole = read([bytes])
      if whole == nil { refused += 1 }
      #expect(read(bytes.map { [$0] }) == whole)
    }
    #expect(refused > 100)
  }

  @Test("Noise in place of HTTP/2 ends the session, never the program")
  func http2() {
    var generator = SeededGenerator(seed: 13)
    for _ in 0..<2000 {
      guard let session = HTTP2Session() else {
        Issue.record("no session")
        return
      }
      #expect(session.submit([(Array(":method".utf8), Array("GET".utf8))], body: nil))
      var output: [UInt8] = []
      session.drain(to: &output)
      // A frame of settings first, as a server begins, so that what follows is looked at.
      var bytes: [UInt8] = [0, 0, 0, 4, 0, 0, 0, 0, 0]
      bytes += (0..<60).map { _ in UInt8.random(in: 0...255, using: &generator) }
      bytes[9] = 0
      bytes[10] = 0
      _ = bytes.withUnsafeBytes { session.receive($0) }
      #expect(session.status == 0)
    }
  }
}
