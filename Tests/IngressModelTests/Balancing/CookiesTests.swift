@testable import IngressModel
import Testing

@Suite("Cookies")
struct CookiesTests {
  @Test(
    "One cookie is found among others",
    arguments: [
      ("id=1", "1"), ("a=b; id=1; c=d", "1"), ("a=b;id=1", "1"), ("xid=2; id=1", "1"), ("idx=2; id=1", "1"),
      ("id=\"1\"", "1"), (" id = 1 ", "1"), ("id=", ""), ("id=a=b", "a=b"), ("ID=1", nil), ("id", nil), ("", nil),
      (";;;", nil), ("=1", nil), ("id=\"", "\""), ("a=id=1", nil), ("id=1; id=2", "1"),
    ] as [(String, String?)])
  func finding(field: String, expected: String?) { #expect(Cookies([field]).value(of: "id") == expected) }

  @Test("HTTP/2 may send each cookie in its own field")
  func severalFields() { #expect(Cookies(["a=b", "id=1"]).value(of: "id") == "1") }

  @Test("Whatever a client sends, the answer is that of a plain search, and nothing crashes")
  func fuzz() {
    var random = RepeatableRandom(3)
    let pieces = ["id", "=", ";", " ", "\"", "a", "\t", "\u{0}", "é", "id=", "; ", "1", "\r\n", "💥"]
    for _ in 0..<4000 {
      let field = (0..<Int.random(in: 0...12, using: &random)).map { _ in
        pieces[Int.random(in: pieces.indices, using: &random)]
      }.joined()
      #expect(Cookies([field]).value(of: "id") == plain(field), "\(field.debugDescription)")
    }
  }

  /// The slow and obvious way.
  private func plain(_ field: String) -> String? {
    func trimmed(_ text: Substring.UnicodeScalarView) -> Substring.UnicodeScalarView {
      var text = text.drop { $0 == " " || $0 == "\t" }
      while text.last == " " || text.last == "\t" { text.removeLast() }
      return text
    }
    for pair in field.unicodeScalars.split(separator: ";") {
      let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard halves.count == 2, String(trimmed(halves[0])) == "id" else { continue }
      var value = trimmed(halves[1])
      if value.count >= 2, value.first == "\"", value.last == "\"" { value = value.dropFirst().dropLast() }
      return String(value)
    }
    return nil
  }

  @Test("Set-Cookie says what the configuration says")
  func header() {
    var cookie = StickyCookie(name: "stick")
    #expect(cookie.header(value: "1") == "stick=1; Path=/")
    cookie.isHTTPOnly = true
    cookie.isSecure = true
    cookie.sameSite = StickyCookie.SameSite.none
    #expect(cookie.header(value: "1") == "stick=1; Path=/; HttpOnly; Secure; SameSite=None")
    cookie.sameSite = .lax
    #expect(cookie.header(value: "1").hasSuffix("; SameSite=Lax"))
    cookie.sameSite = .strict
    #expect(cookie.header(value: "1").hasSuffix("; SameSite=Strict"))
  }

  @Test("Names that cannot be sent", arguments: ["", "a b", "a;b", "a=b", "é", "a\r\nSet-Cookie: x", "a\"b", "a,b"])
  func names(name: String) { #expect(!StickyCookie(name: name).hasValidName) }

  @Test("Values are 16 digits and lead back to their number; others lead nowhere")
  func values() {
    var random = RepeatableRandom(4)
    for _ in 0..<1000 {
      let id = random.next() >> UInt64.random(in: 0...60, using: &random)
      #expect(StickyCookie.id(of: Array(StickyCookie.text(of: id).utf8)) == id)
    }
    for forged in [
      "", "1", "00000000000000000", "000000000000000G", "000000000000000A", "-000000000000001", "0x00000000000001",
    ] {
      #expect(StickyCookie.id(of: Array(forged.utf8)) == nil)
    }
  }
}
