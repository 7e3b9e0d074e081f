import ClusterModel
import Testing

@Suite struct JSONValueTests {
  @Test func readsAndWrites() throws {
    let text = #"{"a":[1,-2.5e+3,true,false,null],"b":{"c":"d\n\"\\ä€"},"":{}}"#
    #expect(try JSONValue(parsing: text).compact == text)
    let spaced = " { \"a\" : [ ] ,\r\n\t\"b\":\"\\u0041\\ud83d\\ude00\\ud800x\\/\" } "
    #expect(try JSONValue(parsing: spaced).compact == "{\"a\":[],\"b\":\"A😀\u{fffd}x/\"}")
  }

  /// Go's `json.Marshal` writes these so that a text can stand in HTML.
  @Test func escapesWhatGoEscapes() {
    #expect(JSONValue.string("<a&b>\u{1}\u{2028}").compact == #""\u003ca\u0026b\u003e\u0001\u2028""#)
  }

  @Test(arguments: [
    "", "{", "[1,]", "{\"a\"}", "{a:1}", "01", "1.", ".5", "+1", "1e", "nul", "'a'", "\"a", "\"\\x\"", "\"\\u12\"",
    "\"\n\"", "1 2", "[1}", "\u{feff}1", "-", "tru",
  ])
  func refuses(text: String) { #expect(throws: JSONFault.self) { try JSONValue(parsing: text) } }

  @Test func refusesWhatIsTooDeep() throws {
    func nested(_ levels: Int) -> String {
      String(repeating: "[", count: levels) + String(repeating: "]", count: levels)
    }
    #expect(try JSONValue(parsing: nested(32)).compact == nested(32))
    #expect(throws: JSONFault.self) { try JSONValue(parsing: nested(33)) }
    #expect(throws: JSONFault.self) { try JSONValue(parsing: String(repeating: "[", count: 1_000_000)) }
  }

  /// What is read is written so that it is read again; random bytes neither stop nor end it.
  @Test func survivesMutations() {
    var generator = FlannelGenerator(seed: 59)
    let seed = #"{"a":[1,-2.5e+3,true,null,"x\u0041"],"b":{"c":"d\n"}}"#
    let fragments = ["{", "}", "[", "]", "\"", ",", ":", "\\u", "\\", "e", "-", "0", "\u{7f}", "\u{1}", "😀"]
    var taken = 0
    for _ in 0..<5_000 {
      guard let read = try? JSONValue(parsing: generator.mutated(seed, fragments: fragments)) else { continue }
      taken += 1
      #expect((try? JSONValue(parsing: read.compact)) == read)
    }
    #expect((200..<4_800).contains(taken), "\(taken)")
    for _ in 0..<5_000 {
      let bytes = (0..<Int.random(in: 0..<24, using: &generator)).map { _ in
        Bool.random(using: &generator)
          ? UInt8.random(in: .min ... .max, using: &generator)
          : Array("{}[]\":,\\u0e-tn".utf8).randomElement(using: &generator) ?? 0
      }
      _ = try? JSONValue(parsing: bytes)
    }
  }
}
