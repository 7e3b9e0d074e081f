import ArgumentParser

/// A command that `svs-cluster` does.
public protocol ClusterTool: InstrumentCommand {}

extension ClusterTool {
  public static var program: String { "svs-cluster" }
}

/// `svs cluster`: a cluster of network namespaces on this machine.
public struct ClusterCommand: ParsableCommand {
  public static let configuration = CommandConfiguration(
    commandName: "cluster",
    abstract: "Run a cluster on this machine: nodes, pods, services, names.",
    discussion: """
      Nodes and pods are network namespaces. The pods' network is flannel's, by vxlan or host-gw; services are reached \
      by cluster IP, by name and at the nodes' ports; an ingress routes by host. What runs is described in a file, or \
      in Kubernetes manifests.

      EXAMPLES
        svs cluster up
        svs cluster status
        svs cluster exec k8s node1 curl http://10.98.210.117:8000/
        svs cluster exec k8s centos-perf-1 curl http://sample-webapp:8000/
        svs cluster exec k8s outside curl http://sample-webapp.test.com/
        svs cluster backend k8s host-gw
        svs cluster scale k8s sample-webapp 5
        svs cluster down
      """,
    subcommands: [
      ClusterUpCommand.self, ClusterDownCommand.self, ClusterStatusCommand.self, ClusterExecCommand.self,
      ClusterBackendCommand.self, ClusterApplyCommand.self, ClusterScaleCommand.self, ClusterExampleCommand.self,
      ClusterHoldCommand.self,
    ])

  public init() {}
}

extension ArgumentHelp {
  static let cluster = ArgumentHelp("The cluster's name.", valueName: "cluster")
}
