import ArgumentParser

public struct ClusterDownCommand: ClusterTool {
  public static let configuration = CommandConfiguration(
    commandName: "down",
    abstract: "Take clusters down: programs, services, namespaces, files.",
    discussion: """
      EXAMPLES
        svs cluster down              the only one that is up
        svs cluster down k8s
        svs cluster down --all
      """)

  @Argument(help: ArgumentHelp("The clusters' names; none: the only one that is up.", valueName: "cluster"))
  public var names: [String] = []

  @Flag(help: "Every cluster.")
  public var all = false

  public init() {}

  public func validate() throws {
    guard names.isEmpty || !all else { throw ValidationError("Give names or --all, not both.") }
  }
}

public struct ClusterStatusCommand: ClusterTool {
  public static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Show nodes, pods, services with their endpoints, and what is wrong.",
    discussion: """
      The exit status is 1 where something is wrong.

      EXAMPLES
        svs cluster status
        svs cluster status k8s --json
      """)

  @Argument(help: ArgumentHelp("The cluster's name; none: all that are up.", valueName: "cluster"))
  public var name: String?

  @Flag(help: "Print JSON: a list of clusters, or the cluster that is named.")
  public var json = false

  public init() {}
}
