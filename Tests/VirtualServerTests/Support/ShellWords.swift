/// Reads a shell line into pipelines of commands.
enum ShellWords {
  struct Command {
    var words: [String] = []
    var input: String?
    var output: String?
    var dropsErrors = false
  }

  enum Item {
    case pipeline([Command])
    case then, and
  }

  private enum Token: Equatable {
    case word(String, quoted: Bool)
    case sign(String)
  }

  static func items(of line: String) throws -> [Item] {
    var items: [Item] = []
    var pipeline: [Command] = []
    var command = Command()
    var tokens = try tokens(of: line)[...]
    func word(_ tokens: inout ArraySlice<Token>, after sign: String) throws -> String {
      guard case .word(let text, _)? = tokens.popFirst() else { throw MiniShell.Unknown(what: "\(sign) and no word") }
      return text
    }
    while let token = tokens.popFirst() {
      switch token {
      case .word(let text, _): command.words.append(text)
      case .sign("<"): command.input = try word(&tokens, after: "<")
      case .sign(">"): command.output = try word(&tokens, after: ">")
      case .sign("2>"):
        guard try word(&tokens, after: "2>") == "/dev/null" else { throw MiniShell.Unknown(what: line) }
        command.dropsErrors = true
      case .sign(let sign):
        pipeline.append(command)
        command = Command()
        if sign == "|" { continue }
        items += [.pipeline(pipeline), sign == "&&" ? .and : .then]
        pipeline = []
      }
    }
    return items + [.pipeline(pipeline + [command])]
  }

  private static func tokens(of line: String) throws -> [Token] {
    var tokens: [Token] = []
    var word = ""
    var inWord = false
    var characters = Array(line.unicodeScalars)[...]
    func finish() {
      if inWord { tokens.append(.word(word, quoted: false)) }
      (word, inWord) = ("", false)
    }
    while let character = characters.popFirst() {
      switch character {
      case " ", "\t": finish()
      case "'", "\"":
        inWord = true
        guard let end = characters.firstIndex(of: character) else { throw MiniShell.Unknown(what: line) }
        word.unicodeScalars.append(contentsOf: characters[..<end])
        characters = characters[(end + 1)...]
      case "|", ";", "<":
        finish()
        tokens.append(.sign(String(character)))
      case ">":
        if inWord, word == "2" {
          (word, inWord) = ("", false)
          tokens.append(.sign("2>"))
        } else {
          finish()
          tokens.append(.sign(">"))
        }
      case "&" where characters.first == "&":
        characters.removeFirst()
        finish()
        tokens.append(.sign("&&"))
      case "$" where characters.first != "?", "`", "\\", "(", ")", "*", "&": throw MiniShell.Unknown(what: line)
      default:
        inWord = true
        word.unicodeScalars.append(character)
      }
    }
    finish()
    return tokens
  }

  /// The escapes of printf(1).
  static func escaped(_ format: String) -> [UInt8] {
    var bytes: [UInt8] = []
    var characters = Array(format.utf8)[...]
    while let character = characters.popFirst() {
      guard character == UInt8(ascii: "\\"), let code = characters.popFirst() else {
        bytes.append(character)
        continue
      }
      switch code {
      case UInt8(ascii: "n"): bytes.append(10)
      case UInt8(ascii: "t"): bytes.append(9)
      case UInt8(ascii: "r"): bytes.append(13)
      case UInt8(ascii: "f"): bytes.append(12)
      case UInt8(ascii: "v"): bytes.append(11)
      case UInt8(ascii: "0"): bytes.append(0)
      case UInt8(ascii: "\\"): bytes.append(code)
      default: bytes += [character, code]
      }
    }
    return bytes
  }
}
