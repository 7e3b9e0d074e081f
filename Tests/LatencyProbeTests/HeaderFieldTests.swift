import HTTPWire
import Testing

@Suite("Header fields")
struct HeaderFieldTests {
  @Test("A line is a name and a value without the blanks around it")
  func lines() {
    #expect(HeaderField(line: "X-Name: \t a: b \t")?.value == "a: b")
    #expect(HeaderField(line: "!#$%&'*+-.^_`|~09azAZ:")?.name == "!#$%&'*+-.^_`|~09azAZ")
    #expect(HeaderField(line: "a: ü\tb")?.value == "ü\tb")
  }

  @Test(
    "What cannot be sent is none: names that are no token, control characters in values",
    arguments: [
      "", "x", ":", ": y", "a b: c", "ä: b", "a : b", "[a]: b", "x: a\r\nEvil: 1", "x: a\nb", "x\n: y", "x: \0",
      "x: \u{7F}",
      "x: \u{1B}[0m",
    ])
  func refused(line: String) { #expect(HeaderField(line: line) == nil) }
}
