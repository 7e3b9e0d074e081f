import Dataplane
import DataplaneTypes
import Testing

@Suite("The Call-ID of SIP messages") struct CallIDTests {
  private func hash(_ message: String) -> [UInt32]? {
    var scanner = CallIDScanner()
    for byte in message.utf8 where !scanner.step(byte) { break }
    var result = svs_addr()
    return scanner.result(&result) ? [result.w0, result.w1, result.w2, result.w3] : nil
  }

  private func message(_ headers: String...) -> String {
    (["INVITE sip:bob@example.org SIP/2.0", "Via: SIP/2.0/UDP 10.1.0.1"] + headers + ["", "i: body"])
      .joined(separator: "\r\n")
  }

  @Test func everyWayToWriteItIsTheSame() throws {
    let plain = try #require(hash(message("Call-ID: a84b4c76e66710@pc33")))
    for header in ["call-id:a84b4c76e66710@pc33", "CALL-ID :\t a84b4c76e66710@pc33 ", "i: a84b4c76e66710@pc33"] {
      #expect(hash(message("Max-Forwards: 70", header)) == plain, "\(header)")
    }
    #expect(hash(message("Call-ID: a84b4c76e66710@pc34")) != plain)
    #expect(hash("INVITE sip:x SIP/2.0\nCall-ID: a84b4c76e66710@pc33\n\n") == plain)
  }

  @Test func whatIsNoneIsNone() {
    for header in ["Call-IDs: x", "Call: x", "X-Call-ID: x", "Call-ID:", "Call-ID:  ", "ii: x", "Call-ID x"] {
      #expect(hash(message(header)) == nil, "\(header)")
    }
    // Neither the first line nor the body has headers.
    #expect(hash("Call-ID: x\r\nVia: y\r\n\r\nCall-ID: z\r\n") == nil)
    #expect(hash("") == nil)
  }

  @Test func randomBytesDoNoHarm() {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<2000 {
      var scanner = CallIDScanner()
      for _ in 0..<Int.random(in: 0...300, using: &generator) {
        // Few different bytes, so that names come about.
        let byte = [UInt8](arrayLiteral: 0x0a, 0x0d, 0x20, 0x3a, 0x69, 0x63, 0x61, 0x6c, 0x2d, 0x64).randomElement(
          using: &generator)
        if !scanner.step(byte ?? 0) { break }
      }
      var result = svs_addr()
      _ = scanner.result(&result)
    }
  }
}
