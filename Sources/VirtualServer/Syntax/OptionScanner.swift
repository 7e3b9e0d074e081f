/// Splits a command line into options and left-over arguments, in popt's way.
///
/// Letters may be grouped (`-Ln`), an argument may follow in the same word (`-t10.0.0.1:80`, `-t=10.0.0.1:80`,
/// `--weight=3`) or in the next one, words without a dash are put aside, and `--` puts aside all that follow.
/// The argument of an option that can do without one is the next word unless that begins with a dash.
struct OptionScanner {
  struct Found {
    let word: Word
    let argument: String?
  }

  enum Failure: Error, Equatable {
    case unknownOption
    case missingArgument
    case unwantedArgument

    /// popt's own words.
    var text: String {
      switch self {
      case .unknownOption: "unknown option"
      case .missingArgument: "missing argument"
      case .unwantedArgument: "option does not take an argument"
      }
    }
  }

  private let arguments: [String]
  private var next = 0
  /// What is left of a group of letters.
  private var letters: Substring.UTF8View?
  private var onlyLeftOver = false
  private var leftOver: [String] = []
  private var nextLeftOver = 0

  /// Takes the arguments that follow the program's name.
  init(_ arguments: [String]) {
    self.arguments = arguments
  }

  /// The word consumed last: what an error message points at.
  var current: String { next > 0 ? arguments[next - 1] : "" }

  /// The next option, or nil after the last.
  mutating func nextOption() throws(Failure) -> Found? {
    while true {
      if let letters { return try grouped(letters) }
      guard next < arguments.count else { return nil }
      let word = arguments[next]
      next += 1
      let bytes = word.utf8
      guard !onlyLeftOver, bytes.count > 1, bytes.first == UInt8(ascii: "-") else {
        leftOver.append(word)
        continue
      }
      let body = word.dropFirst().utf8
      guard body.first == UInt8(ascii: "-") else {
        letters = body
        continue
      }
      if body.count == 1 {
        onlyLeftOver = true
        continue
      }
      return try long(word.dropFirst(2))
    }
  }

  /// The next argument that belongs to no option.
  mutating func nextLeftOverArgument() -> String? {
    guard nextLeftOver < leftOver.count else { return nil }
    nextLeftOver += 1
    return leftOver[nextLeftOver - 1]
  }

  private mutating func long(_ body: Substring) throws(Failure) -> Found {
    let equals = body.utf8.firstIndex(of: UInt8(ascii: "="))
    let name = body[..<(equals ?? body.endIndex)]
    guard let spelling = OptionTable.spelling(long: String(name)) else { throw .unknownOption }
    let given = equals.map { String(body[body.index(after: $0)...]) }
    return try finish(spelling, given: given)
  }

  private mutating func grouped(_ group: Substring.UTF8View) throws(Failure) -> Found {
    letters = nil
    guard let letter = group.first, let spelling = OptionTable.spelling(letter: letter) else { throw .unknownOption }
    var rest = group.dropFirst()
    guard let following = rest.first else { return try finish(spelling, given: nil) }
    let equals = following == UInt8(ascii: "=")
    if spelling.argument == .none, !equals {
      letters = rest
      return try finish(spelling, given: nil)
    }
    if equals { rest = rest.dropFirst() }
    return try finish(spelling, given: String(Substring(rest)))
  }

  private mutating func finish(_ spelling: OptionSpelling, given: String?) throws(Failure) -> Found {
    switch spelling.argument {
    case .none:
      if given != nil { throw .unwantedArgument }
      return Found(word: spelling.word, argument: nil)
    case .required, .optional:
      if let given { return Found(word: spelling.word, argument: given) }
      guard next < arguments.count else {
        if spelling.argument == .required { throw .missingArgument }
        return Found(word: spelling.word, argument: nil)
      }
      if spelling.argument == .optional, arguments[next].utf8.first == UInt8(ascii: "-") {
        return Found(word: spelling.word, argument: nil)
      }
      next += 1
      return Found(word: spelling.word, argument: arguments[next - 1])
    }
  }
}
