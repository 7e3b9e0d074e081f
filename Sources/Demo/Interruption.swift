import Glibc
import Synchronization

/// Ends the program on SIGINT, SIGTERM or SIGHUP, but only after a clean-up, on a thread of its own.
///
/// One that comes between ``hold()`` and the making of this waits that long. Programs that are started have the signals
/// as ever.
final class Interruption: Sendable {
  private enum Phase: Int, AtomicRepresentable { case waiting, interrupted, ended }

  private let phase = Atomic(Phase.waiting)
  private let cleanUp: @Sendable () -> Void

  init(_ cleanUp: @escaping @Sendable () -> Void) {
    self.cleanUp = cleanUp
    Interruption.hold()
    var thread = pthread_t()
    let this = Unmanaged.passRetained(self)
    let result = pthread_create(
      &thread, nil,
      { pointer in
        if let pointer { Unmanaged<Interruption>.fromOpaque(pointer).takeRetainedValue().wait() }
        return nil
      }, this.toOpaque())
    // Without the thread an interruption only ends the program, as it does every other.
    guard result == 0 else {
      this.release()
      var set = Interruption.signals
      pthread_sigmask(SIG_UNBLOCK, &set, nil)
      return
    }
    pthread_detach(thread)
  }

  /// Blocks the signals in this thread and in those it starts.
  static func hold() {
    var set = signals
    pthread_sigmask(SIG_BLOCK, &set, nil)
  }

  /// Whether the program may go on to its own end; if not, this thread has to leave that to the clean-up.
  func mayEnd() -> Bool {
    phase.compareExchange(expected: .waiting, desired: .ended, ordering: .acquiringAndReleasing).exchanged
  }

  private func wait() {
    var set = Interruption.signals
    var number: CInt = 0
    while sigwait(&set, &number) != 0 {}
    // One that comes while the program is already taking its things down changes nothing.
    guard phase.compareExchange(expected: .waiting, desired: .interrupted, ordering: .acquiringAndReleasing).exchanged
    else { return }
    cleanUp()
    // What shells make of such an end.
    exit(128 + number)
  }

  private static var signals: sigset_t {
    var set = sigset_t()
    sigemptyset(&set)
    for number in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&set, number) }
    return set
  }
}
