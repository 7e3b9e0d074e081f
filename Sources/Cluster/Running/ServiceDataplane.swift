import ClusterModel
import Lab
import Netlink
import ServiceTranslation
import Synchronization

/// What makes a running cluster's services reachable.
///
/// Programs on nodes and in pods have their sockets translated; for those outside each node has a director.
final class ServiceDataplane: Sendable {
  private let cluster: String
  private let parts = Mutex(Parts())

  private struct Parts {
    var translator: ServiceTranslator?
    var directors: [NodeDirector] = []
  }

  init(cluster: String) { self.cluster = cluster }

  /// Where the translator's hooks and tables are pinned.
  var pinFolder: String { "/run/svs/bpf/cluster-\(cluster)" }

  func start(_ layout: ClusterLayout, in lab: borrowing Lab) throws(ClusterError) {
    let pinFolder = pinFolder
    // A dead owner's hooks go with its lab, also those of one that died while it made them.
    for folder in ServiceTranslator.folders(pinFolder) {
      try onLab { () throws(LabError) in try lab.own(folder) }
    }
    let made: ServiceTranslator
    do { made = try ServiceTranslator(pinFolder: pinFolder) } catch { throw .part("services: \(error)") }
    parts.withLock { $0.translator = made }
    for host in layout.nodes.map(\.name) + layout.pods.map(\.name) { try place(host, in: lab) }
    for node in layout.nodes {
      let cookie = try onLab { () throws(LabError) in try lab.cookie(of: node.name) }
      try onLab { () throws(LabError) in try lab.own("/run/svs/bpf/ns-\(cookie)") }
    }
    try set(layout)
  }

  /// Makes each node's director; the kernel takes half a second to check one, and so they are made side by side.
  func startDirectors(_ layout: ClusterLayout) throws(ClusterError) {
    try Concurrently.run(
      layout.nodes.map { node in
        {
          do throws(ClusterError) { try self.startDirector(node, layout) } catch { return error }
          return nil
        }
      })
  }

  private func startDirector(_ node: ClusterLayout.Node, _ layout: ClusterLayout) throws(ClusterError) {
    do {
      let made = try NodeDirector(
        node: node.name, namespace: Lab.namespaceName(lab: cluster, host: node.name),
        nodeAddress: node.address.address, localAddress: node.directorAddress, serviceNetwork: layout.serviceNetwork)
      parts.withLock { $0.directors.append(made) }
      try made.set(layout.services)
    } catch { throw .part("services: \(error)") }
  }

  /// Has the programs of a node or pod reach the services.
  func place(_ host: String, in lab: borrowing Lab) throws(ClusterError) {
    let cookie = try onLab { () throws(LabError) in try lab.cookie(of: host) }
    guard let translator = parts.withLock({ $0.translator }) else { return }
    do { try translator.place(cookie: cookie) } catch { throw .part("\(host): \(error)") }
  }

  /// Forgets a pod that is about to go.
  func withdraw(cookie: UInt64) {
    guard let translator = parts.withLock({ $0.translator }) else { return }
    try? translator.remove(cookie: cookie)
  }

  /// Makes a layout's services those there are; new connections go to their pods, others stay where they are.
  func set(_ layout: ClusterLayout) throws(ClusterError) {
    let (translator, directors) = parts.withLock { ($0.translator, $0.directors) }
    do {
      try translator?.set(layout.services, nodeAddresses: layout.nodes.map(\.address.address))
    } catch { throw .part("services: \(error)") }
    for director in directors {
      do { try director.set(layout.services) } catch { throw .part("services: \(error)") }
    }
  }

  /// Lets go of pods that are gone, where their connections have ended.
  func tend() {
    for director in parts.withLock({ $0.directors }) { _ = try? director.tend() }
  }

  var isServing: Bool { parts.withLock { $0.translator != nil } }

  /// What is wrong, in sentences.
  func problems() -> [String] {
    parts.withLock { $0.directors }.flatMap { director in
      do { return try director.warnings().map { "\(director.node): \($0)" } } catch { return ["\(error)"] }
    }
  }

  /// Takes all of it away; what could not be is told.
  @discardableResult
  func end() -> ClusterError? {
    let (translator, directors) = parts.withLock { parts in
      defer { parts = Parts() }
      return (parts.translator, parts.directors)
    }
    var failure: ClusterError?
    for director in directors {
      do { try director.remove() } catch { failure = failure ?? .part("services: \(error)") }
    }
    do { try translator?.detach() } catch { failure = failure ?? .part("services: \(error)") }
    return failure
  }
}
