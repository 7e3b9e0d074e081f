import ClusterModel

/// Holds a node's lease as long as somebody listens: acquires it, renews it, and acquires again when it is lost.
public struct LeaseKeeper: Sendable {
  public enum Event: Hashable, Sendable {
    /// The node has this lease from now on: after it was acquired, and each time that it was renewed.
    ///
    /// After a loss it is not always the same subnet.
    case held(HeldLease)
    /// What the store has now.
    case state(LeaseStoreState)
    /// The lease was lost; another is acquired, and what was set up for it stays right until then.
    case lost(LeaseStoreError)
    /// The store cannot be asked, or has nothing to give; it is asked again.
    case fault(LeaseStoreError)
  }

  private let store: any LeaseStore
  private let request: LeaseRequest
  private let renewMargin: Duration
  private let pause: ClosedRange<Duration>

  /// - Parameters:
  ///   - renewMargin: so long before its end a lease is renewed, or after a third of its time where that is later.
  ///   - pause: the first and the longest one between attempts.
  public init(
    _ store: any LeaseStore, _ request: LeaseRequest, renewMargin: Duration = .seconds(3_600),
    pause: ClosedRange<Duration> = .milliseconds(200) ... .seconds(30)
  ) {
    self.store = store
    self.request = request
    self.renewMargin = renewMargin
    self.pause = pause
  }

  /// What happens, until the reader stops. The lease stays in the store then, and another keeper finds it.
  public func events() -> AsyncStream<Event> {
    AsyncStream { continuation in
      let task = Task {
        await run(continuation)
        continuation.finish()
      }
      continuation.onTermination = { _ in task.cancel() }
    }
  }

  private enum Input: Sendable {
    case store(LeaseStoreEvent)
    /// Numbered, since a lease that is acquired again is due at another time.
    case due(number: Int)
  }

  private func run(_ out: AsyncStream<Event>.Continuation) async {
    guard var held = await acquired(request, out) else { return }
    let (inputs, feed) = AsyncStream<Input>.makeStream()
    let watch = Task { for await event in store.changes() { feed.yield(.store(event)) } }
    var number = 0
    // A state from before the lease does not have it. From the first that has it on, each has to.
    var isSeen = false
    var last: Int64 = 0
    var alarm = alarm(at: due(held), number, feed)
    defer {
      watch.cancel()
      alarm?.cancel()
    }
    for await input in inputs {
      var loss: LeaseStoreError?
      switch input {
      case .store(.fault(let fault)): out.yield(.fault(fault))
      case .store(.state(let state)):
        out.yield(.state(state))
        // A store whose number falls is another one, as from a backup: what it has is no state from before the lease.
        isSeen = isSeen || state.revision >= held.revision || state.revision < last
        last = state.revision
        if isSeen { loss = self.loss(of: held, in: state) }
      case .due(let due):
        guard due == number else { continue }
        do throws(LeaseStoreError) {
          held = try await store.renew(held)
          out.yield(.held(held))
          number += 1
          alarm = self.alarm(at: self.due(held), number, feed)
        } catch {
          if case .lostLease = error { loss = error } else { out.yield(.fault(error)) }
          number += 1
          alarm = self.alarm(at: .now.advanced(by: pause.upperBound), number, feed)
        }
      }
      guard let loss else { continue }
      out.yield(.lost(loss))
      alarm?.cancel()
      // The pods of the node have its addresses.
      var request = request
      request.previous = held.lease.subnet
      request.previousIPv6 = held.lease.ipv6Subnet
      guard let again = await acquired(request, out) else { return }
      held = again
      isSeen = false
      number += 1
      alarm = self.alarm(at: self.due(held), number, feed)
    }
  }

  private func loss(of held: HeldLease, in state: LeaseStoreState) -> LeaseStoreError? {
    if state.leases.contains(where: { $0.isOfSameNode(as: held.lease) }) { return nil }
    let other = state.leases.first { $0.subnet == held.lease.subnet }
    return .lostLease(
      subnet: held.lease.subnet, place: store.place,
      reason: other.map { "it is the node \($0.publicIP)'s now" } ?? "it expired or was deleted")
  }

  /// Nil when nobody listens any more.
  private func acquired(_ request: LeaseRequest, _ out: AsyncStream<Event>.Continuation) async -> HeldLease? {
    var pause = self.pause.lowerBound
    while !Task.isCancelled {
      do throws(LeaseStoreError) {
        let held = try await store.acquire(request)
        out.yield(.held(held))
        return held
      } catch {
        if case .ended = error { return nil }
        out.yield(.fault(error))
      }
      try? await Task.sleep(for: pause)
      pause = min(pause * 2, self.pause.upperBound)
    }
    return nil
  }

  /// When a lease is to be renewed; nil: never.
  private func due(_ held: HeldLease) -> ContinuousClock.Instant? {
    guard let expires = held.expires else { return nil }
    let left = ContinuousClock.now.duration(to: expires)
    return .now.advanced(by: max(left - renewMargin, left / 3, pause.lowerBound))
  }

  private func alarm(
    at due: ContinuousClock.Instant?, _ number: Int, _ feed: AsyncStream<Input>.Continuation
  ) -> Task<Void, Never>? {
    guard let due else { return nil }
    return Task {
      guard (try? await Task.sleep(until: due, clock: .continuous)) != nil else { return }
      feed.yield(.due(number: number))
    }
  }
}
