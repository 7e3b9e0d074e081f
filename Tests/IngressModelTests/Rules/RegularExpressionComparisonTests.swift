import Testing

@testable import IngressModel

/// The same answers as another engine, Swift's, on small patterns that both understand.
@Suite struct RegularExpressionComparisonTests {
  @Test func agreesWithSwift() throws {
    var generator = SeededGenerator(seed: 17)
    var found = 0
    var asked = 0
    for _ in 0..<600 {
      let text = pattern(depth: 1, &generator)
      let ours = try RegularExpression(text)
      let theirs = try Regex(text).wordBoundaryKind(.simple)
      for _ in 0..<8 {
        let input = String(
          (0..<Int.random(in: 0...7, using: &generator)).map { _ in
            "abc-".randomElement(using: &generator) ?? "a"
          })
        let expected = input.firstMatch(of: theirs) != nil
        #expect(ours.matches(input) == expected, "\(text) in \(input)")
        asked += 1
        if expected { found += 1 }
      }
    }
    // Neither all of them nor none.
    #expect((asked / 10..<asked * 9 / 10).contains(found))
  }

  private func pattern(depth: Int, _ generator: inout SeededGenerator) -> String {
    let atoms = ["a", "b", ".", "[ab]", "[^a]", #"\w"#, #"\W"#, "[a-c]"]
    let repetitions = ["", "", "", "*", "+", "?", "{2}", "{1,2}", "{0,1}", "{2,}", "*?", "+?"]
    let assertions = ["^", "$", #"\b"#, #"\B"#]
    return (0..<Int.random(in: 1...3, using: &generator)).map { _ in
      switch Int.random(in: 0..<10, using: &generator) {
      case 0: return assertions.randomElement(using: &generator) ?? ""
      case 1...3 where depth > 0:
        let one = pattern(depth: depth - 1, &generator)
        let other = pattern(depth: depth - 1, &generator)
        return "(?:\(one)|\(other))" + (repetitions.randomElement(using: &generator) ?? "")
      default:
        return (atoms.randomElement(using: &generator) ?? "") + (repetitions.randomElement(using: &generator) ?? "")
      }
    }.joined()
  }
}
