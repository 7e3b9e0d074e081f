import ClusterModel
import Glibc
import HostSystem
import Netlink

/// What an agent wants of a node's kernel, what it has put there, and what brings the two together.
struct OverlayKeeper: ~Copyable {
  private let kernel: OverlayKernel
  private let outerInterface: String
  private let stateFile: String?
  private(set) var node: OverlayNode
  private(set) var configuration: FlannelConfiguration
  /// Nothing until they are told: what an earlier life left serves its peers until then.
  private(set) var peers: [SubnetLease]?
  private(set) var problems: [OverlayProblem] = []
  /// The numbers of the interfaces whose changes matter, and their names.
  private(set) var watched: (indices: Set<UInt32>, names: Set<String>) = ([], [])
  private var record: OverlayRecord
  private var saved: OverlayRecord?
  var isStopped = false

  init(
    kernel: consuming OverlayKernel, node: OverlayNode, outerInterface: String, configuration: FlannelConfiguration,
    record: OverlayRecord, stateFile: String?
  ) {
    self.kernel = kernel
    self.node = node
    self.outerInterface = outerInterface
    self.configuration = configuration
    self.record = record
    self.stateFile = stateFile
  }

  /// Takes over what is wanted from now on; nothing changes where that makes no sense or cannot reach all peers any more.
  mutating func want(_ configuration: FlannelConfiguration, peers: [SubnetLease]) throws(OverlayError) {
    let network = try attempt { kernel throws(NetlinkError) in try kernel.read() }
    let outer = try outer(in: network)
    try check(configuration, outer)
    if let present = self.peers, configuration.backend.name != self.configuration.backend.name {
      let before = OverlayPlan(configuration: self.configuration, node: node, outer: outer, peers: present)
      let after = OverlayPlan(configuration: configuration, node: node, outer: outer, peers: peers)
      let new = after.problems.filter { problem in
        guard case .notOnLink = problem else { return false }
        return !before.problems.contains(problem)
      }
      guard new.isEmpty else { throw .refused(node: node.name, new) }
    }
    self.configuration = configuration
    self.peers = peers
  }

  /// Brings the kernel to what is wanted, and says what had to be done.
  mutating func settle() throws(OverlayError) -> [OverlayStep] {
    var done: [OverlayStep] = []
    var last: (error: NetlinkError?, steps: [OverlayStep]) = (nil, [])
    // A step can undo what was there: a device's new address costs its neighbours. And others may be at work.
    for _ in 0..<6 {
      let network = try attempt { kernel throws(NetlinkError) in try kernel.read() }
      let outer = try outer(in: network)
      let plan = OverlayPlan(configuration: configuration, node: node, outer: outer, peers: peers ?? [])
      watch(network, plan)
      var change = OverlayChange(from: network, to: plan, owned: record)
      if peers == nil { change.keepOld(record, plan) }
      problems = change.problems
      if change.steps.isEmpty {
        record = change.record
        try save()
        return done
      }
      record.devices.formUnion(change.record.devices)
      record.entries.formUnion(change.record.entries)
      // Before the steps: after a crash between two of them it is known whose they were.
      try save()
      last = (nil, change.steps)
      for step in change.steps {
        do {
          try kernel.perform(step)
          done.append(step)
        } catch {
          // What others are served by is not held up by one peer that the kernel will not have.
          last.error = last.error ?? error
        }
      }
      if last.error == nil { record = change.record }
    }
    if let error = last.error { throw .network(error, node: node.name) }
    throw .unsettled(node: node.name, last.steps)
  }

  /// Takes away all that is the overlay's.
  mutating func remove() throws(OverlayError) {
    var failure: NetlinkError?
    let network = try attempt { kernel throws(NetlinkError) in try kernel.read() }
    for step in OverlayChange(from: network, to: .empty, owned: record).steps {
      do { try kernel.perform(step) } catch { failure = failure ?? error }
    }
    if let failure { throw .network(failure, node: node.name) }
    record = OverlayRecord()
    guard let stateFile else { return }
    do { try Files.remove(stateFile) } catch { throw .system(error, node: node.name) }
  }

