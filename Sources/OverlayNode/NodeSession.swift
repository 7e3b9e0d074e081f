import ClusterModel
import Cluster
import LeaseStores
import Netlink

/// What a node knows while it runs, and what each thing that happens makes of it.
struct NodeSession {
  enum Input: Sendable {
    case store(LeaseStoreEvent)
    /// Numbered, since one that was replaced may still have something to say.
    case keeper(number: Int, LeaseKeeper.Event)
    case retry
    case lookAtRules
  }

  /// Where trouble comes from: each has one that was told and is not over.
  private enum Source: Hashable { case store, keeper, configuration, kernel }

  private let settings: OverlayNodeSettings
  private let address: NodeAddress
  private let store: any LeaseStore
  private let feed: AsyncStream<Input>.Continuation
  private let tell: @Sendable (OverlayNodeEvent) -> Void

  private var kernel: NodeKernel
  private var keeper: (number: Int, task: Task<Void, Never>, request: LeaseRequest)?
  private var keeperCount = 0
  private var state: LeaseStoreState?
  /// The one that is followed: others were told, and could not be.
  private var configuration: FlannelConfiguration?
  private var told: (configuration: FlannelConfiguration?, faults: Set<LeaseStoreError>, peers: [SubnetLease]?)
  private var troubles: [Source: OverlayNodeEvent] = [:]
  private(set) var held: HeldLease?
  private(set) var isUp = false

  init(
    _ settings: OverlayNodeSettings, _ address: NodeAddress, _ store: any LeaseStore,
    _ feed: AsyncStream<Input>.Continuation, _ tell: @escaping @Sendable (OverlayNodeEvent) -> Void
  ) {
    self.settings = settings
    self.address = address
    self.store = store
    self.feed = feed
    self.tell = tell
    kernel = NodeKernel(settings, address, tell)
    told = (nil, [], nil)
  }

  mutating func take(_ input: Input) throws(OverlayNodeError) {
    switch input {
    case .store(.fault(let fault)): trouble(.store, isUp ? .fault(.store(fault)) : .waiting(fault))
    case .store(.state(let state)): try take(state)
    case .keeper(let number, let event):
      guard number == keeper?.number else { return }
      try take(event)
    case .retry:
      if let wanted = state?.configuration, wanted != configuration { try follow(wanted) }
      try settle()
    case .lookAtRules:
      kernel.lookAtRules()
      try settle()
    }
  }

  private mutating func take(_ state: LeaseStoreState) throws(OverlayNodeError) {
    if troubles.removeValue(forKey: .store) != nil { tell(.reached(place: store.place)) }
    self.state = state
    passOver(state.faults)
    guard let wanted = state.configuration else {
      let fault = state.faults.first { if case .badConfiguration = $0 { true } else { false } }
      let error = fault ?? .noConfiguration(place: store.place)
      trouble(.configuration, configuration == nil ? .waiting(error) : .fault(.store(error)))
      try settle()
      return
    }
    if told.configuration != wanted {
      told.configuration = wanted
      tell(.configuration(wanted))
    }
    if wanted != configuration { try follow(wanted) } else { troubles[.configuration] = nil }
    try settle()
  }

  /// Each thing that is passed over is told once, and again when it comes again.
  private mutating func passOver(_ faults: [LeaseStoreError]) {
    let now = Set(
      faults.filter { if case .badConfiguration = $0 { false } else { true } })
    for fault in faults where now.contains(fault) && !told.faults.contains(fault) { tell(.passedOver(fault)) }
    told.faults = now
  }

  /// The first of the two rounds of a change: this node's kernel does as the new configuration says, with the leases as
  /// they are. The second is the lease that it makes necessary, for which the keeper asks.
  private mutating func follow(_ wanted: FlannelConfiguration) throws(OverlayNodeError) {
    do throws(OverlayNodeError) {
      try address.check(wanted)
      if let held, held.lease.fits(wanted) { try kernel.change(to: wanted, peers: peers) }
    } catch {
      // What was followed before goes on.
      trouble(.configuration, .fault(error))
      return
    }
    troubles[.configuration] = nil
    configuration = wanted
    let backend = try kernel.backend(wanted)
    let request = request(wanted, backend)
    let isServed = held?.lease.fits(wanted) ?? true
    let isSame = keeper?.request.backend == backend && keeper?.request.publicIPv6 == request.publicIPv6
    if !isSame || !isServed { keep(request) }
  }

