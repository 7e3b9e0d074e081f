import Synchronization

/// What is known of a server, which outlives reloads of the configuration while the server stays in its service.
final class ServerRecord: Sendable {
  struct Guarded: Sendable {
    var health = Health.unknown
    var breaker = Breaker()
  }

  let open = Atomic<Int>(0)
  let counters = RequestCounters()

  // Written under the lock, read without it by each choice.
  let isDown = Atomic<Bool>(false)
  /// The breaker's ``Breaker/blockedUntil`` in nanoseconds; 0: closed.
  let blockedUntil = Atomic<UInt64>(0)
  /// Whether a success would change the breaker: it seldom does, and then needs no lock.
  let hasFailures = Atomic<Bool>(false)

  private let guarded = Mutex(Guarded())

  var state: Guarded { guarded.withLock { $0 } }

  func changeHealth(_ change: (inout Health) -> HealthChange?) -> HealthChange? {
    guarded.withLock { guarded in
      let result = change(&guarded.health)
      if case .down = guarded.health {
        isDown.store(true, ordering: .relaxed)
      } else {
        isDown.store(false, ordering: .relaxed)
      }
      return result
    }
  }

  func changeBreaker<Result: Sendable>(_ change: (inout Breaker) -> Result) -> Result {
    guarded.withLock { guarded in
      let result = change(&guarded.breaker)
      blockedUntil.store(guarded.breaker.blockedUntil?.nanoseconds ?? 0, ordering: .relaxed)
      hasFailures.store(guarded.breaker.state != .closed(failures: 0), ordering: .relaxed)
      return result
    }
  }
}
