import ClusterModel
import CSystem
import Glibc
import HostSystem
import Netlink
import Synchronization

/// Keeps one node's share of the pods' network: flannel's devices, neighbours, forwarding entries and routes.
///
/// A thread of its own watches the node's kernel and puts right what others change or delete, within a fraction of a
/// second; every ten seconds it looks at everything. All calls may come from any thread.
public final class OverlayAgent: Sendable {
  private let shared: Shared
  private let thread: WatchThread

  /// Makes the node's tunnel device, if the backend has one, and starts to watch; peers are told by ``update``.
  ///
  /// What an earlier agent of the node left goes on to serve its peers until then.
  ///
  /// - Parameters:
  ///   - node: the node's name, for messages.
  ///   - outerInterface: the interface by which the peers are reached.
  ///   - stateFile: remembers the hardware addresses and what the overlay put into the kernel, so that after a crash
  ///     nothing stale stays. It belongs where a restart of the machine clears it, as /run. Without one a later agent
  ///     takes over what has flannel's shape.
  ///   - report: called on the agent's thread or the caller's; it may call the agent.
  public init(
    node: String, namespace: consuming NetworkNamespace, outerInterface: String, configuration: FlannelConfiguration,
    subnet: IPPrefix, publicIP: IPAddress, ipv6Subnet: IPPrefix? = nil, publicIPv6: IPAddress? = nil,
    stateFile: String?, report: @escaping @Sendable (OverlayEvent) -> Void
  ) throws(OverlayError) {
    guard publicIP.family == subnet.address.family, publicIPv6?.family ?? .ipv6 == .ipv6 else {
      throw .configuration(node: node, "the subnet \(subnet) and the node's address \(publicIP) are of two families")
    }
    let kernel = try OverlayKernel(namespace, node: node)
    let network: NodeNetwork
    do { network = try kernel.read() } catch { throw .network(error, node: node) }
    let record = try OverlayRecord.remembered(stateFile, node: node, network, configuration)
    let settings = OverlayNode(
      name: node, subnet: subnet, ipv6Subnet: ipv6Subnet, publicIP: publicIP, publicIPv6: publicIPv6,
      mac: record.mac ?? .random(), ipv6MAC: record.ipv6MAC ?? .random())
    var keeper = OverlayKeeper(
      kernel: kernel, node: settings, outerInterface: outerInterface, configuration: configuration, record: record,
      stateFile: stateFile)
    try keeper.check(configuration, try keeper.outer(in: network))
    // Before the first look, so that nothing between the two is missed.
    let watch = try keeper.makeWatch()
    do throws(OverlayError) {
      try keeper.refuseRouters()
      _ = try keeper.settle()
      guard keeper.problems.isEmpty else { throw .incomplete(node: node, keeper.problems) }
    } catch {
      // Nothing half-built; but what an earlier agent left still serves peers.
      if record.devices.isEmpty && record.entries.isEmpty { try? keeper.remove() }
      throw error
    }
    shared = try Shared(node: node, keeper, watch, report)
    thread = try WatchThread(shared)
  }

  deinit { thread.stop(shared) }

  /// What peers are to be told of this node.
  public var lease: SubnetLease { shared.keeper.withLock { $0.node.lease($0.configuration) } }

  /// Brings the node's kernel to a configuration and its peers' leases, and returns when it is done.
  ///
  /// The leases may include the node's own. A change of the backend loses no packets if it is made in two rounds: first
  /// every node is given the new configuration with the leases as they are, then every node the leases that came of it.
  /// Until the second, packets go the way that both ends know, and a tunnel device stays as long as a lease says that
  /// packets may come by it.
  ///
  /// ``OverlayError/incomplete`` says what is in the way of single peers: all others are served, and these too as soon
  /// as that is gone. Other errors than that and the refusals are tried again by the agent's thread.
  public func update(configuration: FlannelConfiguration, peers: [SubnetLease]) throws(OverlayError) {
    let result: Result<[OverlayProblem], OverlayError> = shared.keeper.withLock { keeper in
      do throws(OverlayError) {
        guard !keeper.isStopped else { throw .stopped(node: shared.node) }
        try keeper.want(configuration, peers: peers)
        _ = try keeper.settle()
        return .success(keeper.problems)
      } catch { return .failure(error) }
    }
    let problems = try result.get()
    shared.tell(problems)
    guard problems.isEmpty else { throw .incomplete(node: shared.node, problems) }
  }

