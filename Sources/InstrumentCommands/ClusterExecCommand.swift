import ArgumentParser

public struct ClusterExecCommand: ClusterTool {
  public static let configuration = CommandConfiguration(
    commandName: "exec",
    abstract: "Run a command in a node, a pod, or the host outside.",
    // It is captured word for word, and the library takes what is captured so for optional.
    usage: "svs cluster exec <cluster> <host> <command> [<argument> ...]",
    discussion: """
      The command takes this process's place in the host's network namespace, with the cluster's DNS server in \
      /etc/resolv.conf, and otherwise the same files, folders and terminal. The exit status is the command's; 127 where \
      there is no such command, 126 where it may not be run. A host may be called by the name of its namespace, or by \
      the end of its name, where only one ends that way.

      EXAMPLES
        svs cluster exec k8s master curl http://10.98.210.117:8000/
        svs cluster exec k8s perf-1 ping -c 3 10.244.2.2
        svs cluster exec k8s outside curl http://sample-webapp.test.com/
        svs cluster exec k8s node1 ip route
        svs cluster exec k8s centos-perf-1 svs bench latency http://sample-webapp:8000/
      """)

  @Argument(help: .cluster)
  public var cluster: String

  @Argument(help: "A node, a pod, or 'outside'.")
  public var host: String

  @Argument(parsing: .captureForPassthrough, help: "The program and its arguments.")
  public var command: [String] = []

  public init() {}

  /// The words without the '--' that may stand before them.
  public var words: [String] { command.first == "--" ? Array(command.dropFirst()) : command }

  public func validate() throws {
    // Asked for help, captured as everything else is.
    if words == ["--help"] || words == ["-h"] { throw CleanExit.helpRequest(self) }
    guard !words.isEmpty else { throw ValidationError("The command is missing.") }
  }
}
