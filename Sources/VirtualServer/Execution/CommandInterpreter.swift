import KernelDirector

/// Carries out ipvsadm's command lines on a store of rules.
///
/// The words are parsed and judged before the store is opened, so a command that is wrong in itself touches nothing
/// and needs no rights.
public struct CommandInterpreter<Store: RuleStore, Names: NameService, Output: Console> {
  private let program: String
  private let openStore: () throws(DirectorError) -> Store
  private var opened: Store?
  var names: Names
  public var console: Output

  /// - Parameters:
  ///   - program: What messages call ipvsadm: as it was called.
  ///   - openStore: Called once, before the first command that reads or changes rules.
  public init(
    program: String, names: Names, console: Output,
    openStore: @escaping () throws(DirectorError) -> Store
  ) {
    self.program = program
    self.names = names
    self.console = console
    self.openStore = openStore
  }

  /// Runs `ipvsadm` with these arguments (without the program's name) and returns the exit status.
  public mutating func run(_ arguments: [String]) -> Int32 {
    if arguments.isEmpty { return perform(Invocation(command: .list)).status }
    return line(arguments, inRestore: false).status
  }

  /// Runs `ipvsadm-save`: prints the rules, by number with `-n`.
  public mutating func save(_ arguments: [String]) -> Int32 {
    if let option = arguments.first(where: { $0.hasPrefix("-") && $0 != "-n" }) {
      console.complain("ipvsadm-save: unknown option \(option)")
      console.complain(
        "Prints the rules in the form that ipvsadm-restore reads; with -n addresses and ports by number.")
      return Status.notListed
    }
    return run(["-S"] + (arguments.contains("-n") ? ["-n"] : []))
  }

  /// Runs `ipvsadm-restore`: puts the rules read from standard input, where `#` begins a comment line, in place of
  /// those there are.
  public mutating func replace(_ arguments: [String] = []) -> Int32 {
    if let word = arguments.first {
      console.complain("ipvsadm-restore: unknown option \(word)")
      console.complain("Puts the rules read from standard input in place of those there are.")
      return Status.notListed
    }
    // All is read first: what is to be restored may be what another command is still saving.
    var input: [UInt8] = []
    while let more = console.read() {
      input += more
      if input.count > Limits.restore {
        console.complain(
          "ipvsadm-restore: standard input is longer than \(Limits.restore >> 20) MiB; the rules are as they were")
        return Status.notListed
      }
    }
    if let failure = console.inputFailure {
      console.complain("ipvsadm-restore: cannot read standard input: \(failure); the rules are as they were")
      return Status.notListed
    }
    let cleared = perform(Invocation(command: .flush))
    guard case .goOn(Status.success) = cleared else { return cleared.status }
    var pending: [UInt8]? = input
    return restore(comments: true) { _ in
      defer { pending = nil }
      return pending
    }.status
  }

  /// Where a line leaves its restore.
  private enum Outcome {
    case goOn(Int32)
    /// The whole program ends, the rest of a restore too.
    case end(Int32)

    var status: Int32 {
      switch self {
      case .goOn(let status), .end(let status): status
      }
    }
  }

  private mutating func line(_ arguments: [String], inRestore: Bool) -> Outcome {
    do {
      switch try CommandParser.parse(arguments, names: &names) {
      case .help:
        console.write(Help.text(program: program))
        return .end(Status.success)
      case .version:
        console.write(Help.version + "\n")
        return .end(Status.success)
      case .invocation(let invocation):
        guard invocation.command == .restore else { return perform(invocation) }
        return inRestore ? refuse(.notACommand) : restore(comments: false) { $0.console.read() }
      }
    } catch {
      return refuse(error)
    }
  }

  private mutating func refuse(_ error: CommandError) -> Outcome {
    switch error {
    case .misuse(let text):
      console.complain(text)
      return .end(Status.misuse)
    case .notACommand:
      console.complain("Try `\(program) -h' or '\(program) --help' for more information.")
      return .end(Status.failure)
    case .badOption(let text):
      console.complain(text)
      return .goOn(Status.failure)
    }
  }

  /// The status is that of the last line.
  private mutating func restore(comments: Bool, from read: (inout Self) -> [UInt8]?) -> Outcome {
    let store: Store
    do { store = try self.store() } catch { return failToOpen(error) }
    var outcome = Outcome.goOn(Status.success)
    var rest: [UInt8] = []
    var isOver = false
    while case .goOn = outcome, !isOver {
      // Not in a sitting: what is waited for may be what another command saves, which waits for the rules.
      let more = read(&self)
      isOver = more == nil
      rest += more ?? []
      var lines = RestoreLines(comments: comments)
      var pending: [UInt8]? = rest
      if isOver {
        rest = []
      } else {
        guard let end = rest.lastIndex(of: UInt8(ascii: "\n")) else {
          guard rest.count > Limits.line else { continue }
          console.complain("a line of standard input is longer than \(Limits.line >> 20) MiB")
          return .end(Status.failure)
        }
        pending = Array(rest[...end])
        rest.removeSubrange(...end)
      }
      func piece() -> [UInt8]? {
        defer { pending = nil }
        return pending
      }
      do {
        try store.inOneSitting {
          while case .goOn = outcome, let words = lines.next(from: piece) {
            if !words.isEmpty { outcome = line(words, inRestore: true) }
          }
        }
      } catch {
        console.complain(Messages.text(error, of: .restore))
        if case .goOn = outcome { outcome = .goOn(Status.failure) }
      }
    }
    return outcome
  }

  private mutating func perform(_ invocation: Invocation) -> Outcome {
    let store: Store
    do { store = try self.store() } catch { return failToOpen(error) }
    do {
      try execute(invocation, on: store)
      for remark in store.takeRemarks() { console.complain("ipvsadm: warning: \(remark)") }
      return .goOn(Status.success)
    } catch {
      console.complain(Messages.text(error, of: invocation.command))
      // What reading was asked for is not there: a restore has no reason to go on.
      let reading = invocation.command == .list || invocation.command == .save
      return reading ? .end(Status.notListed) : .goOn(Status.failure)
    }
  }

  private mutating func store() throws(DirectorError) -> Store {
    if let opened { return opened }
    let store = try openStore()
    opened = store
    return store
  }

  private mutating func failToOpen(_ error: DirectorError) -> Outcome {
    console.complain("Can't initialize ipvs: \(Messages.text(error, of: .list))")
    return .end(Status.misuse)
  }
}

/// How much is read of what may have no end, in bytes.
enum Limits {
  /// Rules by the million.
  static let restore = 1 << 28
  static let line = 1 << 20
}

/// Exit statuses, as ipvsadm gives them.
enum Status {
  static let success: Int32 = 0
  /// What was to be listed is not there.
  static let notListed: Int32 = 1
  /// The words are wrong, or the director cannot be reached.
  static let misuse: Int32 = 2
  /// The director refused, or an option is unknown or lacks its argument.
  static let failure: Int32 = 255
}
