import Testing

@testable import IngressModel

@Suite struct ChunkReaderTests {
  /// The data and what is left behind the body; nil where it is refused or not complete.
  private func read(_ text: String, step: Int) -> (data: String, rest: String)? {
    let bytes = Array(text.utf8)
    var reader = ChunkReader()
    var data: [UInt8] = []
    var at = 0
    for end in Array(stride(from: step, to: bytes.count, by: step)) + [bytes.count] {
      var isWaiting = false
      while !isWaiting {
        let piece = bytes[..<end].withUnsafeBufferPointer { reader.next($0, from: at) }
        switch piece {
        case .data(let range):
          data += bytes[range]
          at = range.upperBound
        case .incomplete(let next):
          at = next
          isWaiting = true
        case .end(let next):
          return (String(decoding: data, as: UTF8.self), String(decoding: bytes[next...], as: UTF8.self))
        case .refused: return nil
        }
      }
    }
    return nil
  }

  @Test(arguments: [1, 2, 3, 7, 1000])
  func chunksAreJoined(step: Int) {
    let text = "5\r\nhello\r\n6;name=value\r\n world\r\n00A\r\n0123456789\r\n0\r\nTrailer: x\r\nOther: y\r\n\r\nGET /"
    let result = read(text, step: step)
    #expect(result?.data == "hello world0123456789")
    if step == 1000 { #expect(result?.rest == "GET /") }
    #expect(read("0\r\n\r\n", step: step)?.data == "")
  }

  @Test(arguments: [
    "5\nhello\r\n0\r\n\r\n", "5\r\nhello0\r\n\r\n", "5\r\nhello\n0\r\n\r\n", "\r\n\r\n", "0x5\r\nhello\r\n0\r\n\r\n",
    "-5\r\nhello\r\n0\r\n\r\n", " 5\r\nhello\r\n0\r\n\r\n", "5 \r\nhello\r\n0\r\n\r\n", "5\r\nhello\r\n0\n\n",
    "5;\n\r\nhello",
    "fffffffffffffffff\r\nx", "0\r\nX: y\n\r\n", "0\r\r\n", "5\rhello",
  ]) func whatIsOpenToDisputeIsRefused(_ text: String) {
    #expect(read(text, step: 1) == nil && read(text, step: 1000) == nil)
  }

  @Test func extensionsAndTrailersAreLimited() {
    #expect(read("1;\(String(repeating: "a", count: 400))\r\nx\r\n0\r\n\r\n", step: 1000) == nil)
    #expect(read("0\r\n\(String(repeating: "A: b\r\n", count: 3000))\r\n", step: 100_000) == nil)
  }

  /// In one piece or in many, the same comes out, of any bytes.
  @Test func anyBytes() {
    var random = Generator(seed: 7)
    for _ in 0..<5_000 {
      var bytes = Array("5\r\nhello\r\n6;name=value\r\n world\r\n0\r\nTrailer: x\r\n\r\n".utf8)
      for _ in 0..<Int.random(in: 0...2, using: &random) {
        let place = Int.random(in: 0..<bytes.count, using: &random)
        bytes[place] = UInt8([13, 10, 48, 49, 59, 0, 255].randomElement(using: &random) ?? 0)
      }
      let text = String(decoding: bytes.map { $0 & 127 }, as: UTF8.self)
      let whole = read(text, step: 1000)
      #expect(read(text, step: 1)?.data == whole?.data && read(text, step: 3)?.data == whole?.data)
    }
  }
}
