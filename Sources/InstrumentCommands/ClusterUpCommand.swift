import ArgumentParser

public struct ClusterUpCommand: ClusterTool {
  public static let configuration = CommandConfiguration(
    commandName: "up",
    abstract: "Build a cluster; it stays until 'svs cluster down'.",
    discussion: """
      Files are cluster files, as 'svs cluster example' prints one, and Kubernetes manifests, several documents in one \
      or each by itself. Without any it is the cluster of that example: three nodes, three replicas of an application, \
      pods to measure from, a DNS server and an ingress. What a manifest asks for and nothing here does is noted.

      A program in the background holds the cluster. Whatever becomes of it, the next 'svs cluster' or 'svs lab' \
      command removes what is left.

      EXAMPLES
        svs cluster up
        svs cluster up --name second
        svs cluster up cluster.yaml
        svs cluster up cluster.yaml deployment.yaml service.yaml
      """)

  @Argument(help: ArgumentHelp("What to build.", valueName: "file"))
  public var files: [String] = []

  @Option(help: "The cluster's name; else the file's.")
  public var name: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Seconds to wait until each part is ready.", valueName: "seconds"))
  public var patience: Double = 15

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Seconds that connections of a pod that goes may last.", valueName: "seconds"))
  public var drain: Double = 10

  @Flag(name: .shortAndLong, help: "Print nothing but errors.")
  public var quiet = false

  public init() {}

  public func validate() throws {
    guard (1...3600).contains(patience) else { throw ValidationError("--patience is 1 to 3,600 seconds.") }
    guard (0...3600).contains(drain) else { throw ValidationError("--drain is 0 to 3,600 seconds.") }
  }
}

/// The program in the background; not for people.
public struct ClusterHoldCommand: ClusterTool {
  public static let configuration = CommandConfiguration(
    commandName: "hold", abstract: "Hold a cluster; started by 'up'.", shouldDisplay: false)

  public init() {}
}

public struct ClusterExampleCommand: ClusterTool {
  public static let configuration = CommandConfiguration(
    commandName: "example",
    abstract: "Print the standard cluster's file: one to start from.",
    discussion: """
      EXAMPLES
        svs cluster example > cluster.yaml
        svs cluster up cluster.yaml
      """)

  public init() {}
}
