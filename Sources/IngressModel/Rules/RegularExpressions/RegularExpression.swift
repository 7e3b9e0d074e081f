/// A regular expression in the syntax of Go's `regexp` (RE2), for bytes.
///
/// Rules come from people who write for Traefik, and are matched against what strangers send. Neither of the engines
/// at hand fits: Swift's `Regex` backtracks, so a hostile path could keep a loop busy for hours; the C library's `regexec`
/// has another syntax (no `\d`, no `(?:`), and takes a lock for each expression. So this one runs all alternatives side
/// by side (Thompson 1968, as RE2 does): a match takes at most `input × instructions` steps, whatever the two are,
/// keeps nothing between calls, and is safe to use from all threads at once.
///
/// What would need more than that, or a table of Unicode, is refused: back references, look-around, `\p{…}`, `\Q…\E`,
/// and classes with characters beyond ASCII. Outside of classes such a character stands for its UTF-8 bytes; `.` and
/// negated classes take one byte. Whether a repetition is greedy makes no difference to whether it matches.
struct RegularExpression: Sendable {
  /// Longest pattern, in bytes.
  static let lengthLimit = 2_000
  /// Groups inside groups.
  static let depthLimit = 50
  /// Most instructions of a compiled pattern; bounds the time for each byte of input.
  static let instructionLimit = 2_000

  private let program: [Instruction]

  /// Reads and compiles a pattern, to be found anywhere in an input.
  init(_ pattern: String, ignoringCase: Bool = false) throws(RegularExpressionError) {
    try self.init(node: RegularExpressionParser.parse(pattern, ignoringCase: ignoringCase))
  }

  init(node: RegularExpressionNode) throws(RegularExpressionError) {
    var compiler = RegularExpressionCompiler()
    program = try compiler.program(node)
  }

  /// Whether the pattern is found in the input.
  func matches(_ input: String) -> Bool {
    if let found = input.utf8.withContiguousStorageIfAvailable(matches(bytes:)) { return found }
    return Array(input.utf8).withUnsafeBufferPointer(matches(bytes:))
  }

  /// Whether the pattern is found in the bytes.
  func matches(bytes: UnsafeBufferPointer<UInt8>) -> Bool {
    program.withUnsafeBufferPointer { program in
      withUnsafeTemporaryAllocation(of: Int32.self, capacity: program.count * 4) { memory in
        memory.initialize(repeating: -1)
        var search = Search(program: program, input: bytes, memory: memory)
        return search.run()
      }
    }
  }
}

/// Why a pattern cannot be used.
struct RegularExpressionError: Error, Hashable {
  /// A sentence without its end.
  var reason: String
}

/// All alternatives of a pattern, side by side.
private struct Search {
  let program: UnsafeBufferPointer<Instruction>
  let input: UnsafeBufferPointer<UInt8>
  /// Instructions that wait for a byte; for this position, and the next.
  private var current: UnsafeMutableBufferPointer<Int32>
  private var next: UnsafeMutableBufferPointer<Int32>
  private let pending: UnsafeMutableBufferPointer<Int32>
  /// For each instruction the last position it was reached at.
  private let reached: UnsafeMutableBufferPointer<Int32>
  private var count = 0

  init(
    program: UnsafeBufferPointer<Instruction>, input: UnsafeBufferPointer<UInt8>,
    memory: UnsafeMutableBufferPointer<Int32>
  ) {
    self.program = program
    self.input = input
    let size = program.count
    current = .init(rebasing: memory[..<size])
    next = .init(rebasing: memory[size..<(2 * size)])
    pending = .init(rebasing: memory[(2 * size)..<(3 * size)])
    reached = .init(rebasing: memory[(3 * size)...])
  }

  mutating func run() -> Bool {
    var position = 0
    while true {
      if follow(0, at: position) { return true }
      guard position < input.count else { return false }
      let byte = input[position]
      let waiting = count
      swap(&current, &next)
      count = 0
      for index in 0..<waiting {
        let instruction = Int(next[index])
        if case .take(let set) = program[instruction], set.contains(byte) {
          if follow(instruction + 1, at: position + 1) { return true }
        }
      }
      position += 1
    }
  }

  /// Adds what can be reached from an instruction without a byte; true when the pattern's end is among it.
  private mutating func follow(_ first: Int, at position: Int) -> Bool {
    guard reached[first] != Int32(truncatingIfNeeded: position) else { return false }
    reached[first] = Int32(truncatingIfNeeded: position)
    var depth = 1
    pending[0] = Int32(truncatingIfNeeded: first)
    while depth > 0 {
      depth -= 1
      let instruction = Int(pending[depth])
      switch program[instruction] {
      case .take:
        current[count] = Int32(truncatingIfNeeded: instruction)
        count += 1
      case .match: return true
      case .split(let one, let other):
        push(other, at: position, &depth)
        push(one, at: position, &depth)
      case .jump(let target): push(target, at: position, &depth)
      case .demand(let assertion):
        if holds(assertion, at: position) { push(instruction + 1, at: position, &depth) }
      }
    }
    return false
  }

  @inline(__always)
  private func push(_ instruction: Int, at position: Int, _ depth: inout Int) {
    guard reached[instruction] != Int32(truncatingIfNeeded: position) else { return }
    reached[instruction] = Int32(truncatingIfNeeded: position)
    pending[depth] = Int32(truncatingIfNeeded: instruction)
    depth += 1
  }

  private func holds(_ assertion: Assertion, at position: Int) -> Bool {
    switch assertion {
    case .textStart: position == 0
    case .textEnd: position == input.count
    case .lineStart: position == 0 || input[position - 1] == 0x0a
    case .lineEnd: position == input.count || input[position] == 0x0a
    case .wordBoundary: isWordBoundary(position)
    case .noWordBoundary: !isWordBoundary(position)
    }
  }

  private func isWordBoundary(_ position: Int) -> Bool {
    let before = position > 0 && ByteSet.word.contains(input[position - 1])
    let after = position < input.count && ByteSet.word.contains(input[position])
    return before != after
  }
}
