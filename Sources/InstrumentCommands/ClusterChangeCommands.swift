import ArgumentParser

public struct ClusterBackendCommand: ClusterTool {
  public static let configuration = CommandConfiguration(
    commandName: "backend",
    abstract: "Change how pods' packets get from node to node, while everything runs.",
    discussion: """
      'vxlan' wraps each packet for the other node; 'host-gw' routes it there. Connections stay. A signal ends the \
      waiting for a change, with exit status 130, and not the change.

      EXAMPLES
        svs cluster backend k8s host-gw
        svs cluster backend k8s vxlan
      """)

  @Argument(help: .cluster)
  public var cluster: String

  @Argument(help: ArgumentHelp("vxlan or host-gw.", valueName: "backend"), completion: .list(["vxlan", "host-gw"]))
  public var backend: String

  public init() {}

  public func validate() throws {
    guard ["vxlan", "host-gw"].contains(backend) else { throw ValidationError("The backend is vxlan or host-gw.") }
  }
}

public struct ClusterApplyCommand: ClusterTool {
  public static let configuration = CommandConfiguration(
    commandName: "apply",
    abstract: "Change pods and services to what files say.",
    discussion: """
      Objects take the place of those of the same kind and name; all others stay. Pods that are new serve before \
      connections are led to them; pods that go are taken out of the services first, and end when their connections \
      have. Nodes and networks of a cluster that runs stay as they are, but for the backend. A signal ends the waiting \
      for a change, with exit status 130, and not the change.

      EXAMPLES
        svs cluster apply k8s deployment.yaml
        svs cluster apply k8s kube-flannel-cfg.yaml
      """)

  @Argument(help: .cluster)
  public var cluster: String

  @Argument(help: ArgumentHelp("Cluster files and Kubernetes manifests.", valueName: "file"))
  public var files: [String]

  public init() {}
}

public struct ClusterScaleCommand: ClusterTool {
  public static let configuration = CommandConfiguration(
    commandName: "scale",
    abstract: "Change how many pods a deployment has.",
    discussion: """
      A signal ends the waiting for the change, with exit status 130, and not the change.

      EXAMPLES
        svs cluster scale k8s sample-webapp 5
        svs cluster scale k8s kube-system/coredns 1
      """)

  @Argument(help: .cluster)
  public var cluster: String

  @Argument(help: "The deployment, as NAME or NAMESPACE/NAME.")
  public var deployment: String

  @Argument(help: ArgumentHelp("How many pods.", valueName: "number"))
  public var replicas: Int

  public init() {}

  public func validate() throws {
    guard (0...1000).contains(replicas) else { throw ValidationError("A deployment has 0 to 1,000 pods.") }
  }
}
