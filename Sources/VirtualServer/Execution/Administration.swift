import KernelDirector

/// The programs ipvsadm, ipvsadm-save and ipvsadm-restore, on this process's streams and this machine's names.
///
/// Each takes the process's arguments, the program's name among them, and returns the exit status.
public struct Administration<Store: RuleStore> {
  private var interpreter: CommandInterpreter<Store, SystemNames, StandardConsole>
  private let arguments: [String]

  /// - Parameter openStore: Called once, before the first command that reads or changes rules.
  public init(
    _ arguments: [String], openStore: @escaping () throws(DirectorError) -> Store
  ) {
    // The scripts of the same names called plain ipvsadm.
    let called = arguments.first ?? "ipvsadm"
    let script = called.hasSuffix("ipvsadm-save") || called.hasSuffix("ipvsadm-restore")
    interpreter = CommandInterpreter(
      program: script ? "ipvsadm" : called, names: SystemNames(), console: StandardConsole(),
      openStore: openStore)
    self.arguments = Array(arguments.dropFirst())
  }

  public mutating func ipvsadm() -> Int32 { finish(interpreter.run(arguments)) }
  public mutating func save() -> Int32 { finish(interpreter.save(arguments)) }
  public mutating func restore() -> Int32 { finish(interpreter.replace(arguments)) }

  /// The status to leave with, once all output is out.
  private mutating func finish(_ status: Int32) -> Int32 {
    if interpreter.console.flush() { return status }
    interpreter.console.complain("ipvsadm: standard output could not be written")
    return status == 0 ? 1 : status
  }
}
