import Glibc
import Synchronization

/// Turns the first SIGINT, SIGTERM or SIGHUP into an orderly end, which keeps what was measured; a second one ends the
/// program at once.
package enum StopSignal {
  private static let signals = [SIGINT, SIGTERM, SIGHUP]
  private static let writeEnd = Atomic<CInt>(-1)

  /// Calls the closure on a thread of its own when a signal comes; once in the life of the program.
  package static func onFirst(_ stop: @escaping @Sendable () -> Void) {
    var ends: [CInt] = [-1, -1]
    guard pipe(&ends) == 0 else { return }
    let readEnd = ends[0]
    writeEnd.store(ends[1], ordering: .releasing)
    var thread = pthread_t()
    let waiting = Unmanaged.passRetained(Waiting(readEnd, stop))
    let result = pthread_create(
      &thread, nil,
      { pointer in
        if let pointer { Unmanaged<Waiting>.fromOpaque(pointer).takeRetainedValue().wait() }
        return nil
      }, waiting.toOpaque())
    // Without the thread a signal ends the program, as it does any other.
    guard result == 0 else {
      waiting.release()
      return
    }
    pthread_detach(thread)
    for number in signals {
      signal(number) { number in
        // Only what signal-safety(7) allows.
        var byte: UInt8 = 0
        _ = write(StopSignal.writeEnd.load(ordering: .relaxed), &byte, 1)
        signal(number, SIG_DFL)
      }
    }
  }

  private final class Waiting: Sendable {
    private let readEnd: CInt
    private let stop: @Sendable () -> Void

    init(_ readEnd: CInt, _ stop: @escaping @Sendable () -> Void) {
      self.readEnd = readEnd
      self.stop = stop
    }

    func wait() {
      var byte: UInt8 = 0
      while read(readEnd, &byte, 1) < 0, errno == EINTR {}
      stop()
    }
  }
}
