import ClusterModel
import Glibc
import KernelDirector
import Netlink
import Synchronization

/// A node's director for what comes from outside: cluster IPs and node ports, answered by pods anywhere.
///
/// It stands at its hand-over pair alone, and what is services' is diverted to it, so that no other traffic of the node
/// passes XDP. Requests are masqueraded behind a local address of the node's (FULLNAT), so that replies come back
/// wherever the pod is.
public final class NodeDirector: Sendable {
  /// The node's name, for messages.
  public let node: String
  /// Its network namespace, under /run/netns.
  public let namespace: String
  public let nodeAddress: IPAddress
  public let localAddress: IPAddress
  public let serviceNetwork: IPPrefix
  /// How long an endpoint that is gone keeps its connections.
  public let drainLimit: Duration

  let state = Mutex(State())

  struct State {
    /// What stands, as far as this value knows.
    var standing = ServiceRules()
    /// Endpoints that get no new connections, and since when.
    var draining: [ServiceIdentity: [Endpoint: ContinuousClock.Instant]] = [:]
    var diverted: DivertedTraffic?
    /// Whether the last change failed on its way: then the kernel tells what stands.
    var isUncertain = true
    /// What was set last; nil before anything was.
    var wanted: ServiceRules?
    /// Of the director's rules, when this value last knew them; another one says that somebody changed them.
    var generation: UInt32?
  }

  /// Makes the director of a node, or takes over one that another process left there.
  ///
  /// - Parameters:
  ///   - nodeAddress: where node ports are; the node's address on the nodes' network.
  ///   - localAddress: what pods see as their client: an address of the node's pod subnet that no pod has.
  ///   - serviceNetwork: cluster IPs are of this network; nobody may have one as an address.
  ///   - drainLimit: when an endpoint that is gone loses the connections that it still has.
  public init(
    node: String, namespace: String, nodeAddress: IPAddress, localAddress: IPAddress, serviceNetwork: IPPrefix,
    drainLimit: Duration = .seconds(300)
  ) throws(NodeDirectorError) {
    self.node = node
    self.namespace = namespace
    self.nodeAddress = nodeAddress
    self.localAddress = localAddress
    self.serviceNetwork = serviceNetwork.network
    self.drainLimit = drainLimit
    let addresses = [nodeAddress, localAddress, serviceNetwork.address]
    guard addresses.allSatisfy({ $0.family == .ipv4 }), nodeAddress != localAddress,
      !serviceNetwork.contains(nodeAddress), !serviceNetwork.contains(localAddress)
    else {
      throw .invalid(
        "\(node): the node's address \(nodeAddress), the local address \(localAddress) and the services' network "
          + "\(serviceNetwork) must be of IPv4 and lie apart")
    }
    try state.withLock { state throws(NodeDirectorError) in
      try inNamespace { director throws(NodeDirectorError) in
        let isNew = !director.exists
        do throws(NodeDirectorError) {
          try begin(director, &state)
        } catch {
          // What another process left stays as it was.
          if isNew { try? takeDown(director) }
          throw error
        }
      }
    }
  }

  private func begin(_ director: Director, _ state: inout State) throws(NodeDirectorError) {
    try learn(director, &state)
    try divert(traffic(state.standing.nodePorts), director, &state)
    try equip(director)
    state.isUncertain = false
  }

  /// What every director of a node has, whatever its services.
  private func equip(_ director: Director) throws(NodeDirectorError) {
    try told { () throws(DirectorError) in
      var knobs = try director.knobs()
      // As kube-proxy has it: what still sends to a pod that is gone gets a new one, and a client's pod too.
      knobs.expiresWithoutServer = 1
      knobs.expiresQuiescentTemplates = 1
      try director.setKnobs(knobs)
      let local = LocalAddresses(IPPrefix(localAddress))
      let pools = try director.localAddresses()
      if pools.contains(where: { $0.addresses == local && $0.service == nil && !$0.isLeaving }) { return }
      try director.addLocalAddresses(local, to: nil)
    }
  }

