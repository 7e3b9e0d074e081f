import ClusterModel
import LeaseStores
import Netlink

/// A host as a node of a pods' network: keeps its lease in a store, and its kernel as the leases of all nodes say.
public struct OverlayNode: Sendable {
  private let settings: OverlayNodeSettings
  private let store: any LeaseStore
  private let tell: @Sendable (OverlayNodeEvent) -> Void

  /// - Parameter tell: is called on any thread, one call after the other for each source of events.
  public init(
    _ settings: OverlayNodeSettings, store: any LeaseStore, tell: @escaping @Sendable (OverlayNodeEvent) -> Void
  ) {
    self.settings = settings
    self.store = store
    self.tell = tell
  }

  /// Runs until its task is cancelled, or until all is set up where that is the end.
  ///
  /// What can pass by itself, as a store that is not there yet, is waited for; what cannot is thrown.
  public func run() async throws(OverlayNodeError) {
    let host: HostNetwork
    do { host = try HostNetwork(try settings.openNamespace()) } catch { throw .network(error) }
    let address = try NodeAddress(settings, host)
    let lock = try NodeLock(settings)
    tell(.address(interface: address.interface, publicIP: address.publicIP))
    let (inputs, feed) = AsyncStream<NodeSession.Input>.makeStream()
    var session = NodeSession(settings, address, store, feed, tell)
    // The keeper watches too, but only once it has a lease: until then a configuration has to come from here.
    let watch = Task { for await event in store.changes() { feed.yield(.store(event)) } }
    let rules = settings.masquerades ? lookAtRules(feed) : nil
    defer {
      watch.cancel()
      rules?.cancel()
      session.stopKeeper()
    }
    do throws(OverlayNodeError) {
      for await input in inputs {
        try session.take(input)
        if settings.endsWhenUp, session.isUp { break }
      }
    } catch {
      // What is told is what came first.
      try? session.stop(removing: false)
      throw error
    }
    try await end(&session)
    if settings.removesOnExit { lock.remove() }
    tell(.ended(wasUp: session.isUp, removed: settings.removesOnExit))
  }

  private func lookAtRules(_ feed: AsyncStream<NodeSession.Input>.Continuation) -> Task<Void, Never> {
    let interval = settings.ruleInterval
    return Task {
      while (try? await Task.sleep(for: interval)) != nil { feed.yield(.lookAtRules) }
    }
  }

  private func end(_ session: inout NodeSession) async throws(OverlayNodeError) {
    let removes = settings.removesOnExit
    session.stopKeeper()
    var failure: OverlayNodeError?
    if removes, let held = session.held {
      let store = store
      // Not as a part of this task, which has been cancelled and may not wait for anything any more.
      let released = await Task.detached { () -> LeaseStoreError? in
        do throws(LeaseStoreError) { try await store.release(held) } catch { return error }
        return nil
      }.value
      failure = released.map { .store($0) }
    }
    do throws(OverlayNodeError) { try session.stop(removing: removes) } catch { failure = failure ?? error }
    if let failure { throw failure }
  }
}

extension OverlayNodeSettings {
  func openNamespace() throws(NetlinkError) -> NetworkNamespace {
    if let namespace { try .named(namespace) } else { try .current() }
  }
}