  func status() throws(OverlayError) -> OverlayStatus {
    let network = try attempt { kernel throws(NetlinkError) in try kernel.read() }
    let plan = OverlayPlan(
      configuration: configuration, node: node, outer: try outer(in: network), peers: peers ?? [])
    let change = OverlayChange(from: network, to: plan, owned: record)
    let missing = change.steps.compactMap { if case .put(let entry) = $0 { entry } else { nil } }
    return OverlayStatus(
      devices: plan.devices.filter { change.record.devices.contains($0.name) },
      present: plan.entries.filter { change.record.entries.contains($0) && !missing.contains($0) }, missing: missing,
      lingering: change.record.devices.subtracting(plan.devices.map(\.name)).sorted(), problems: change.problems)
  }

  /// Whether a change may concern the overlay.
  func concerns(_ change: NetworkChange) -> Bool {
    switch change {
    case .link(_, let name), .linkGone(_, let name): watched.names.contains(name)
    case .address(let index), .neighbour(let index): watched.indices.contains(index)
    case .route, .lost: true
    }
  }

  func check(_ configuration: FlannelConfiguration, _ outer: OuterInterface) throws(OverlayError) {
    for subnet in [node.subnet, node.ipv6Subnet].compactMap({ $0 }) {
      let network = subnet.address.family == .ipv4 ? configuration.ipv4 : configuration.ipv6
      guard let network, network.prefix.contains(subnet.address), subnet.length >= network.prefix.length else {
        throw .configuration(
          node: node.name, "the node's subnet \(subnet) is not within the pods' network; give it a new lease")
      }
    }
    switch configuration.backend {
    case .vxlan(let vxlan):
      guard (1...0xFF_FFFF).contains(vxlan.vni) else {
        throw .configuration(node: node.name, "the VNI \(vxlan.vni) is not within 1 to 16777215")
      }
      guard vxlan.port != 0 else { throw .configuration(node: node.name, "the vxlan port is 0; leave it out for 8472") }
      for subnet in [node.subnet, node.ipv6Subnet].compactMap({ $0 }) {
        let name = OverlayDevice.name(vni: vxlan.vni, family: subnet.address.family)
        guard name.utf8.count <= 15 else {
          throw .configuration(
            node: node.name,
            "the VNI \(vxlan.vni) makes \(name), and an interface's name has at most 15 bytes; use a"
              + " smaller one")
        }
      }
    case .hostGateway:
      for address in [node.publicIP, node.publicIPv6].compactMap({ $0 }) where !outer.addresses.contains(address) {
        throw .outerInterface(
          node: node.name, interface: outer.name,
          "has not the node's address \(address), by which peers are to route to it; host-gw needs that")
      }
    }
  }

  func outer(in network: NodeNetwork) throws(OverlayError) -> OuterInterface {
    guard let outer = network.outer(outerInterface) else {
      throw .outerInterface(node: node.name, interface: outerInterface, "is not there")
    }
    return outer
  }

  /// At the start: the devices that are there already are to mind no routers either.
  func refuseRouters() throws(OverlayError) {
    for device in record.devices { try attempt { kernel throws(NetlinkError) in try kernel.refuseRouters(device) } }
  }

  func makeWatch() throws(OverlayError) -> ChangeWatch {
    do { return try kernel.watch() } catch { throw .network(error, node: node.name) }
  }

  private mutating func watch(_ network: NodeNetwork, _ plan: OverlayPlan) {
    watched.names = Set(plan.devices.map(\.name)).union([outerInterface])
    watched.indices = Set(watched.names.compactMap { network.links[$0]?.index })
  }

  private mutating func save() throws(OverlayError) {
    var record = record
    record.mac = node.mac
    record.ipv6MAC = node.ipv6MAC
    guard let stateFile, saved != record else { return }
    do {
      try Files.replace(stateFile, with: record.text)
    } catch { throw .system(error, node: node.name) }
    saved = record
  }

  private func attempt<R>(
    _ body: (borrowing OverlayKernel) throws(NetlinkError) -> R
  ) throws(OverlayError) -> R {
    do { return try body(kernel) } catch { throw .network(error, node: node.name) }
  }
}

extension OverlayChange {
  /// Leaves what serves peers that are not told yet.
  fileprivate mutating func keepOld(_ owned: OverlayRecord, _ plan: OverlayPlan) {
    let wanted = Set(plan.devices.map(\.name))
    steps.removeAll { step in
      switch step {
      case .remove: true
      case .deleteDevice(let name, _): !wanted.contains(name)
      default: false
      }
    }
    record.devices.formUnion(owned.devices)
    record.entries.formUnion(owned.entries)
  }
}