  /// Brings the director in line with the services.
  ///
  /// Endpoints of TCP that are gone keep their connections until those have ended, or for `drainLimit`; call ``tend()``
  /// now and then. Clients of UDP go to another endpoint at once, as kube-proxy has it.
  ///
  /// - Throws: `invalid` before anything is changed.
  public func set(_ services: [ServicePort]) throws(NodeDirectorError) {
    let wanted = try ServiceRules(services, at: nodeAddress)
    for service in services where !serviceNetwork.contains(service.clusterIP) {
      throw .invalid("\(service.name): \(service.clusterIP) is not of the services' network \(serviceNetwork)")
    }
    try state.withLock { state throws(NodeDirectorError) in
      try inNamespace { director throws(NodeDirectorError) in try settle(wanted, director, &state) }
    }
  }

  /// Brings everything in line with what is wanted, whatever others have made of it.
  func settle(_ wanted: ServiceRules, _ director: Director, _ state: inout State) throws(NodeDirectorError) {
    let isNew = !director.exists
    let generation = try told { () throws(DirectorError) in try director.generation() }
    let isStrange = state.isUncertain || isNew || generation != state.generation
    if isStrange { try learn(director, &state) }
    state.wanted = wanted
    state.isUncertain = true
    // Before services come: what is for one that is not there yet is refused, and no other gets it. After services have
    // gone: their connections still end by it.
    let both = state.standing.nodePorts.merging(wanted.nodePorts) { $0.union($1) }
    if isNew || state.diverted != traffic(both) { try divert(traffic(both), director, &state) }
    if isStrange { try equip(director) }
    try change(to: wanted, director, &state)
    if state.diverted != traffic(wanted.nodePorts) { try divert(traffic(wanted.nodePorts), director, &state) }
    state.isUncertain = false
    try removeDrained(director, &state)
    state.generation = try told { () throws(DirectorError) in try director.generation() }
  }

  /// Removes endpoints that are gone and have no connections any more, or have had them for too long.
  ///
  /// - Returns: how many are left.
  @discardableResult
  public func tend() throws(NodeDirectorError) -> Int {
    try state.withLock { state throws(NodeDirectorError) in
      if state.draining.isEmpty { return 0 }
      return try inNamespace { director throws(NodeDirectorError) in
        let before = try told { () throws(DirectorError) in try director.generation() }
        try removeDrained(director, &state)
        // What others changed is still to be looked at.
        if before == state.generation {
          state.generation = try told { () throws(DirectorError) in try director.generation() }
        }
        return state.draining.values.reduce(0) { $0 + $1.count }
      }
    }
  }

  /// Ends the director and takes away all that it made on the node: filters, routes, devices, pins.
  public func remove() throws(NodeDirectorError) {
    try state.withLock { state throws(NodeDirectorError) in
      state = State()
      do throws(NodeDirectorError) {
        try inNamespace { director throws(NodeDirectorError) in try takeDown(director) }
      } catch {
        // The namespace has gone, and everything with it.
        if case .network(let reason, _) = error, reason.code == ENOENT { return }
        throw error
      }
    }
  }

  private func takeDown(_ director: Director) throws(NodeDirectorError) {
    try told { () throws(DirectorError) in try director.detach([]) }
  }

  private func traffic(_ nodePorts: [TransportProtocol: Set<UInt16>]) -> DivertedTraffic {
    DivertedTraffic(network: serviceNetwork, host: nodeAddress, hostPorts: nodePorts, localAddress: localAddress)
  }

  func divert(_ traffic: DivertedTraffic, _ director: Director, _ state: inout State) throws(NodeDirectorError) {
    try told { () throws(DirectorError) in try director.attachDiverting(traffic) }
    state.diverted = traffic
  }

  /// Runs a closure in the node's namespace with a director made for it: one that looks at what others may have changed.
  func inNamespace<R>(_ body: (Director) throws(NodeDirectorError) -> R) throws(NodeDirectorError) -> R {
    let result: Result<R, NodeDirectorError>
    do throws(NetlinkError) {
      let home = try NetworkNamespace.named(namespace)
      result = try home.perform { () throws(NetlinkError) -> Result<R, NodeDirectorError> in
        do throws(NodeDirectorError) {
          let director = try told { () throws(DirectorError) in try Director() }
          return .success(try body(director))
        } catch {
          return .failure(error)
        }
      }
    } catch {
      throw .network(error, node: node)
    }
    return try result.get()
  }

  /// Says of a director's refusal which node's it was.
  func told<R>(_ body: () throws(DirectorError) -> R) throws(NodeDirectorError) -> R {
    do throws(DirectorError) { return try body() } catch { throw .director(error, node: node) }
  }
}
