/// Numbers that are the same in each run (Vigna's SplitMix64).
struct FlannelGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  /// A text with a few changes: characters and pieces gone, doubled, or replaced by those of `fragments`.
  mutating func mutated(_ text: String, fragments: [String]) -> String {
    var characters = Array(text)
    for _ in 0..<Int.random(in: 1...3, using: &self) {
      let start = Int.random(in: 0...characters.count, using: &self)
      let end = min(characters.count, start + Int.random(in: 0...8, using: &self))
      switch Int.random(in: 0..<4, using: &self) {
      case 0: characters.removeSubrange(start..<end)
      case 1: characters.insert(contentsOf: characters[start..<end], at: start)
      case 2: characters.replaceSubrange(start..<end, with: Array(fragments.randomElement(using: &self) ?? ""))
      default: characters.insert(contentsOf: Array(fragments.randomElement(using: &self) ?? ""), at: start)
      }
    }
    return String(characters)
  }
}
