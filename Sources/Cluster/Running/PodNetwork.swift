import ClusterModel
import HostSystem
import Lab
import Netlink
import Synchronization

/// The pods' network of a running cluster: an agent for each node, and the leases that they tell each other.
final class PodNetwork: Sendable {
  private let lab: String
  private let report: @Sendable (String) -> Void
  private let agents = Mutex<[Agent]>([])

  private struct Agent {
    var node: ClusterLayout.Node
    var agent: OverlayAgent
  }

  init(lab: String, report: @escaping @Sendable (String) -> Void) {
    self.lab = lab
    self.report = report
  }

  /// Makes the agents and tells each of them of all.
  func start(_ layout: ClusterLayout) throws(ClusterError) {
    for node in layout.nodes {
      let made: OverlayAgent
      do {
        made = try OverlayAgent(
          node: node.name, namespace: try .named(Lab.namespaceName(lab: lab, host: node.name)),
          outerInterface: ClusterHosts.outerInterface, configuration: layout.podNetwork,
          subnet: node.podSubnet.network, publicIP: node.address.address,
          stateFile: "\(Lab.folder(lab: lab, host: node.name))/overlay", report: { [report] in report("\($0)") })
      } catch { throw .part("\(error)") }
      agents.withLock { $0.append(Agent(node: node, agent: made)) }
    }
    let all = agents.withLock { $0 }
    try update(all, layout.podNetwork, all.map(\.agent.lease))
    try writeEnvironment(all, layout.podNetwork)
  }

  /// Changes how packets get from node to node, in two rounds so that none is lost; after an error it is as it was.
  ///
  /// - Parameter prepare: called when all devices are there, before packets come by them.
  func change(
    from old: FlannelConfiguration, to new: FlannelConfiguration, prepare: () throws(ClusterError) -> Void
  ) throws(ClusterError) {
    let all = agents.withLock { $0 }
    let leases = all.map(\.agent.lease)
    do throws(ClusterError) {
      try update(all, new, leases)
      try prepare()
      try update(all, new, all.map(\.agent.lease))
      try writeEnvironment(all, new)
    } catch {
      try? update(all, old, leases)
      try? update(all, old, all.map(\.agent.lease))
      try? writeEnvironment(all, old)
      throw error
    }
  }

  private func update(
    _ agents: [Agent], _ configuration: FlannelConfiguration, _ leases: [SubnetLease]
  ) throws(ClusterError) {
    for agent in agents {
      try part { () throws(OverlayError) in try agent.agent.update(configuration: configuration, peers: leases) }
    }
  }

  /// What flannel leaves for those who start pods, in the node's folder.
  private func writeEnvironment(_ agents: [Agent], _ configuration: FlannelConfiguration) throws(ClusterError) {
    for agent in agents {
      guard
        let environment = SubnetEnvironment(
          configuration, agent.agent.lease, mtu: configuration.podMTU, masquerades: true)
      else { continue }
      do {
        try Files.replace("\(Lab.folder(lab: lab, host: agent.node.name))/subnet.env", with: environment.text)
      } catch { throw .part("\(agent.node.name): \(error)") }
    }
  }

  /// What is wrong with the pods' network, in sentences.
  func problems() -> [String] {
    agents.withLock { $0 }.flatMap { agent in
      do throws(OverlayError) {
        let status = try agent.agent.entries()
        return status.problems.map { "\(agent.node.name): \($0)" }
          + status.missing.map { "\(agent.node.name): not there: \($0)" }
      } catch { return ["\(error)"] }
    }
  }

  func end() {
    let all = agents.withLock { agents in
      defer { agents = [] }
      return agents
    }
    // What they made goes with the namespaces.
    for agent in all { agent.agent.stop(removing: false) }
  }

  private func part<R>(_ body: () throws(OverlayError) -> R) throws(ClusterError) -> R {
    do { return try body() } catch { throw .part("\(error)") }
  }
}
