import ClusterModel
import Netlink

/// Where the nodes of a cluster find the pods' network and each other's subnets.
///
/// Everything of it may be called at the same time. Ending the task that waits ends the wait, with an error.
public protocol LeaseStore: Sendable {
  /// Where it is, for people.
  var place: String { get }

  /// The configuration and all leases, as of one moment.
  func state() async throws(LeaseStoreError) -> LeaseStoreState

  /// The state now, and again after each change, until the reader stops; what is slow skips states, never the last.
  func changes() -> AsyncStream<LeaseStoreEvent>

  /// Gives a node its subnet: the one that it has already, or its previous one, or the first that is free.
  ///
  /// What a lease of the same node says otherwise, of the backend for example, is replaced.
  func acquire(_ request: LeaseRequest) async throws(LeaseStoreError) -> HeldLease

  /// Lets a lease live as long again as when it was acquired; `lostLease` where it is the node's no more.
  func renew(_ held: HeldLease) async throws(LeaseStoreError) -> HeldLease

  /// Gives the subnet back. A lease that is gone already is no error.
  func release(_ held: HeldLease) async throws(LeaseStoreError)

  /// Writes the cluster's configuration, for example with another backend.
  func replace(_ configuration: FlannelConfiguration) async throws(LeaseStoreError)
}

extension LeaseStore {
  /// The cluster's configuration; an error says what to do where there is none that can be served.
  public func configuration() async throws(LeaseStoreError) -> FlannelConfiguration {
    try await state().served(by: place)
  }
}

/// What a store has at one moment.
public struct LeaseStoreState: Hashable, Sendable {
  /// Nil: there is none, or none that can be served, which ``faults`` tells apart.
  public var configuration: FlannelConfiguration?
  /// In the order of the subnets.
  public var leases: [SubnetLease]
  /// Grows with each change.
  public var revision: Int64
  /// What others wrote and is passed over.
  public var faults: [LeaseStoreError]
  /// Also those of leases that cannot be read.
  var taken: [IPPrefix]

  init(
    configuration: FlannelConfiguration?, leases: [SubnetLease], revision: Int64, faults: [LeaseStoreError] = [],
    taken: [IPPrefix]? = nil
  ) {
    self.configuration = configuration
    self.leases = leases.sorted { $0.subnet.address.bytes.lexicographicallyPrecedes($1.subnet.address.bytes) }
    self.revision = revision
    self.faults = faults
    self.taken = taken ?? leases.flatMap { [$0.subnet] + ($0.ipv6Subnet.map { [$0] } ?? []) }
  }

  /// Leases of others, to which a node's routes lead.
  public func peers(of held: HeldLease) -> [SubnetLease] {
    leases.filter { $0.publicIP != held.lease.publicIP && $0.subnet != held.lease.subnet }
  }

  func served(by place: String) throws(LeaseStoreError) -> FlannelConfiguration {
    if let configuration { return configuration }
    for fault in faults { if case .badConfiguration = fault { throw fault } }
    throw .noConfiguration(place: place)
  }
}

/// What somebody who watches a store is told.
public enum LeaseStoreEvent: Hashable, Sendable {
  case state(LeaseStoreState)
  /// The store cannot be asked at present; what it said before stands. A state follows when it can.
  case fault(LeaseStoreError)
}

/// Who asks for a subnet, and what its peers are to know.
public struct LeaseRequest: Hashable, Sendable {
  /// The node's own address on the network below. It is also what tells nodes apart.
  public var publicIP: IPAddress
  public var publicIPv6: IPAddress?
  public var backend: SubnetLease.Backend
  /// What the node had before, if it is known, as from `subnet.env`.
  public var previous: IPPrefix?
  public var previousIPv6: IPPrefix?

  public init(
    publicIP: IPAddress, publicIPv6: IPAddress? = nil, backend: SubnetLease.Backend, previous: IPPrefix? = nil,
    previousIPv6: IPPrefix? = nil
  ) {
    self.publicIP = publicIP
    self.publicIPv6 = publicIPv6
    self.backend = backend
    self.previous = previous
    self.previousIPv6 = previousIPv6
  }
}

/// A lease that this program acquired.
public struct HeldLease: Hashable, Sendable {
  public var lease: SubnetLease
  /// When it ends, unless it is renewed; nil: never.
  public var expires: ContinuousClock.Instant?
  /// The store's when it was written.
  public var revision: Int64
  /// The store's own name for it.
  var identity: Int64 = 0
}
