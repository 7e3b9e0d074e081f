import ClusterModel
import Glibc
import HostSystem
import Lab
import Netlink
import Synchronization

/// A cluster of network namespaces on this machine, built from a layout and taken down with its owner.
///
/// Nodes, pods and the host outside are namespaces CLUSTER-NAME of a ``Lab``, whose journal says what there is: if the
/// owner is killed, the next cluster or lab command removes the remains. All functions may be called from any thread;
/// changes come one after the other.
public final class RunningCluster: Sendable {
  /// What a caller may have otherwise than usual.
  public struct Options: Sendable {
    /// The folder of our own programs that run in pods; this program's own folder where absent.
    public var programs: String?
    /// How long each part may take until it is ready.
    public var patience = Duration.seconds(15)
    /// How long the connections of a pod that goes may last.
    public var drainLimit = Duration.seconds(10)
    /// Told what is being done, a short line each.
    public var progress: @Sendable (String) -> Void = { _ in }
    /// Told what went wrong later, and was mended or not, a sentence each.
    public var report: @Sendable (String) -> Void = { _ in }
    /// Asked again and again while the cluster is built; once it says so, nothing more is built.
    public var isAbandoned: @Sendable () -> Bool = { false }

    public init() {}
  }

  public let name: String
  let options: Options
  let places: ProgramPlaces
  let lab: Lab
  let overlay: PodNetwork
  let services: ServiceDataplane
  let present: Mutex<ClusterLayout>
  /// Held by whoever changes something.
  private let changing = Mutex(())
  let isEnding = Atomic(false)

  /// What there is now: the layout that the cluster was built of, with the changes since.
  public var layout: ClusterLayout { present.withLock { $0 } }
  /// /run/svs/labs/NAME; a folder for each node and pod is in it, with its files and the logs of its programs.
  public var folder: String { lab.folder }
  /// Whether somebody removed that folder: no command finds the cluster any more, and its owner is to take it down.
  var isLost: Bool { lab.isLost }

  /// Builds a cluster and waits until all of it serves.
  ///
  /// - Parameter name: the layout's where absent.
  /// - Throws: ``ClusterError``; whatever was made by then has been taken down.
  public init(_ layout: ClusterLayout, name: String? = nil, options: Options = Options()) throws(ClusterError) {
    guard geteuid() == 0 else { throw .notRoot }
    let places = ProgramPlaces(folder: options.programs)
    let hosts = ClusterHosts(layout: layout, places: places, podMTU: layout.podNetwork.podMTU)
    try ProgramPlaces.check(["nft"] + layout.pods.flatMap { hosts.programs(of: $0).map(\.needed) })
    let name = name ?? layout.name
    options.progress(
      "\(layout.nodes.count) nodes and \(layout.pods.count) pods: namespaces, bridges, links, addresses")
    self.name = name
    self.options = options
    self.places = places
    lab = try onLab { () throws(LabError) in
      try Lab(
        hosts.topology(), name: name, lifetime: .ephemeral, patience: options.patience,
        isAbandoned: options.isAbandoned)
    }
    overlay = PodNetwork(lab: name, report: options.report)
    services = ServiceDataplane(cluster: name, report: options.report)
    present = Mutex(layout)
    do throws(ClusterError) { try setUp(hosts) } catch let failure {
      do throws(ClusterError) { try down() } catch {
        options.report("not all of the cluster could be removed: \(error)")
      }
      throw failure
    }
  }

  deinit { try? down() }

  private func setUp(_ hosts: ClusterHosts) throws(ClusterError) {
    let layout = hosts.layout
    options.progress("the pods' network by \(layout.podNetwork.backend.name), and masquerading")
    try keepBridgesPlain(layout)
    try masquerade(layout)
    try overlay.start(layout)
    try checkIsWanted()
    options.progress("\(layout.services.count) ports of services, on all nodes and pods")
    try services.start(layout, in: lab)
    try checkIsWanted()
    let programs = hosts.placements(of: layout.pods)
    options.progress("\(programs.count) programs in pods, and the nodes' directors")
    try Concurrently.run([
      {
        do throws(ClusterError) { try self.services.startDirectors(layout) } catch { return error }
        return nil
      },
      {
        do throws(LabError) {
          try self.lab.start(programs, patience: self.options.patience, isAbandoned: self.options.isAbandoned)
        } catch { return ClusterError(error) }
        return nil
      },
    ])
    try checkIsWanted()
  }

  func checkIsWanted() throws(ClusterError) {
    if options.isAbandoned() { throw .abandoned }
    if isEnding.load(ordering: .acquiring) { throw .isEnding(name) }
  }

  /// Takes everything down: programs, services, namespaces, files. A second call does nothing.
  ///
  /// May be called by a signal's handler on another thread; what is just being changed is given up.
  public func down() throws(ClusterError) {
    isEnding.store(true, ordering: .releasing)
    try changing.withLock { _ throws(ClusterError) in
      services.end()
      overlay.end()
      try onLab { () throws(LabError) in try lab.down() }
    }
  }

  /// Runs a change when no other is under way.
  func change<R>(_ body: () throws(ClusterError) -> R) throws(ClusterError) -> R {
    try changing.withLock { _ throws(ClusterError) in
      if isEnding.load(ordering: .acquiring) { throw .isEnding(name) }
      return try body()
    }
  }

  /// Where br_netfilter is loaded, frames between the ports of a bridge would pass netfilter too.
  private func keepBridgesPlain(_ layout: ClusterLayout) throws(ClusterError) {
    for host in [ClusterHosts.underlay] + layout.nodes.map(\.name) {
      do {
        try lab.inside(host) { try Sysctls.set("net.bridge.bridge-nf-call-iptables", "0", optional: true) }
      } catch { throw .part("\(host): \(error)") }
    }
  }

  func masquerade(_ layout: ClusterLayout) throws(ClusterError) {
    let rules = Masquerade.rules(layout)
    for node in layout.nodes {
      let result = try onLab { () throws(LabError) in
        try lab.exec(node.name, ["nft", "-f", "-"], input: Array(rules.utf8))
      }
      guard result.succeeded else { throw .part("\(node.name): masquerading was refused: nft said: \(result.errors)") }
    }
  }
}

extension FlannelConfiguration {
  /// What is left for pods' packets where the nodes' network takes 1500 bytes, as flannel writes it to subnet.env.
  var podMTU: UInt32 {
    switch backend {
    case .vxlan(let vxlan): vxlan.deviceMTU(outer: 1500, family: .ipv4)
    case .hostGateway: 1500
    }
  }
}
