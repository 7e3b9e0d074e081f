import KernelDirector
import VirtualServer

/// As much of a shell as the recorded command lines use, with ipvsadm running in this process on a store in memory.
///
/// Words with quotes, `;` `&&` `|`, `<` `>` and `2>` on files in memory, and a few programs; anything else throws, so
/// that no recorded line is passed over in silence.
struct MiniShell {
  struct Unknown: Error { let what: String }

  struct Result {
    var status: Int32 = 0
    var output: [UInt8] = []
    var errors = ""
  }

  let store: MemoryRuleStore
  private var files: [String: [UInt8]] = ["/dev/null": []]
  private var lastStatus: Int32 = 0

  init(store: MemoryRuleStore) {
    self.store = store
  }

  mutating func run(_ line: String) throws -> Result {
    var all = Result()
    var skip = false
    for item in try ShellWords.items(of: line) {
      switch item {
      case .then: skip = false
      case .and: skip = all.status != 0
      case .pipeline(let commands):
        if skip { continue }
        var input: [UInt8] = []
        for (index, command) in commands.enumerated() {
          let result = try run(command, input: input)
          all.errors += result.errors
          all.status = result.status
          input = result.output
          if index == commands.count - 1 { all.output += result.output }
        }
        lastStatus = all.status
      }
    }
    return all
  }

  private mutating func run(_ command: ShellWords.Command, input: [UInt8]) throws -> Result {
    var input = input
    if let file = command.input {
      guard let content = files[file] else { throw Unknown(what: "file \(file)") }
      input = content
    }
    let words = command.words.map { $0 == "rc=$?" ? "rc=\(lastStatus)" : $0 }
    var result = try program(words, input: input)
    if let file = command.output {
      files[file] = file == "/dev/null" ? [] : result.output
      result.output = []
    }
    if command.dropsErrors { result.errors = "" }
    return result
  }

  private mutating func program(_ words: [String], input: [UInt8]) throws -> Result {
    let arguments = Array(words.dropFirst())
    switch words.first {
    case "ipvsadm": return ipvsadm(input) { $0.run(arguments) }
    case "ipvsadm-save": return ipvsadm(input) { $0.save(arguments) }
    case "ipvsadm-restore": return ipvsadm(input) { $0.replace() }
    case "printf": return Result(output: ShellWords.escaped(arguments.first { $0 != "--" } ?? ""))
    case "echo": return Result(output: Array((arguments.joined(separator: " ") + "\n").utf8))
    case "cat" where arguments.count == 1 && files[arguments[0]] != nil:
      return Result(output: files[arguments[0]] ?? [])
    case "diff" where arguments.count == 2:
      return Result(status: files[arguments[0]] == files[arguments[1]] ? 0 : 1)
    case "ip":
      try ip(arguments)
      return Result()
    default: throw Unknown(what: words.joined(separator: " "))
    }
  }

  private func ipvsadm(
    _ input: [UInt8],
    _ body: (inout CommandInterpreter<MemoryRuleStore, TableOfNames, MemoryConsole>) -> Int32
  ) -> Result {
    let store = store
    var interpreter = CommandInterpreter(
      program: "ipvsadm", names: TableOfNames(), console: MemoryConsole(input: input)
    ) { () throws(DirectorError) in store }
    let status = body(&interpreter)
    return Result(status: status, output: Array(interpreter.console.output.utf8), errors: interpreter.console.errors)
  }

  /// `ip addr add A/P …` makes an address the director's own; links need nothing.
  private func ip(_ arguments: [String]) throws {
    if arguments.first == "link" { return }
    guard arguments.starts(with: ["addr", "add"]), arguments.count > 2 else {
      throw Unknown(what: "ip \(arguments.joined(separator: " "))")
    }
    let parts = arguments[2].split(separator: "/")
    guard parts.count == 2, let address = IPAddress(String(parts[0])), let length = UInt32(parts[1]) else {
      throw Unknown(what: "address \(arguments[2])")
    }
    store.localAddresses.insert(address)
    if address.family == .ipv4, length < 31 {
      let broadcast = UInt32(bigEndian: address.words.0) | (UInt32.max >> length)
      store.broadcastAddresses.insert(IPAddress(family: .ipv4, words: (broadcast.bigEndian, 0, 0, 0)))
    }
  }
}
