/// Reads patterns (https://github.com/google/re2/wiki/Syntax, as far as `RegularExpression` tells).
struct RegularExpressionParser {
  /// What `(?…)` switches.
  private struct Flags {
    var ignoresCase = false
    /// `^` and `$` at lines' ends too.
    var knowsLines = false
    /// `.` takes newlines too.
    var dotTakesAll = false
  }

  private var input: ArraySlice<UInt8>
  private var flags = Flags()
  private var depth = 0

  static func parse(_ pattern: String, ignoringCase: Bool) throws(RegularExpressionError) -> RegularExpressionNode {
    let bytes = Array(pattern.utf8)
    guard bytes.count <= RegularExpression.lengthLimit else {
      throw RegularExpressionError(
        reason: "the regular expression has more than \(RegularExpression.lengthLimit) bytes; write a shorter one")
    }
    var parser = RegularExpressionParser(input: bytes[...])
    parser.flags.ignoresCase = ignoringCase
    let node = try parser.alternatives()
    guard parser.input.isEmpty else { throw fault("a ')' that closes nothing; write '\\)' for the character") }
    return node
  }

  private init(input: ArraySlice<UInt8>) { self.input = input }

  private static func fault(_ what: String) -> RegularExpressionError {
    RegularExpressionError(reason: "the regular expression has \(what)")
  }

  private mutating func alternatives() throws(RegularExpressionError) -> RegularExpressionNode {
    var made: [RegularExpressionNode] = [try sequence()]
    while take("|") { made.append(try sequence()) }
    return made.count == 1 ? made[0] : .alternatives(made)
  }

  private mutating func sequence() throws(RegularExpressionError) -> RegularExpressionNode {
    var made: [RegularExpressionNode] = []
    while let byte = input.first, byte != UInt8(ascii: "|"), byte != UInt8(ascii: ")") {
      guard let node = try atom() else { continue }
      made.append(try repeated(node))
    }
    return made.isEmpty ? .empty : made.count == 1 ? made[0] : .sequence(made)
  }

  // MARK: Repetition

  private mutating func repeated(_ node: RegularExpressionNode) throws(RegularExpressionError) -> RegularExpressionNode
  {
    guard let range = try repetition() else { return node }
    _ = take("?")
    guard try repetition() == nil else { throw Self.fault("a repetition of a repetition; put the inner one in ( )") }
    return .repetition(node, range.0, range.1)
  }

  private mutating func repetition() throws(RegularExpressionError) -> (Int, Int?)? {
    if take("*") { return (0, nil) }
    if take("+") { return (1, nil) }
    if take("?") { return (0, 1) }
    // A brace that is no count is a brace, for Go.
    let start = input
    guard take("{"), let least = number() else {
      input = start
      return nil
    }
    var most: Int? = least
    if take(",") { most = number() }
    guard take("}") else {
      input = start
      return nil
    }
    guard least <= 1_000, (most ?? 0) <= 1_000, least <= most ?? least else {
      throw Self.fault("a repetition whose numbers are not in order, or above 1000")
    }
    return (least, most)
  }

  private mutating func number() -> Int? {
    var value: Int?
    while let byte = input.first, ByteSet.digits.contains(byte) {
      value = min((value ?? 0) * 10 + Int(byte - UInt8(ascii: "0")), 10_000)
      input.removeFirst()
    }
    return value
  }

  // MARK: Atoms

