import ArgumentParser
import KernelDirector
import VirtualServer

struct SysctlCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sysctl",
    abstract: "Show and set IPVS's knobs, net.ipv4.vs.*, and the director's own.",
    discussion: """
      The names, values and effects are the kernel's. A knob that has no meaning here, or whose other values are not \
      implemented, takes the value that it has and refuses others with the reason. What is set holds for this network \
      namespace, until its director is removed.

      EXAMPLES
        svs sysctl                                       all of them
        svs sysctl net.ipv4.vs.conn_reuse_mode
        svs sysctl -w net.ipv4.vs.expire_nodest_conn=1
        svs sysctl -w svs.udp_drain_limit=60
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
    let director = try reporting { () throws(DirectorError) in try Director() }
    // Nobody sets a knob between our look at all of them and our store.
    let outcome = try reporting { () throws(DirectorError) in
      try director.inOneSitting { Result { try show(on: director) } }
    }
    try outcome.get()
  }

  private func show(on director: Director) throws {
    let standing = try reporting { () throws(DirectorError) in try director.knobs() }
    var knobs = standing
    if words.isEmpty { return Knob.all.forEach { show($0, knobs) } }
    // All are judged before the first is set: a command that fails changes nothing.
    var found: [Knob] = []
    for word in words {
      let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard let knob = Knob.named(String(parts[0])) else {
        complain("there is no knob \(parts[0]); 'svs sysctl' lists all")
        throw ExitCode.failure
      }
      if parts.count == 2, let refusal = knob.set(String(parts[1]), in: &knobs) {
        complain(refusal)
        throw ExitCode.failure
      }
      found.append(knob)
    }
    if knobs != standing { try reporting { () throws(DirectorError) in try director.setKnobs(knobs) } }
    found.forEach { show($0, knobs) }
  }

  private func show(_ knob: Knob, _ knobs: Knobs) {
    var line = "\(knob.name) = \(knob.value(in: knobs))"
    if words.isEmpty, case .meaningless(let why) = knob.standing { line += "  # no meaning here: \(why)" }
    print(line)
  }
}
