/// What a pattern means.
indirect enum RegularExpressionNode: Hashable, Sendable {
  case empty
  case bytes(ByteSet)
  case assertion(Assertion)
  case sequence([RegularExpressionNode])
  case alternatives([RegularExpressionNode])
  /// From so many to so many times; nil: without end.
  case repetition(RegularExpressionNode, Int, Int?)

  /// Exactly this text.
  static func literal(_ text: some StringProtocol, ignoringCase: Bool = false) -> RegularExpressionNode {
    .sequence(text.utf8.map { .bytes(ignoringCase ? ByteSet([$0]).ignoringCase : ByteSet([$0])) })
  }
}

/// What must be so between two bytes.
enum Assertion: Hashable, Sendable {
  case textStart, textEnd, lineStart, lineEnd, wordBoundary, noWordBoundary
}

/// One step of a compiled pattern.
enum Instruction: Sendable {
  case take(ByteSet)
  case split(Int, Int)
  case jump(Int)
  case demand(Assertion)
  case match
}

/// Makes instructions of a pattern, as many as the limit lets it.
struct RegularExpressionCompiler {
  private var made: [Instruction] = []
  /// Nodes may make no instruction, and be repeated a thousand times a thousand times.
  private var visits = 0

  mutating func program(_ node: RegularExpressionNode) throws(RegularExpressionError) -> [Instruction] {
    try add(node)
    made.append(.match)
    return made
  }

  private mutating func add(_ node: RegularExpressionNode) throws(RegularExpressionError) {
    visits += 1
    guard visits <= 4 * RegularExpression.instructionLimit else { throw Self.tooLarge }
    switch node {
    case .empty: break
    case .bytes(let set): try emit(.take(set))
    case .assertion(let assertion): try emit(.demand(assertion))
    case .sequence(let nodes):
      for node in nodes { try add(node) }
    case .alternatives(let nodes): try addAlternatives(nodes)
    case .repetition(let node, let least, let most): try addRepetition(of: node, least, most)
    }
  }

  private mutating func addAlternatives(_ nodes: [RegularExpressionNode]) throws(RegularExpressionError) {
    var jumps: [Int] = []
    for (index, node) in nodes.enumerated() {
      guard index < nodes.count - 1 else {
        try add(node)
        break
      }
      let split = made.count
      try emit(.split(split + 1, split + 1))
      try add(node)
      jumps.append(made.count)
      try emit(.jump(0))
      made[split] = .split(split + 1, made.count)
    }
    for jump in jumps { made[jump] = .jump(made.count) }
  }

  private mutating func addRepetition(
    of node: RegularExpressionNode, _ least: Int, _ most: Int?
  ) throws(RegularExpressionError) {
    for _ in 0..<least { try add(node) }
    guard let most else {
      let split = made.count
      try emit(.split(split + 1, split + 1))
      try add(node)
      try emit(.jump(split))
      made[split] = .split(split + 1, made.count)
      return
    }
    var splits: [Int] = []
    for _ in least..<max(least, most) {
      splits.append(made.count)
      try emit(.split(0, 0))
      try add(node)
    }
    for split in splits { made[split] = .split(split + 1, made.count) }
  }

  private mutating func emit(_ instruction: Instruction) throws(RegularExpressionError) {
    guard made.count < RegularExpression.instructionLimit else { throw Self.tooLarge }
    made.append(instruction)
  }

  private static let tooLarge = RegularExpressionError(
    reason: "the regular expression is too large; make its repetitions smaller")
}
