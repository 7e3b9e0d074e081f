import Dispatch
import Synchronization

/// Holds a server's answers back while it is closed, and tells how many: a test knows where the server stands then.
final class Gate: Sendable {
  private struct State {
    var isOpen: Bool
    var held = 0
  }

  private let state: Mutex<State>
  private let passing = DispatchSemaphore(value: 0)

  init(isOpen: Bool) { state = Mutex(State(isOpen: isOpen)) }

  /// How many are held at the moment.
  var held: Int { state.withLock { $0.held } }

  func close() { state.withLock { $0.isOpen = false } }

  /// Lets on who is held, and all that come.
  func open() {
    let held = state.withLock { state in
      defer { state.held = 0 }
      state.isOpen = true
      return state.held
    }
    for _ in 0..<held { passing.signal() }
  }

  /// Goes on at once, or when the gate is opened.
  func pass() {
    let mustWait = state.withLock { state in
      if !state.isOpen { state.held += 1 }
      return !state.isOpen
    }
    if mustWait { passing.wait() }
  }
}

/// Waits until something is so, for longer than any machine needs; whether it came about.
func until(_ isSo: () async throws -> Bool) async throws -> Bool {
  let end = ContinuousClock.now + .seconds(60)
  while ContinuousClock.now < end {
    if try await isSo() { return true }
    try await Task.sleep(for: .milliseconds(2))
  }
  return false
}
