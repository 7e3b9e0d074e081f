import ClusterModel
import Glibc
import Lab
import Netlink

extension RunningCluster {
  /// How it stands now.
  public func status() -> ClusterStatus {
    services.release()
    let layout = layout
    let pods = layout.pods.map(status(of:))
    let ended = pods.flatMap { pod in
      pod.programs.filter { !$0.isRunning }.map { "pod \(pod.name): \($0.name) has ended; its log is \($0.log)" }
    }
    let counts = Dictionary(
      layout.pods.map { pod in (pod.address, (try? lab.inside(pod.name) { try PodConnections().counts }) ?? [:]) }
    ) { first, _ in first }
    let names = Dictionary(layout.pods.map { ($0.address, $0.name) }) { first, _ in first }
    return ClusterStatus(
      name: name, holder: getpid(), backend: layout.podNetwork.backend.name,
      podNetwork: layout.podNetwork.ipv4.map { "\($0.prefix)" } ?? "", serviceNetwork: "\(layout.serviceNetwork)",
      nodes: layout.nodes.map { node in
        .init(
          name: node.name, address: "\(node.address.address)", podSubnet: "\(node.podSubnet)",
          namespace: Lab.namespaceName(lab: name, host: node.name))
      },
      pods: pods,
      services: layout.services.map { service in
        .init(
          name: "\(service.name)", transport: service.transport == .tcp ? "tcp" : "udp",
          clusterIP: "\(service.clusterIP)", port: service.port, nodePort: service.nodePort,
          affinitySeconds: service.affinitySeconds,
          endpoints: service.endpoints.map { endpoint in
            .init(
              pod: names[endpoint.address], address: "\(endpoint.address)", port: endpoint.port,
              connections: service.transport == .tcp ? counts[endpoint.address]?[endpoint.port] ?? 0 : 0)
          })
      },
      outside: .init(name: layout.outside.name, address: "\(layout.outside.address.address)"),
      problems: ended + overlay.problems() + services.problems(), notes: layout.notes)
  }

  private func status(of pod: ClusterLayout.Pod) -> ClusterStatus.Pod {
    // A program that was started again under its name counts once.
    let processes = lab.processes(on: pod.name)
    let latest = pod.programs.compactMap { program in processes.last { $0.name == program.name } }
    return .init(
      namespace: pod.namespace, name: pod.name, node: pod.node, address: "\(pod.address)",
      networkNamespace: Lab.namespaceName(lab: name, host: pod.name),
      programs: latest.map { .init(name: $0.name, pid: $0.pid, isRunning: $0.isRunning, log: $0.log) })
  }
}
