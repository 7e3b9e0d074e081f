import ClusterModel
import Netlink
import Synchronization

/// The store of a cluster that is in one process, such as a lab. Nothing in it waits, so that any thread may call it.
public final class InProcessLeaseStore: LeaseStore {
  private struct Content {
    var configuration: FlannelConfiguration
    var leases: [SubnetLease] = []
    var revision: Int64 = 1
    var observers: [UInt64: @Sendable (LeaseStoreState) -> Void] = [:]
    var observerCount: UInt64 = 0

    var state: LeaseStoreState {
      LeaseStoreState(configuration: configuration, leases: leases, revision: revision)
    }

    mutating func changed() {
      revision += 1
      for observer in observers.values { observer(state) }
    }
  }

  private let content: Mutex<Content>
  public let place = "this process's lease store"

  public init(_ configuration: FlannelConfiguration) throws(LeaseStoreError) {
    do { try configuration.check() } catch { throw .badConfiguration(place: "this process's lease store", error) }
    content = Mutex(Content(configuration: configuration))
  }

  public func state() -> LeaseStoreState { content.withLock { $0.state } }

  public func changes() -> AsyncStream<LeaseStoreEvent> {
    AsyncStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
      let observation = observe { continuation.yield(.state($0)) }
      continuation.onTermination = { _ in self.end(observation) }
    }
  }

  /// Calls with the state now, and again with each change, in order.
  ///
  /// - Parameter observer: is called by the thread that makes the change, and may not call the store itself.
  /// - Returns: a number, for ``end(_:)``.
  public func observe(_ observer: @escaping @Sendable (LeaseStoreState) -> Void) -> UInt64 {
    content.withLock {
      $0.observerCount += 1
      $0.observers[$0.observerCount] = observer
      observer($0.state)
      return $0.observerCount
    }
  }

  /// After this the observer is called no more.
  public func end(_ observation: UInt64) { content.withLock { _ = $0.observers.removeValue(forKey: observation) } }

  public func acquire(_ request: LeaseRequest) throws(LeaseStoreError) -> HeldLease {
    try content.withLock { content throws(LeaseStoreError) in
      let choice: LeaseChoice
      do throws(SubnetsExhausted) {
        choice = try LeaseChoice(request, content.configuration, content.state)
      } catch { throw .exhausted(place: place, error) }
      if !content.leases.contains(choice.lease) || !choice.stale.isEmpty {
        content.leases.removeAll { $0.publicIP == request.publicIP }
        content.leases.append(choice.lease)
        content.changed()
      }
      return HeldLease(lease: choice.lease, expires: nil, revision: content.revision)
    }
  }

  public func renew(_ held: HeldLease) throws(LeaseStoreError) -> HeldLease {
    let isThere = content.withLock { content in content.leases.contains { $0.isOfSameNode(as: held.lease) } }
    guard isThere else { throw .lostLease(subnet: held.lease.subnet, place: place, reason: "it was released") }
    return held
  }

  public func release(_ held: HeldLease) {
    content.withLock { content in
      let before = content.leases.count
      content.leases.removeAll { $0.isOfSameNode(as: held.lease) }
      if content.leases.count < before { content.changed() }
    }
  }

  public func replace(_ configuration: FlannelConfiguration) throws(LeaseStoreError) {
    do { try configuration.check() } catch { throw .badConfiguration(place: place, error) }
    content.withLock { content in
      guard content.configuration != configuration else { return }
      content.configuration = configuration
      content.changed()
    }
  }
}

extension SubnetLease {
  /// Whether both are the same subnet for the same node, whatever else they say.
  func isOfSameNode(as other: SubnetLease) -> Bool {
    subnet == other.subnet && ipv6Subnet == other.ipv6Subnet && publicIP == other.publicIP
  }
}
