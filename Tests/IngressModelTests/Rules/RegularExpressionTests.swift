import Testing

@testable import IngressModel

@Suite struct RegularExpressionTests {
  @Test(arguments: [
    ("", "", true), ("", "a", true), ("a", "bab", true), ("^a", "ba", false), ("a$", "ab", false), ("^a$", "a", true),
    ("a|b", "xb", true), ("^(a|b|)c$", "c", true), ("^(ab|a)(bc|c)$", "abc", true), ("^a*$", "aaaa", true),
    ("^a+$", "", false), ("^a?b$", "b", true), ("^a{2}$", "aaa", false), ("^a{2,3}$", "aaa", true),
    ("^a{2,}$", "aaaaa", true), ("^a{0}b$", "b", true), ("^a{,2}$", "a{,2}", true), ("^x{$", "x{", true),
    ("^a+?b*?$", "aab", true), ("^(?:ab)+$", "abab", true), ("^(?P<n>a)(?<m>b)$", "ab", true),
    ("(?i)^AbC$", "aBc", true), ("^(?i:a)b$", "Ab", true), ("^(?i:a)b$", "AB", false), ("^(a(?i)b)c$", "aBc", true),
    ("^(a(?i)b)c$", "aBC", false), ("(?m)^b$", "a\nb\nc", true), ("^b$", "a\nb\nc", false), ("a.c", "a\nc", false),
    ("(?s)a.c", "a\nc", true), (#"^\d+$"#, "0123456789", true), (#"^\D$"#, "1", false), (#"^\w+$"#, "aZ_9", true),
    (#"^\W$"#, "-", true), (#"^\s\S$"#, " x", true), (#"\bfoo\b"#, "a foo b", true), (#"\bfoo\b"#, "afoo", false),
    (#"\Boo"#, "foo", true), (#"\Aa\z"#, "a", true), (#"^\x41\x{42}$"#, "AB", true), (#"^\.\/\-\_$"#, "./-_", true),
    ("^[a-c]+$", "abc", true), ("^[^a-c]$", "b", false), ("^[]a]+$", "]a", true), ("^[a-]+$", "a-", true),
    (#"^[\d.]+$"#, "1.2", true), (#"^[^\d]$"#, "1", false), ("^[[:alpha:]]+$", "aZ", true),
    ("^[[:^digit:]]$", "1", false),
    ("(?i)^[a-z]$", "Q", true), (#"^[\]\\]+$"#, #"]\"#, true), ("^(a*)*$", "aaa", true), ("^(a*)*b$", "aaac", false),
    ("^(|a)+$", "aa", true), ("^ä+$", "ää", true), ("^[^a]+$", "ä", true), ("^((a{1,3}){2}){2}$", "aaaa", true),
    ("$^", "", true), ("a^b", "a^b", false),
  ])
  func finds(_ pattern: String, _ input: String, _ expected: Bool) throws {
    #expect(try RegularExpression(pattern).matches(input) == expected)
  }

  @Test(arguments: [
    (#"(a)\1"#, "back reference"), ("(?=a)", "look-around"), ("(?!a)", "look-around"), ("(?<=a)b", "look-around"),
    (#"\pL"#, #"'\p'"#), (#"\Qa\E"#, #"'\Q'"#), ("(", "not closed"), ("a)", "closes nothing"), ("[a", "not closed"),
    ("*a", "nothing before"), ("a**", "repetition of a repetition"), ("a{2}{3}", "repetition of a repetition"),
    ("a{3,2}", "not in order"), ("a{1001}", "above 1000"), ("[b-a]", "backwards"),
    (#"[a-\d]"#, "backwards or to a class"),
    (#"a\"#, "backslash at its end"), ("[[:foo:]]", "unknown class"), ("(?z)", "unknown flag"), ("[ä]", "beyond ASCII"),
    (#"\ä"#, "beyond ASCII"), (#"\xg0"#, "without two digits"), ("(?P<a b>c)", "group's name"),
  ])
  func refuses(_ pattern: String, _ part: String) {
    do throws(RegularExpressionError) {
      _ = try RegularExpression(pattern)
      Issue.record("\(pattern) was taken")
    } catch {
      #expect(error.reason.contains(part), "\(error.reason)")
    }
  }

  @Test func boundsItsSize() {
    for pattern in [
      String(repeating: "(", count: 1_999), "(a{1000}){1000}", "((){1000}){1000}", "((((a{30}){30}){30}){30}){30}",
      String(repeating: "a", count: 2_001), String(repeating: "(?:", count: 60) + String(repeating: ")", count: 60),
    ] {
      #expect(throws: RegularExpressionError.self) { try RegularExpression(pattern) }
    }
  }

  /// Patterns on which backtracking takes 2^n steps; it would not end.
  @Test(.timeLimit(.minutes(1)), arguments: ["^(a+)+$", "^(a|aa)+$", "^(a|a)*$", "(a*)*b", "^(.*)*x$", "(x+x+)+y"])
  func isLinear(_ pattern: String) throws {
    let expression = try RegularExpression(pattern)
    #expect(!expression.matches(String(repeating: "a", count: 2_000) + "!"))
    #expect(!expression.matches(String(repeating: "x", count: 1_000) + "!"))
  }

  @Test func survivesMutations() {
    var generator = SeededGenerator(seed: 11)
    let seeds = [#"^(?i:a|b\d{2,3}[^x-z]*?)+\.[[:alpha:]]$"#, "(?P<n>[a-z]+)|(x*){3}"]
    let fragments = ["(", ")", "[", "]", "{9}", "*", "\\", "|", "^", "$", "(?", "[^", "\\x", "ä", "{1,", ":]", "(?i)"]
    var taken = 0
    for round in 0..<3_000 {
      let pattern = generator.mutated(seeds[round % seeds.count], fragments: fragments)
      guard let expression = try? RegularExpression(pattern) else { continue }
      taken += 1
      _ = expression.matches(pattern)
      _ = expression.matches("aab123.z\n\u{0}ä")
    }
    #expect((300..<3_000).contains(taken))
  }
}
