import Netlink

/// What a word may stand for.
protocol WordValue {}
extension String: WordValue {}
extension UInt8: WordValue {}
extension UInt16: WordValue {}
extension UInt32: WordValue {}
extension IPAddress: WordValue {}
extension IPPrefix: WordValue {}
extension MACAddress: WordValue {}
extension Topology.Link.Offloads: WordValue {}
extension Topology.Process.Listener.Transport: WordValue {}

/// The words of one line of a description, with their columns.
///
/// Words are separated by blanks. A word in double quotes may hold blanks, and \n, \t, \" and \\. A # that begins a word
/// begins a comment.
struct Words {
  struct Word {
    var text: String
    /// Counts characters from 1.
    var column: Int
    var isQuoted: Bool
  }

  private(set) var words: [Word] = []
  private var next = 0
  let file: String
  let line: Int
  private let length: Int

  init(_ text: Substring, file: String, line: Int) throws(LabError) {
    self.file = file
    self.line = line
    length = text.count
    var characters = Array(text)[...]
    while let start = characters.firstIndex(where: { $0 != " " && $0 != "\t" }) {
      characters = characters[start...]
      if characters[start] == "#" { break }
      words.append(
        characters[start] == "\""
          ? try Words.quoted(&characters, file: file, line: line) : Words.plain(&characters))
    }
  }

  private static func plain(_ characters: inout ArraySlice<Character>) -> Word {
    let word = characters.prefix { $0 != " " && $0 != "\t" }
    characters = characters.dropFirst(word.count)
    return Word(text: String(word), column: word.startIndex + 1, isQuoted: false)
  }

  private static func quoted(
    _ characters: inout ArraySlice<Character>, file: String, line: Int
  ) throws(LabError) -> Word {
    let column = characters.startIndex + 1
    var text = ""
    characters = characters.dropFirst()
    while let character = characters.popFirst() {
      switch character {
      case "\"":
        if let after = characters.first, after != " ", after != "\t" {
          throw .description(
            .init(file: file, line: line, column: characters.startIndex + 1), "a blank must follow the closing quote")
        }
        return Word(text: text, column: column, isQuoted: true)
      case "\\":
        let escapes: [Character: Character] = ["n": "\n", "t": "\t", "\"": "\"", "\\": "\\"]
        guard let escaped = characters.popFirst(), let meant = escapes[escaped] else {
          throw .description(
            .init(file: file, line: line, column: characters.startIndex), "after \\ only n, t, \" or \\ may stand")
        }
        text.append(meant)
      default: text.append(character)
      }
    }
    throw .description(.init(file: file, line: line, column: column), "this quote is never closed")
  }

  var isEmpty: Bool { words.isEmpty }
  var isAtEnd: Bool { next >= words.count }

  /// The place of the word that was taken last, or of the line's end.
  func position(ofNext: Bool = false) -> LabError.Position {
    let index = ofNext ? next : next - 1
    return .init(file: file, line: line, column: words.indices.contains(index) ? words[index].column : length + 1)
  }

  func error(_ message: String, atNext: Bool = false) -> LabError { .description(position(ofNext: atNext), message) }

  /// Takes the next word, which must be there.
  mutating func take(_ what: String) throws(LabError) -> String {
    guard next < words.count else { throw error("\(what) is missing", atNext: true) }
    next += 1
    return words[next - 1].text
  }

  /// Takes the next word through a reader that may refuse it.
  ///
  /// The protocol keeps an optional from being read, whose nil would pass for a value.
  mutating func take<Value: WordValue>(_ what: String, _ read: (String) -> Value?) throws(LabError) -> Value {
    let text = try take(what)
    guard let value = read(text) else { throw error("\"\(text)\" is not \(what)") }
    return value
  }

  /// Takes the next word if it is this keyword.
  mutating func skip(_ keyword: String) -> Bool {
    guard next < words.count, words[next].text == keyword, !words[next].isQuoted else { return false }
    next += 1
    return true
  }

  mutating func rest() -> [String] {
    defer { next = words.count }
    return words[min(next, words.count)...].map(\.text)
  }

  func finish() throws(LabError) {
    if !isAtEnd { throw error("\"\(words[next].text)\" does not belong here", atNext: true) }
  }
}
