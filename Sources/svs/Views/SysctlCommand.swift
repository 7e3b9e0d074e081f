import ArgumentParser
import VirtualServer

struct SysctlCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sysctl",
    abstract: "Show IPVS's knobs, net.ipv4.vs.*, and how this director stands to each.",
    discussion: """
      The names and values are the kernel's. The director behaves as IPVS does by default; setting a knob to the value \
      that it has succeeds, anything else is refused with the reason.

      EXAMPLES
        svs sysctl                                       all of them
        svs sysctl net.ipv4.vs.conn_reuse_mode
        svs sysctl -w net.ipv4.vs.expire_nodest_conn=0
      """)

  @Flag(name: .customShort("w"), help: "Set knobs: NAME=VALUE.")
  var write = false

  @Argument(help: ArgumentHelp("Knobs by name; none means all.", valueName: "name[=value]"))
  var words: [String] = []

  func validate() throws {
    if write, words.isEmpty || !words.allSatisfy({ $0.contains("=") }) {
      throw ValidationError("-w takes NAME=VALUE")
    }
  }

  func run() throws {
    if words.isEmpty { return Knob.all.forEach(show) }
    // All are judged before the first is told: a command that fails changes nothing.
    var found: [Knob] = []
    for word in words {
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard let knob = Knob.named(String(parts[0])) else {
        complain("there is no knob \(parts[0]); 'svs sysctl' lists all")
        throw ExitCode.failure
      }
      if parts.count == 2, let refusal = knob.refusal(of: String(parts[1])) {
        complain(refusal)
        throw ExitCode.failure
      }
      found.append(knob)
    }
    found.forEach(show)
  }

  private func show(_ knob: Knob) {
    var line = "\(Knob.prefix)\(knob.name) = \(knob.value)"
    if words.isEmpty, case .meaningless(let why) = knob.standing { line += "  # no meaning here: \(why)" }
    print(line)
  }
}
