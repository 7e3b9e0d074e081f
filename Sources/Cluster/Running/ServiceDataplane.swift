import ClusterModel
import HostSystem
import Lab
import Netlink
import ServiceTranslation
import Synchronization

/// What makes a running cluster's services reachable.
///
/// Programs on nodes and in pods have their sockets translated; for those outside each node has a director.
final class ServiceDataplane: Sendable {
  let cluster: String
  /// Told what was found wrong and put back, a sentence each.
  let report: @Sendable (String) -> Void
  let parts = Mutex(Parts())
  /// Held by whoever changes what is served, or puts it back.
  let changing = Mutex(())

  struct Parts {
    var translator: ServiceTranslator?
    var directors: [NodeDirector] = []
    /// What is served; nil as long as nothing is.
    var layout: ClusterLayout?
    /// The network namespaces whose programs reach the services.
    var places: Set<UInt64> = []
    /// What the translator has in its folder.
    var pins: Set<String> = []
    /// Endpoints at which no program waits: they get no connections.
    var silent: Set<PodEndpoint> = []
    /// What could not be put back, as it was told.
    var failures: Set<String> = []
  }

  init(cluster: String, report: @escaping @Sendable (String) -> Void = { _ in }) {
    self.cluster = cluster
    self.report = report
  }

  /// Where the translator's hooks and tables are pinned.
  var pinFolder: String { "/run/svs/bpf/cluster-\(cluster)" }

  func start(_ layout: ClusterLayout, in lab: borrowing Lab) throws(ClusterError) {
    // A dead owner's hooks go with its lab, also those of one that died while it made them.
    for folder in ServiceTranslator.folders(pinFolder) {
      try onLab { () throws(LabError) in try lab.own(folder) }
    }
    try makeTranslator()
    for host in layout.nodes.map(\.name) + layout.pods.map(\.name) { try place(host, in: lab) }
    for node in layout.nodes {
      let cookie = try onLab { () throws(LabError) in try lab.cookie(of: node.name) }
      try onLab { () throws(LabError) in try lab.own("/run/svs/bpf/ns-\(cookie)") }
    }
    try set(layout)
  }

  func makeTranslator() throws(ClusterError) {
    let made: ServiceTranslator
    do { made = try ServiceTranslator(pinFolder: pinFolder) } catch { throw .part("services: \(error)") }
    let pins = Set(Files.list(pinFolder))
    parts.withLock {
      $0.translator = made
      $0.pins = pins
    }
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
    try changing.withLock { _ throws(ClusterError) in
      guard let translator = parts.withLock({ $0.translator }) else { return }
      parts.withLock { _ = $0.places.insert(cookie) }
      do { try translator.place(cookie: cookie) } catch { throw .part("\(host): \(error)") }
    }
  }

  /// Forgets a pod that is about to go.
  func withdraw(cookie: UInt64) {
    changing.withLock { _ in
      parts.withLock { _ = $0.places.remove(cookie) }
      guard let translator = parts.withLock({ $0.translator }) else { return }
      try? translator.remove(cookie: cookie)
    }
  }

  /// Makes a layout's services those there are; new connections go to their pods, others stay where they are.
  ///
  /// After an error they are as they were.
  func set(_ layout: ClusterLayout) throws(ClusterError) {
    try changing.withLock { _ throws(ClusterError) in
      let (old, silent) = parts.withLock { ($0.layout, $0.silent) }
      if !silent.isEmpty {
        // Another pod may have the address by now.
        let still = silent.intersection(silentEndpoints(layout))
        parts.withLock { $0.silent = still }
      }
      do throws(ClusterError) { try bring(layout) } catch {
        // Otherwise some nodes would lead connections to other pods than the rest.
        if let old { try? bring(old) }
        throw error
      }
      parts.withLock { $0.layout = layout }
    }
  }

  /// Has all parts serve a layout's services.
  func bring(_ layout: ClusterLayout) throws(ClusterError) {
    let (translator, directors, silent) = parts.withLock { ($0.translator, $0.directors, $0.silent) }
    let services = layout.services.without(silent)
    do {
      try translator?.set(services, nodeAddresses: layout.nodes.map(\.address.address))
    } catch { throw .part("services: \(error)") }
    for director in directors {
      do { try director.set(services) } catch { throw .part("services: \(error)") }
    }
  }

  /// Has the nodes' directors take notice of devices that came and went.
  func lookAgain() throws(ClusterError) {
    try changing.withLock { _ throws(ClusterError) in
      for director in parts.withLock({ $0.directors }) {
        do { try director.lookAgain() } catch { throw .part("services: \(error)") }
      }
    }
  }

  /// Lets go of pods that are gone, where their connections have ended.
  func release() {
    for director in parts.withLock({ $0.directors }) { _ = try? director.tend() }
  }

  var isServing: Bool { parts.withLock { $0.translator != nil } }

  /// Takes all of it away; what could not be is told.
  @discardableResult
  func end() -> ClusterError? {
    changing.withLock { _ in
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
}

/// Where a pod serves.
struct PodEndpoint: Hashable, Sendable {
  var transport: ServicePort.TransportProtocol
  var endpoint: Endpoint
}

extension [ServicePort] {
  /// The same without some endpoints.
  func without(_ silent: Set<PodEndpoint>) -> [ServicePort] {
    if silent.isEmpty { return self }
    return map { service in
      var left = service
      left.endpoints.removeAll { silent.contains(PodEndpoint(transport: service.transport, endpoint: $0)) }
      return left
    }
  }
}
