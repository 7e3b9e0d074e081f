/// A server's circuit breaker as a state machine: failures one after another open it, one good trial closes it.
public struct Breaker: Hashable, Sendable {
  public enum State: Hashable, Sendable {
    /// With failures one after another so far.
    case closed(failures: Int)
    case open(until: Moment)
    /// One request tries the server; if nothing is heard of it by then, another may.
    case halfOpen(until: Moment)
  }

  public private(set) var state = State.closed(failures: 0)
  /// Requests that began before it tell of a server as it was, and are not counted.
  private var since = Moment(nanoseconds: 0)

  public init() {}

  /// Until when no request passes; nil: it is closed.
  var blockedUntil: Moment? {
    switch state {
    case .closed: nil
    case .open(let until), .halfOpen(let until): until
    }
  }

  /// Whether a request may go to the server; while it is not closed, the one that may is the trial.
  public mutating func admit(at now: Moment, by policy: CircuitBreaker) -> Bool {
    guard let blockedUntil else { return true }
    guard now >= blockedUntil else { return false }
    // A trial that is never heard of again must not shut the server out for ever.
    state = .halfOpen(until: now + policy.pause)
    since = now
    return true
  }

  /// A request that began at a moment has succeeded or failed.
  public mutating func record(isFailure: Bool, begunAt: Moment, at now: Moment, by policy: CircuitBreaker) {
    guard begunAt >= since else { return }
    switch (state, isFailure) {
    case (.closed(let failures), true):
      // Two event loops may have counted past the limit before one of them opened it.
      if failures + 1 >= max(policy.failures, 1) {
        open(at: now, by: policy)
      } else {
        state = .closed(failures: failures + 1)
      }
    case (.halfOpen, true): open(at: now, by: policy)
    case (.closed, false), (.halfOpen, false): state = .closed(failures: 0)
    case (.open, _): break
    }
  }

  private mutating func open(at now: Moment, by policy: CircuitBreaker) {
    state = .open(until: now + policy.pause)
    since = now
  }
}
