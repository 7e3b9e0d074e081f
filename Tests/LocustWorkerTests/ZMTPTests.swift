import Testing

@testable import LocustWorker

@Suite struct ZMTPTests {
  /// What libzmq 4.3 sends as a ROUTER: greeting of 3.1, READY, then messages.
  static let greeting: [UInt8] =
    [0xFF, 0, 0, 0, 0, 0, 0, 0, 1, 0x7F, 3, 1] + Array("NULL".utf8) + Array(repeating: 0, count: 48)
  static let ready: [UInt8] =
    [4, 28, 5] + Array("READY".utf8) + [11] + Array("Socket-Type".utf8) + [0, 0, 0, 6]
    + Array("ROUTER".utf8)

  static func exchange(_ bytes: [UInt8], cuts: [Int] = []) throws -> [ZMTPPeer.Event] {
    var peer = ZMTPPeer(identity: "me")
    var events: [ZMTPPeer.Event] = []
    var at = 0
    for cut in cuts + [bytes.count] {
      events += try peer.receive(bytes[at..<cut])
      at = cut
    }
    return events
  }

  static var conversation: [UInt8] {
    let ping: [UInt8] = [4, 9, 4] + Array("PING".utf8) + [0, 10, 0x78, 0x79]
    let long: [UInt8] = [2, 0, 0, 0, 0, 0, 0, 1, 0] + Array(repeating: 5, count: 256)
    return greeting + ready + [0, 2, 1, 2] + ping + [1, 1, 9] + long + [0, 0]
  }

  static let expected: [ZMTPPeer.Event] = [
    .ready, .message([[1, 2]]), .reply([4, 7, 4] + Array("PONG".utf8) + [0x78, 0x79]),
    .message([[9], Array(repeating: 5, count: 256)]), .message([[]]),
  ]

  @Test func understandsInAnyPieces() throws {
    let bytes = Self.conversation
    #expect(try Self.exchange(bytes) == Self.expected)
    for cut in 0...bytes.count { #expect(try Self.exchange(bytes, cuts: [cut]) == Self.expected, "cut at \(cut)") }
    #expect(try Self.exchange(bytes, cuts: Array(0..<bytes.count)) == Self.expected)
  }

  @Test func opensAsADealer() throws {
    let opening = ZMTPPeer(identity: "abc").opening
    #expect(opening.count == 64 + 2 + 6 + 12 + 4 + 6 + 9 + 4 + 3)
    #expect(Array(opening[9..<12]) == [0x7F, 3, 0] && Array(opening[12..<16]) == Array("NULL".utf8))
    #expect(Array(opening.suffix(16)) == [8] + Array("Identity".utf8) + [0, 0, 0, 3] + Array("abc".utf8))
    #expect(ZMTPPeer.encode([7]) == [0, 1, 7])
    #expect(ZMTPPeer.encode(Array(repeating: 1, count: 256)).prefix(9) == [2, 0, 0, 0, 0, 0, 0, 1, 0])
  }

  @Test(
    arguments: [
      (Array("HTTP/1.1 400 Bad Request\r\n".utf8), ZMTPPeer.Malformed.noGreeting),
      ([0xFF] + Array(repeating: 0, count: 8) + [0x7F, 1], .version(1)),
      (
        [0xFF] + Array(repeating: 0, count: 8) + [0x7F, 3, 0] + Array("CURVE".utf8) + Array(repeating: 0, count: 47),
        .mechanism("CURVE")
      ),
      (greeting + [0xF8, 0], .frame), (greeting + [0, 1, 1], .frame), (greeting + [5, 0], .frame),
      (greeting + [4, 0], .frame), (greeting + [4, 3, 9, 1, 1], .frame),
      (greeting + [2, 0xFF, 0, 0, 0, 0, 0, 0, 0], .tooLong(0xFF00_0000_0000_0000)),
      (greeting + [4, 4, 3] + Array("FOO".utf8), .command("FOO")),
      (greeting + [4, 9, 5] + Array("ERROR".utf8) + [2] + Array("no".utf8), .refused("no")),
    ] as [([UInt8], ZMTPPeer.Malformed)])
  func refuses(_ bytes: [UInt8], _ problem: ZMTPPeer.Malformed) {
    #expect(throws: problem) { try Self.exchange(bytes) }
    #expect(throws: problem) { try Self.exchange(bytes, cuts: Array(0..<bytes.count)) }
    #expect(!problem.description.isEmpty)
  }

  /// Pieces make no difference to what is understood or refused.
  @Test(arguments: 0..<4)
  func fuzz(seed: UInt64) {
    var random = Seeded(seed)
    for _ in 0..<1_000 {
      var bytes = Self.conversation
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      let cuts = (0..<5).map { _ in Int.random(in: 0...bytes.count, using: &random) }.sorted()
      let (whole, pieces) = (Result { try Self.exchange(bytes) }, Result { try Self.exchange(bytes, cuts: cuts) })
      switch (whole, pieces) {
      case (.success(let first), .success(let second)): #expect(first == second)
      case (.failure(let first), .failure(let second)): #expect("\(first)" == "\(second)")
      default: Issue.record("\(whole) in one piece, \(pieces) in several")
      }
    }
  }
}
