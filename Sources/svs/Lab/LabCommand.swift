import ArgumentParser
import Lab

/// `svs lab`: networks of namespaces to try things in.
struct LabCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "lab",
    abstract: "Build networks of namespaces to try things in.",
    discussion: """
      A lab is a client, a director and real servers, each a network namespace, joined by virtual cables. Labs come \
      with the product (nat, dr, tun, fullnat, all) or are described in a file; docs/lab.md tells how.

      EXAMPLES
        svs lab up nat
        svs lab exec nat director ipvsadm -A -t 10.1.0.100:80 -s rr
        svs lab exec nat director ipvsadm -a -t 10.1.0.100:80 -r 10.2.0.11:8080 -m
        svs lab exec nat client curl http://10.1.0.100/
        svs lab down nat
      """,
    subcommands: [Up.self, Down.self, List.self, Exec.self])
}

extension LabCommand {
  struct Up: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Build a lab; it stays until 'svs lab down'.",
      discussion: "Built-in labs:\n"
        + BuiltInLab.allCases.map { "  \($0.rawValue.padded(7)) \($0.summary)" }.joined(separator: "\n"))

    @Argument(help: ArgumentHelp("A built-in lab, or a file with a description.", valueName: "lab-or-file"))
    var source: String

    @Option(help: "The lab's name; else the built-in's, or the file's without its extension.")
    var name: String?

    @Option(help: ArgumentHelp("Seconds to wait until all is ready.", valueName: "seconds"))
    var patience: Int = 15

    func validate() throws {
      guard patience > 0 else { throw ValidationError("--patience must be at least 1") }
    }

    func run() throws {
      let builtIn = BuiltInLab(rawValue: source)
      let topology = try reporting { () throws(LabError) in
        if let builtIn { builtIn.topology } else { try Topology(file: source) }
      }
      guard let first = topology.hosts.first else {
        complain("\(source) describes no host")
        throw ExitCode.failure
      }
      try reporting { () throws(LabError) in
        let lab = try Lab(
          topology, name: name ?? defaultName, lifetime: .kept, patience: .seconds(patience))
        print("\(lab.name) is up: " + topology.hosts.map(\.name).joined(separator: ", "))
        print("  a command on a host:  svs lab exec \(lab.name) \(first.name) ip address")
        print("  files and logs:       \(lab.folder)")
        print("  the end:              svs lab down \(lab.name)")
      }
    }

    /// The last part of the path without what follows its last dot.
    private var defaultName: String {
      let file = source.split(separator: "/").last ?? ""
      return String(file.lastIndex(of: ".").map { file[..<$0] } ?? file)
    }
  }

  struct Down: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Take labs down: processes, namespaces, files.")

    @Argument(help: "The labs' names.")
    var names: [String] = []

    @Flag(help: "Every lab that nobody else is using.")
    var all = false

    func validate() throws {
      guard names.isEmpty == all else { throw ValidationError("Give the names of labs, or --all") }
    }

    func run() throws {
      for name in all ? Lab.list().map(\.name) : names {
        try reporting { () throws(LabError) in
          do throws(LabError) { try Lab.down(name) } catch {
            // Somebody's tests are none of --all's business.
            if case .isOwned = error, all { return }
            throw error
          }
        }
      }
    }
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show the labs that are up, and remove what dead owners left.")

    @Flag(help: "Print JSON.")
    var json = false

    func run() {
      let labs = Lab.list()
      if json { return printJSON(labs.map(JSONValue.init)) }
      for lab in labs {
        print(
          "\(lab.name)  (\(lab.lifetime == .kept ? "kept" : "belongs to a program")\(lab.isReady ? "" : ", not complete"))"
        )
        for host in lab.hosts {
          let processes = host.processes.map { "\($0.name) \($0.isRunning ? "(\($0.pid))" : "(ended)")" }
          print("  \(host.name.padded(12)) \(host.namespace.padded(20)) \(processes.joined(separator: ", "))".trimmed)
        }
      }
    }
  }

  struct Exec: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Run a command on a host of a lab.",
      discussion: """
        The command takes this process's place inside the host's network namespace, with the same files, folders and \
        terminal. The exit status is the command's.
        """)

    @Argument(help: "The lab's name.")
    var lab: String

    @Argument(help: "The host's name.")
    var host: String

    @Argument(parsing: .captureForPassthrough, help: "The program and its arguments.")
    var command: [String] = []

    func run() throws {
      let words = command.first == "--" ? Array(command.dropFirst()) : command
      guard !words.isEmpty else { throw ValidationError("The command is missing") }
      try reporting { () throws(LabError) in try Lab.enter(lab, host: host, words) }
    }
  }
}

extension String {
  fileprivate var trimmed: String {
    var text = self
    while text.last == " " { text.removeLast() }
    return text
  }
}

extension JSONValue {
  init(_ lab: LabSummary) {
    self = .object([
      ("name", .string(lab.name)), ("lifetime", .string(lab.lifetime.rawValue)), ("ready", .bool(lab.isReady)),
      (
        "hosts",
        .array(
          lab.hosts.map { host in
            .object([
              ("name", .string(host.name)), ("namespace", .string(host.namespace)),
              (
                "processes",
                .array(
                  host.processes.map {
                    .object([
                      ("name", .string($0.name)), ("pid", .number(UInt64($0.pid))), ("running", .bool($0.isRunning)),
                    ])
                  })
              ),
            ])
          })
      ),
    ])
  }
}
