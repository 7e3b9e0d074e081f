import Testing

@testable import IngressModel

@Suite struct RequestPathTests {
  @Test(arguments: [
    ("/", "/"), ("/a/b", "/a/b"), ("/a/b/", "/a/b/"), ("/a.b/c..d", "/a.b/c..d"), ("/%61dmin", "/admin"),
    ("/%2e%2E/a", nil), ("/x/../admin", "/admin"), ("/x/%2e./admin", "/admin"), ("//admin", "/admin"), ("///", "/"),
    ("/a/.", "/a/"), ("/a/..", "/"), ("/a/b/..", "/a/"), ("/./a", "/a"), ("/a%2Fb", "/a%2Fb"), ("/a%2fb%7e", "/a%2fb~"),
    ("/%", "/%"), ("/%4", "/%4"), ("/%zz", "/%zz"), ("/%25%36%31", "/%2561"), ("/..", nil), ("/a/../../b", nil),
    ("a", nil), ("", nil), ("*", nil), ("/.hidden", "/.hidden"), ("/a//b/", "/a/b/"), ("/...", "/..."),
  ])
  func normalized(_ path: String, _ expected: String?) {
    #expect(RequestPath.normalized(path) == expected)
  }

  @Test func isItsOwnNormalForm() {
    var generator = SeededGenerator(seed: 13)
    var count = 0
    for _ in 0..<3_000 {
      let path =
        "/" + generator.mutated("a/b%2e/c/..%2F/d", fragments: ["/", ".", "..", "%", "%2", "2e", "ä", "//", "%41"])
      guard let once = RequestPath.normalized(path) else { continue }
      count += 1
      // Decoding once more may find what was no escape before, as in %%341; it must not find a way up.
      #expect(!once.contains("/../") && !once.contains("//") && once.hasPrefix("/"))
    }
    #expect(count > 300)
  }
}
