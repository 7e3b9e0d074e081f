import ClusterModel
import Cluster
import HostSystem
import LeaseStores
import Netlink
import Synchronization

/// A node's side of the overlay: its agent, `subnet.env`, and the rules that masquerade.
struct NodeKernel {
  private let settings: OverlayNodeSettings
  private let address: NodeAddress
  private let tell: @Sendable (OverlayNodeEvent) -> Void

  private var agent: OverlayAgent?
  /// What the agent was made for.
  private var lease: SubnetLease?
  private let ending = Ending()
  private var macs: (ipv4: MACAddress, ipv6: MACAddress)?
  /// What stands in `subnet.env`, and what nft was given.
  private var written: (environment: SubnetEnvironment?, rules: String?)

  init(
    _ settings: OverlayNodeSettings, _ address: NodeAddress, _ tell: @escaping @Sendable (OverlayNodeEvent) -> Void
  ) {
    self.settings = settings
    self.address = address
    self.tell = tell
    written = (nil, nil)
  }

  /// What was the node's before, as `subnet.env` has it.
  static func previous(_ file: String) -> SubnetEnvironment? {
    guard let text = try? Files.text(file, limit: 65_536) else { return nil }
    return SubnetEnvironment(parsing: text)
  }

  /// What a lease is to tell peers.
  mutating func backend(_ configuration: FlannelConfiguration) throws(OverlayNodeError) -> SubnetLease.Backend {
    // Also where nobody asks for them yet: what the state file's place forbids is told before anything is set up.
    let macs = try hardwareAddresses(configuration)
    guard case .vxlan(let vxlan) = configuration.backend else { return .hostGateway }
    return .vxlan(vni: vxlan.vni, mac: macs.ipv4, ipv6MAC: configuration.ipv6 == nil ? nil : macs.ipv6)
  }

  private mutating func hardwareAddresses(
    _ configuration: FlannelConfiguration
  ) throws(OverlayNodeError) -> (ipv4: MACAddress, ipv6: MACAddress) {
    if let macs { return macs }
    let namespace = try openNamespace()
    let found: (ipv4: MACAddress, ipv6: MACAddress)
    do {
      found = try OverlayAgent.hardwareAddresses(
        node: settings.name, namespace: namespace, configuration: configuration, stateFile: settings.stateFile)
    } catch { throw .overlay(error) }
    macs = found
    return found
  }

  /// Lets the kernel do as another configuration says, if there is something to change yet.
  func change(to configuration: FlannelConfiguration, peers: [SubnetLease]) throws(OverlayNodeError) {
    guard let agent else { return }
    try update(agent, configuration, peers)
  }

  /// Brings all to a configuration and to leases.
  mutating func settle(
    _ configuration: FlannelConfiguration, _ lease: SubnetLease, peers: [SubnetLease]
  ) throws(OverlayNodeError) {
    let agent = try agent(configuration, lease)
    try update(agent, configuration, peers)
    try masquerade(configuration, lease)
    try writeEnvironment(configuration, lease)
  }

  private mutating func agent(
    _ configuration: FlannelConfiguration, _ lease: SubnetLease
  ) throws(OverlayNodeError) -> OverlayAgent {
    if let agent, let present = self.lease, present.subnet == lease.subnet, present.ipv6Subnet == lease.ipv6Subnet {
      return agent
    }
    let namespace = try openNamespace()
    // Its successor finds in the state file what it put into the kernel.
    agent?.stop(removing: false)
    agent = nil
    let (tell, ending) = (tell, ending)
    let made: OverlayAgent
    do {
      made = try OverlayAgent(
        node: settings.name, namespace: namespace, outerInterface: address.interface, configuration: configuration,
        subnet: lease.subnet, publicIP: lease.publicIP, ipv6Subnet: lease.ipv6Subnet, publicIPv6: lease.publicIPv6,
        stateFile: settings.stateFile,
        report: { event in if !ending.takes(event) { tell(.kernel(event)) } })
    } catch { throw .overlay(error) }
    agent = made
    self.lease = lease
    return made
  }

  private func update(
    _ agent: OverlayAgent, _ configuration: FlannelConfiguration, _ peers: [SubnetLease]
  ) throws(OverlayNodeError) {
    do { try agent.update(configuration: configuration, peers: peers) } catch {
      // The agent reports these itself, and does the rest.
      if case .incomplete = error { return }
      throw .overlay(error)
    }
  }

  private mutating func masquerade(
    _ configuration: FlannelConfiguration, _ lease: SubnetLease
  ) throws(OverlayNodeError) {
    guard settings.masquerades else {
      // An earlier run's; without nft there are none.
      if written.rules == nil { try? Masquerading.remove(try openNamespace()) }
      written.rules = ""
      return
    }
    let rules = Masquerading.rules(configuration, lease)
    guard rules != written.rules else { return }
    try Masquerading.apply(rules, try openNamespace())
    written.rules = rules
  }

  /// Lets the next call of ``settle(_:_:peers:)`` write the rules anew, where others took them away.
  mutating func lookAtRules() {
    guard settings.masquerades, written.rules != nil, let namespace = try? openNamespace() else { return }
    if (try? Masquerading.isThere(namespace)) == false { written.rules = nil }
  }

  /// Last: who reads it makes pods at once.
  private mutating func writeEnvironment(
    _ configuration: FlannelConfiguration, _ lease: SubnetLease
  ) throws(OverlayNodeError) {
    let mtu: UInt32 =
      switch configuration.backend {
      case .vxlan(let vxlan): vxlan.deviceMTU(outer: address.mtu, family: .ipv4)
      case .hostGateway: address.mtu
      }
    guard
      let environment = SubnetEnvironment(configuration, lease, mtu: mtu, masquerades: settings.masquerades),
      environment != written.environment
    else { return }
    let file = settings.subnetFile
    do {
      if let slash = file.lastIndex(of: "/"), slash != file.startIndex { try Files.makeFolder(String(file[..<slash])) }
      try Files.replace(file, with: environment.text)
    } catch { throw .system(error) }
    written.environment = environment
  }

  /// - Parameter removing: whether nothing is to be left, of what this run set up.
  mutating func stop(removing: Bool) throws(OverlayNodeError) {
    guard let agent else { return }
    self.agent = nil
    ending.begin()
    agent.stop(removing: removing)
    if let failure = ending.failure { throw .overlay(failure) }
    guard removing else { return }
    if settings.masquerades { try Masquerading.remove(try openNamespace()) }
    do { try Files.remove(settings.subnetFile) } catch { throw .system(error) }
  }

  private func openNamespace() throws(OverlayNodeError) -> NetworkNamespace {
    do { return try settings.openNamespace() } catch { throw .network(error) }
  }
}

/// What fails at the end is the caller's error, and no event.
private final class Ending: Sendable {
  private let state = Mutex<(hasBegun: Bool, failure: OverlayError?)>((false, nil))

  var failure: OverlayError? { state.withLock { $0.failure } }

  func begin() { state.withLock { $0.hasBegun = true } }

  func takes(_ event: OverlayEvent) -> Bool {
    guard case .failed(let error) = event else { return false }
    return state.withLock { state in
      if state.hasBegun { state.failure = state.failure ?? error }
      return state.hasBegun
    }
  }
}