  /// What is there and what is missing; changes nothing.
  public func entries() throws(OverlayError) -> OverlayStatus {
    let result: Result<OverlayStatus, OverlayError> = shared.keeper.withLock { keeper in
      do throws(OverlayError) { return .success(try keeper.status()) } catch { return .failure(error) }
    }
    return try result.get()
  }

  /// Ends the watch; what is in the kernel stays, unless it is to be removed.
  ///
  /// What could not be removed is reported. The second call does nothing.
  public func stop(removing: Bool) {
    thread.stop(shared)
    let failure: OverlayError? = shared.keeper.withLock { keeper in
      guard !keeper.isStopped else { return nil }
      keeper.isStopped = true
      guard removing else { return nil }
      do throws(OverlayError) { try keeper.remove() } catch { return error }
      return nil
    }
    if let failure { shared.report(.failed(failure)) }
  }
}

extension OverlayAgent {
  /// What the agent's thread and its callers have in common.
  final class Shared: Sendable {
    let node: String
    let keeper: Mutex<OverlayKeeper>
    let watch: ChangeWatch
    let wake: Descriptor
    let report: @Sendable (OverlayEvent) -> Void
    private let told = Mutex<[OverlayProblem]>([])

    init(
      node: String, _ keeper: consuming sending OverlayKeeper, _ watch: consuming ChangeWatch,
      _ report: @escaping @Sendable (OverlayEvent) -> Void
    ) throws(OverlayError) {
      let event = svs_event()
      guard event >= 0 else {
        throw .system(SystemError(code: -event, action: "make an event for the overlay's thread"), node: node)
      }
      self.node = node
      self.keeper = Mutex(keeper)
      self.watch = watch
      self.report = report
      wake = Descriptor(event)
    }

    /// Says what is in the way where that is no longer what was said last.
    func tell(_ problems: [OverlayProblem]) {
      let isNew = told.withLock { told in
        defer { told = problems }
        return told != problems
      }
      if isNew { report(.problems(node: node, problems)) }
    }

    /// Looks at everything and puts it right; whether there was anything to be done.
    func repair() -> Bool {
      let result: Result<(steps: [OverlayStep], problems: [OverlayProblem]), OverlayError>? =
        keeper.withLock { keeper in
          guard !keeper.isStopped else { return nil }
          do throws(OverlayError) { return .success((try keeper.settle(), keeper.problems)) } catch {
            return .failure(error)
          }
        }
      switch result {
      case nil: return false
      case .success(let done):
        if !done.steps.isEmpty { report(.repaired(node: node, done.steps)) }
        tell(done.problems)
        return !done.steps.isEmpty
      case .failure(let error):
        report(.failed(error))
        return true
      }
    }
  }
}

extension OverlayRecord {
  /// What an earlier agent of the node wrote down, as far as it is still there.
  static func remembered(
    _ file: String?, node: String, _ network: NodeNetwork, _ configuration: FlannelConfiguration
  ) throws(OverlayError) -> OverlayRecord {
    let found = OverlayRecord(adopting: network, of: configuration)
    guard let file else { return found }
    do {
      if let folder = file.lastIndex(of: "/"), folder != file.startIndex {
        try Files.makeFolder(String(file[..<folder]))
      }
      // A file of something else is told before it is written over.
      let record = try OverlayRecord(text: try Files.text(file, limit: 16 << 20), file: file)
      return record.present(in: network)
    } catch let error as SystemError {
      guard error.code == ENOENT else { throw .system(error, node: node) }
      return found
    } catch {
      throw .configuration(node: node, "\(error)")
    }
  }
}

extension MACAddress {
  /// A unicast address that belongs to nobody's hardware (IEEE 802, the local bit).
  static func random() -> MACAddress {
    let bits = UInt64.random(in: 0...UInt64.max)
    func byte(_ position: UInt64) -> UInt8 { UInt8(truncatingIfNeeded: bits >> (8 * position)) }
    return MACAddress((byte(0) & 0xFC | 2, byte(1), byte(2), byte(3), byte(4), byte(5)))
  }
}
