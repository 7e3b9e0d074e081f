import Testing

@testable import IngressModel

@Suite struct RuleTests {
  private static let request = StubRequest(
    host: "www.example.com", path: "/products/7/view", query: "mobile=true&name=a+b%26c&empty=&flag", method: "POST",
    client: ClientAddress(parsing: "10.1.2.3") ?? .unspecified,
    headers: [("X-Version", "2"), ("x-version", "3"), ("Accept", "text/html")])

  @Test(arguments: [
    ("Host(`www.example.com`)", true), ("Host(`WWW.Example.COM`)", true), ("Host(`www.example.com.`)", true),
    ("Host(`example.com`)", false), ("Host(`a`, `www.example.com`)", true), ("Host(\"www.example.com\")", true),
    ("host(`www.example.com`)", true), ("HOST(`www.example.com`)", true), ("HostHeader(`www.example.com`)", true),
    ("Hostheader(`www.example.com`)", true), ("HOSTHEADER(`www.example.com`,)", true),
    ("HostRegexp(`{sub:[a-z]+}.example.com`)", true), ("HostRegexp(`{any}.example.com`)", true),
    ("HostRegexp(`{any}.com`)", false), ("HostRegexp(`{all:.+}.com`)", true),
    ("HostRegexp(`{s:w{3}}.EXAMPLE.com`)", true),
    ("HostRegexp(`wwwxexample.com`)", false), ("hostregexp(`www.example.com`)", true),
    ("ClientIP(`10.1.2.3`)", true), ("ClientIP(`10.0.0.0/8`)", true), ("ClientIP(`10.1.2.0/31`, `10.1.2.2/31`)", true),
    ("ClientIP(`11.0.0.0/8`)", false), ("ClientIP(`::/0`)", false), ("ClientIP(`::ffff:10.1.0.0/112`)", true),
    ("Clientip(`0.0.0.0/0`)", true), ("CLIENTIP(`10.1.2.4`)", false),
    ("Path(`/products/7/view`)", true), ("Path(`/products/7`)", false),
    ("Path(`/a`, `/products/{id:[0-9]+}/view`)", true),
    ("Path(`/products/{id}/view`)", true), ("Path(`/products/{id}`)", false), ("Path(`/{a}/{b}/{c:v.*}`)", true),
    ("PathPrefix(`/products`)", true), ("PathPrefix(`/prod`)", true), ("PathPrefix(`/products/{id:[a-z]+}`)", false),
    ("PathPrefix(`/products/{id:[0-9]+}`)", true), ("pathprefix(`/x`, `/products/`)", true), ("PathPrefix(`/`)", true),
    ("Method(`POST`)", true), ("Method(`get`, `post`)", true), ("Method(`GET`)", false),
    ("Headers(`X-Version`, `2`)", true), ("Headers(`x-VERSION`, `3`)", true), ("Headers(`X-Version`, `4`)", false),
    ("Headers(`X-Version`, ``)", true), ("Headers(`X-None`, ``)", false),
    ("Headers(`X-Version`, `2`, `Accept`, `text/plain`)", false),
    ("HeadersRegexp(`Accept`, `^text/(html|yaml)$`)", true), ("HeadersRegexp(`Accept`, `htm`)", true),
    ("HeadersRegexp(`Accept`, `^htm`)", false), ("headersregexp(`X-Version`, `^3$`)", true),
    ("Query(`mobile=true`)", true), ("Query(`mobile=tru`)", false), ("Query(`mobile=true`, `name=a b&c`)", true),
    ("Query(`mobile=true`, `name=x`)", false), ("Query(`empty=`)", true), ("Query(`flag=`)", true),
    ("Query(`none=`)", false), ("Query(`mobile={v:t.*}`)", true), ("Query(`mobile={v:f.*}`)", false),
    ("Host(`www.example.com`) && PathPrefix(`/products`)", true), ("Host(`a`) && PathPrefix(`/products`)", false),
    ("Host(`a`) || PathPrefix(`/products`)", true), ("!Host(`a`)", true), ("!!Host(`a`)", false),
    ("!(Host(`a`) || Method(`POST`))", false), ("!(Host(`a`) && Method(`POST`))", true),
    ("Method(`POST`) || Method(`GET`) && Host(`a`)", true), ("(Method(`POST`) || Method(`GET`)) && Host(`a`)", false),
    ("Host(`a`)\n  || Method(`POST`)", true), ("!Query(`mobile=true`, `name=x`)", true),
    (#"Headers("X-Ver\x73ion", "\u0032")"#, true),
  ])
  func matches(_ text: String, _ expected: Bool) throws {
    #expect(try Rule(text).matches(Self.request) == expected)
  }

  @Test(arguments: [
    ("", "column 1: the rule is empty"), ("  ", "column 1: the rule is empty"),
    ("Host", "column 5: '(' is missing"), ("Host(", "column 1: Host( is not closed"),
    ("Host()", "column 1: Host without a value"), ("Host(``)", "column 1: Host without a value"),
    ("Host(a)", "column 6: Host takes texts"), ("Host(`a` `b`)", "column 10: ',' or ')' is missing"),
    ("Host(`a`", "column 1: Host( is not closed"), ("Host(`a", "column 6: a text that is not closed"),
    ("Host(\"a", "column 6: a text that is not closed"), ("Host('a')", "column 6: texts stand in backticks"),
    ("Hots(`a`)", "column 1: there is no matcher 'Hots'; did you mean Host?"),
    ("Foo(`a`)", "there are Host, HostHeader"),
    ("hOST(`a`)", "did you mean Host?"), ("Header(`a`, `b`)", "is of Traefik 3; write Headers"),
    ("HostSNI(`a`)", "column 1: 'HostSNI' is for TCP"), ("Host(`a`) & Host(`b`)", "column 11: a single '&'"),
    ("Host(`a`) Host(`b`)", "column 11: '&&' or '||' is missing"),
    ("Host(`a`))", "column 10: a ')' that closes nothing"),
    ("(Host(`a`)", "column 1: a '(' that is not closed"), ("Host(`a`) &&", "column 13: the rule ends"),
    ("&& Host(`a`)", "column 1: a matcher should stand here"), ("`a`", "column 1: a text outside"),
    ("Host(`a`) # x", "column 11: '#' has no meaning"),
    ("Host(`a:80`)", "column 6: hosts are compared without their port"),
    ("Host(`{x}.a`)", "write HostRegexp"), ("Host(`*.a`)", "write HostRegexp"),
    ("Host(`a/b`)", "paths belong into Path"),
    ("Host(`ä`)", "Punycode"), ("HostRegexp(`^a\\.b$`)", "stands in braces"), ("HostRegexp(`{a:(}`)", "not closed"),
    ("Path(`a`)", "a path starts with '/'"), ("Path(`/{a`)", "a brace without its counterpart"),
    ("Path(`/a}`)", "a brace"),
    ("Path(`/{:x}`)", "lacks a name"), ("Path(`/{x:}`)", "lacks a name or a pattern"),
    ("ClientIP(`10.0.0.0/33`)", "no address and no network"), ("ClientIP(`x`)", "no address"),
    ("ClientIP(`10.0.0.1/`)", "no address"), ("ClientIP(`10.0.0.1/-1`)", "no address"),
    ("Headers(`a`)", "column 1: Headers takes a name and a value"),
    ("Headers(`a b`, `c`)", "no name of a header field"),
    ("HeadersRegexp(`a`, `(?=b)`)", "column 20: the regular expression has look-around"),
    ("Query(`a`)", "Query takes KEY=VALUE"), ("Query(`=a`)", "Query takes KEY=VALUE"),
    (#"Host("\q")"#, "column 7: an unknown escape"), (#"Host("\x9")"#, "fewer than 2"),
    (#"Host("\ud800")"#, "no character"),
    (#"Host("\xff")"#, "no UTF-8"),
  ])
  func refuses(_ text: String, _ part: String) {
    do throws(RuleError) {
      _ = try Rule(text)
      Issue.record("\(text) was taken")
    } catch {
      #expect(error.description.contains(part), "\(error)")
    }
  }

  @Test func boundsDepthAndLength() throws {
    for opening in ["(", "!", "!("] {
      #expect(throws: RuleError.self) { try Rule(String(repeating: opening, count: 20_000) + "Host(`a`)") }
    }
    #expect(throws: RuleError.self) { try Rule("Path(`/\(String(repeating: "a", count: 70_000))`)") }
    let many = (0..<3_000).map { "Host(`h\($0)`)" }.joined(separator: " || ")
    #expect(try Rule(many).matches(StubRequest(host: "h2999")))
    let deep = String(repeating: "(", count: 50) + "Host(`a`)" + String(repeating: ")", count: 50)
    #expect(try Rule(deep).matches(StubRequest(host: "a")))
  }

  @Test func takesIPv6HostsWithAndWithoutBrackets() throws {
    for text in ["Host(`[2001:db8::1]`)", "Host(`2001:db8::1`)"] {
      let rule = try Rule(text)
      #expect(rule.matches(StubRequest(host: "[2001:db8::1]")))
      #expect(rule.matches(StubRequest(host: "2001:db8::1")))
    }
  }

  @Test func queryIsNotThere() throws {
    #expect(try !Rule("Query(`a=`)").matches(StubRequest()))
  }

  @Test func survivesMutations() {
    var generator = SeededGenerator(seed: 7)
    let seeds = [
      "Host(`a.example.com`, `b`) && (PathPrefix(`/x/{id:[0-9]{2}}`) || !Method(\"GET\"))",
      "HostRegexp(`{n:[a-z]+}.b`) || Headers(`X`, `y`) && Query(`a=b`, `c={d:e*}`) && ClientIP(`10.0.0.0/8`, `::1`)",
    ]
    let fragments = [
      "(", ")", "`", "\"", "&&", "||", "!", ",", "{", "}", "\\x", "Host", "ä", "\u{0}", "/129", "=", ":",
    ]
    var taken = 0
    for round in 0..<4_000 {
      guard let rule = try? Rule(generator.mutated(seeds[round % 2], fragments: fragments)) else { continue }
      taken += 1
      _ = rule.matches(Self.request)
    }
    #expect((200..<4_000).contains(taken))
  }
}