  /// Nil for `(?i)`, which is nothing itself.
  private mutating func atom() throws(RegularExpressionError) -> RegularExpressionNode? {
    guard let byte = input.popFirst() else { return .empty }
    switch byte {
    case UInt8(ascii: "("): return try group()
    case UInt8(ascii: "["): return .bytes(try bracket())
    case UInt8(ascii: "."): return .bytes(flags.dotTakesAll ? ByteSet().inverted : ByteSet.newline.inverted)
    case UInt8(ascii: "^"): return .assertion(flags.knowsLines ? .lineStart : .textStart)
    case UInt8(ascii: "$"): return .assertion(flags.knowsLines ? .lineEnd : .textEnd)
    case UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "?"):
      throw Self.fault("a '\(Character(Unicode.Scalar(byte)))' with nothing before it to repeat")
    case UInt8(ascii: "\\"):
      switch input.first {
      case UInt8(ascii: "A"): return assertion(.textStart)
      case UInt8(ascii: "z"): return assertion(.textEnd)
      case UInt8(ascii: "b"): return assertion(.wordBoundary)
      case UInt8(ascii: "B"): return assertion(.noWordBoundary)
      default: return .bytes(folded(try escape()))
      }
    case 0x80...:
      // One character, so that a repetition repeats all of it.
      var bytes = [byte]
      while let next = input.first, next & 0xc0 == 0x80 {
        bytes.append(next)
        input.removeFirst()
      }
      return .sequence(bytes.map { .bytes(ByteSet([$0])) })
    default: return .bytes(folded(ByteSet([byte])))
    }
  }

  private mutating func assertion(_ assertion: Assertion) -> RegularExpressionNode {
    input.removeFirst()
    return .assertion(assertion)
  }

  private func folded(_ set: ByteSet) -> ByteSet { flags.ignoresCase ? set.ignoringCase : set }

  private mutating func group() throws(RegularExpressionError) -> RegularExpressionNode? {
    depth += 1
    defer { depth -= 1 }
    guard depth <= RegularExpression.depthLimit else {
      throw Self.fault("more than \(RegularExpression.depthLimit) groups inside each other")
    }
    let outer = flags
    if take("?") {
      if take("P") {
        guard take("<") else { throw Self.fault("'(?P' without a '<NAME>'") }
        try skipName()
      } else if take("<") {
        if input.first == UInt8(ascii: "=") || input.first == UInt8(ascii: "!") { throw Self.lookAround }
        try skipName()
      } else {
        if input.first == UInt8(ascii: "=") || input.first == UInt8(ascii: "!") { throw Self.lookAround }
        if try switchFlags() { return nil }
      }
    }
    let node = try alternatives()
    guard take(")") else { throw Self.fault("a '(' that is not closed") }
    flags = outer
    return node
  }

  private static let lookAround = fault("look-around, '(?=', '(?!', '(?<=' or '(?<!', which Go's have not either")

  private mutating func skipName() throws(RegularExpressionError) {
    while let byte = input.popFirst(), byte != UInt8(ascii: ">") {
      guard ByteSet.word.contains(byte) else { throw Self.fault("a group's name with other than letters and digits") }
      if input.isEmpty { throw Self.fault("a group's name that is not closed") }
    }
  }

  /// True for `(?i)`, false for `(?i:`, whose group follows.
  private mutating func switchFlags() throws(RegularExpressionError) -> Bool {
    var value = true
    while let byte = input.popFirst() {
      switch byte {
      case UInt8(ascii: "i"): flags.ignoresCase = value
      case UInt8(ascii: "m"): flags.knowsLines = value
      case UInt8(ascii: "s"): flags.dotTakesAll = value
      case UInt8(ascii: "U"): break
      case UInt8(ascii: "-"): value = false
      case UInt8(ascii: ":"): return false
      case UInt8(ascii: ")"): return true
      default: throw Self.fault("an unknown flag '\(Character(Unicode.Scalar(byte)))' after '(?'")
      }
    }
    throw Self.fault("a '(' that is not closed")
  }

  // MARK: Sets

  /// What follows a backslash.
  private mutating func escape() throws(RegularExpressionError) -> ByteSet {
    guard let byte = input.popFirst() else { throw Self.fault("a backslash at its end") }
    switch byte {
    case UInt8(ascii: "d"): return .digits
    case UInt8(ascii: "D"): return ByteSet.digits.inverted
    case UInt8(ascii: "w"): return .word
    case UInt8(ascii: "W"): return ByteSet.word.inverted
    case UInt8(ascii: "s"): return .space
    case UInt8(ascii: "S"): return ByteSet.space.inverted
    case UInt8(ascii: "a"): return ByteSet([0x07])
    case UInt8(ascii: "t"): return ByteSet([0x09])
    case UInt8(ascii: "n"): return ByteSet([0x0a])
    case UInt8(ascii: "v"): return ByteSet([0x0b])
    case UInt8(ascii: "f"): return ByteSet([0x0c])
    case UInt8(ascii: "r"): return ByteSet([0x0d])
    case UInt8(ascii: "x"): return ByteSet([try hexadecimal()])
    case UInt8(ascii: "1")...UInt8(ascii: "9"):
      throw Self.fault("a back reference, which Go's have not either; repeat the pattern itself")
    case 0x80...: throw Self.fault("a backslash before a character beyond ASCII; leave it out")
    case _ where ByteSet.word.contains(byte) && byte != UInt8(ascii: "_"):
      throw Self.fault("'\\\(Character(Unicode.Scalar(byte)))', which is not supported here")
    default: return ByteSet([byte])
    }
  }

  private mutating func hexadecimal() throws(RegularExpressionError) -> UInt8 {
    let isBraced = take("{")
    var value = 0
    var count = 0
    while let digit = input.first.flatMap({ Character(Unicode.Scalar($0)).hexDigitValue }), isBraced || count < 2 {
      value = min(value * 16 + digit, 0x10000)
      count += 1
      input.removeFirst()
    }
    guard count > 0, isBraced ? take("}") : count == 2, value < 0x80 else {
      throw Self.fault("'\\x' without two digits of a character in ASCII (00 to 7f)")
    }
    return UInt8(value)
  }

  private mutating func bracket() throws(RegularExpressionError) -> ByteSet {
    let isNegated = take("^")
    var set = ByteSet()
    var isFirst = true
    while let byte = input.popFirst() {
      if byte == UInt8(ascii: "]"), !isFirst {
        let folded = folded(set)
        return isNegated ? folded.inverted : folded
      }
      isFirst = false
      if byte == UInt8(ascii: "["), input.first == UInt8(ascii: ":") {
        set = set.union(try namedClass())
        continue
      }
      let (members, single) = try classMember(byte)
      guard let single, input.first == UInt8(ascii: "-"),
        input.dropFirst().first.map({ $0 != UInt8(ascii: "]") }) ?? false
      else {
        set = set.union(members)
        continue
      }
      input.removeFirst()
      guard let end = input.popFirst(), let last = try classMember(end).single, single <= last else {
        throw Self.fault("a range in [ ] that runs backwards or to a class")
      }
      set = set.union(ByteSet(single...last))
    }
    throw Self.fault("a '[' that is not closed")
  }

  private mutating func classMember(
    _ byte: UInt8
  ) throws(RegularExpressionError) -> (members: ByteSet, single: UInt8?) {
    guard byte < 0x80 else { throw Self.fault("a character beyond ASCII in [ ]; write it as an alternative: (ä|ö)") }
    guard byte == UInt8(ascii: "\\") else { return (ByteSet([byte]), byte) }
    let members = try escape()
    let singles = (UInt8.min...UInt8.max).filter(members.contains)
    return (members, singles.count == 1 ? singles[0] : nil)
  }

  private mutating func namedClass() throws(RegularExpressionError) -> ByteSet {
    input.removeFirst()
    let isNegated = take("^")
    var name = ""
    while let byte = input.popFirst(), byte != UInt8(ascii: ":") { name.unicodeScalars.append(Unicode.Scalar(byte)) }
    guard take("]"), let set = Self.named(name) else {
      throw Self.fault("an unknown class '[:\(name):]'")
    }
    return isNegated ? set.inverted : set
  }

  private static func named(_ name: String) -> ByteSet? {
    switch name {
    case "alnum": .digits.union(.upper).union(.lower)
    case "alpha": .upper.union(.lower)
    case "ascii": ByteSet(0...0x7f)
    case "blank": ByteSet([0x09, 0x20])
    case "cntrl": ByteSet(0...0x1f).union(ByteSet([0x7f]))
    case "digit": .digits
    case "graph": ByteSet(0x21...0x7e)
    case "lower": .lower
    case "print": ByteSet(0x20...0x7e)
    case "punct": ByteSet((0x21...0x7e).filter { !ByteSet.word.contains($0) || $0 == UInt8(ascii: "_") })
    case "space": .space.union(ByteSet([0x0b]))
    case "upper": .upper
    case "word": .word
    case "xdigit": .digits.union(ByteSet("abcdefABCDEF".utf8))
    default: nil
    }
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard let byte = input.first, byte == UInt8(ascii: character) else { return false }
    input.removeFirst()
    return true
  }
}