  private func request(_ configuration: FlannelConfiguration, _ backend: SubnetLease.Backend) -> LeaseRequest {
    let previous = NodeKernel.previous(settings.subnetFile)
    let hasIPv6 = configuration.ipv6 != nil
    return LeaseRequest(
      publicIP: address.publicIP, publicIPv6: hasIPv6 ? address.publicIPv6 : nil, backend: backend,
      previous: previous?.subnet.network, previousIPv6: hasIPv6 ? previous?.ipv6Subnet?.network : nil)
  }

  private mutating func keep(_ request: LeaseRequest) {
    stopKeeper()
    keeperCount += 1
    let (number, feed) = (keeperCount, feed)
    let events = LeaseKeeper(store, request, renewMargin: settings.renewMargin).events()
    let task = Task { for await event in events { feed.yield(.keeper(number: number, event)) } }
    keeper = (number, task, request)
  }

  mutating func stopKeeper() {
    keeper?.task.cancel()
    keeper = nil
  }

  private mutating func take(_ event: LeaseKeeper.Event) throws(OverlayNodeError) {
    switch event {
    case .held(let new):
      troubles[.keeper] = nil
      let isSame = held?.lease == new.lease
      held = new
      tell(isSame ? .renewed(new.lease) : .lease(new.lease, place: store.place))
      try settle()
    case .lost(let loss): tell(.lost(loss))
    case .fault(let fault): trouble(.keeper, isUp ? .fault(.store(fault)) : .waiting(fault))
    // The node's own watch tells the same, and began before.
    case .state: break
    }
  }

  private var peers: [SubnetLease] { (state?.leases ?? []).filter { $0.publicIP != address.publicIP } }

  /// Brings the kernel to what is known, as far as enough is known.
  private mutating func settle() throws(OverlayNodeError) {
    guard let held, let configuration, state != nil, held.lease.fits(configuration) else { return }
    do throws(OverlayNodeError) {
      try kernel.settle(configuration, held.lease, peers: peers)
    } catch {
      if !isUp, error.isFinal { throw error }
      trouble(.kernel, .fault(error))
      retryLater()
      return
    }
    troubles[.kernel] = nil
    tellPeers()
    tellIfTwice(held)
    guard !isUp else { return }
    isUp = true
    tell(
      .isUp(held.lease, backend: configuration.backend.name, peers: peers.count, file: settings.subnetFile))
  }

  private mutating func tellPeers() {
    defer { told.peers = peers }
    guard let before = told.peers else { return }
    let old = Dictionary(before.map { ($0.key, $0) }) { first, _ in first }
    let new = Dictionary(peers.map { ($0.key, $0) }) { first, _ in first }
    let joined = peers.filter { old[$0.key] == nil }
    let changed = peers.filter { peer in old[peer.key].map { $0 != peer } ?? false }
    let left = before.filter { new[$0.key] == nil }
    guard !joined.isEmpty || !changed.isEmpty || !left.isEmpty else { return }
    tell(.peers(joined: joined, changed: changed, left: left))
  }

  /// A lease of this node's that says neither what it wrote nor what it is about to write is somebody else's doing.
  private mutating func tellIfTwice(_ held: HeldLease) {
    guard let state, state.revision >= held.revision,
      let own = state.leases.first(where: { $0.subnet == held.lease.subnet && $0.publicIP == address.publicIP }),
      own.backend.written != held.lease.backend.written, own.backend.written != keeper?.request.backend.written
    else { return }
    trouble(.keeper, .twice(own))
  }

  /// Tells what is wrong once, however often it is tried again.
  private mutating func trouble(_ source: Source, _ event: OverlayNodeEvent) {
    defer { troubles[source] = event }
    if !troubles.values.contains(where: event.isSameTrouble) { tell(event) }
  }

  private func retryLater() {
    let (feed, pause) = (feed, settings.retryPause)
    Task {
      try? await Task.sleep(for: pause)
      feed.yield(.retry)
    }
  }

  mutating func stop(removing: Bool) throws(OverlayNodeError) { try kernel.stop(removing: removing) }
}

extension SubnetLease {
  /// Whether it is a lease of such a network.
  func fits(_ configuration: FlannelConfiguration) -> Bool {
    guard let ipv4 = configuration.ipv4, ipv4.gives(subnet) else { return false }
    guard let ipv6 = configuration.ipv6 else { return ipv6Subnet == nil }
    return ipv6Subnet.map(ipv6.gives) ?? false
  }
}

extension SubnetLease.Backend {
  /// As it comes back out of a store, where a network's number has 16 bits.
  fileprivate var written: SubnetLease.Backend {
    guard case .vxlan(let vni, let mac, let ipv6MAC) = self else { return self }
    return .vxlan(vni: vni & 0xffff, mac: mac, ipv6MAC: ipv6MAC)
  }
}
