import Glibc
import HostSystem
import Netlink
import Synchronization

/// The thread that waits for changes of a node's kernel.
final class WatchThread: Sendable {
  private let thread: pthread_t
  private let isJoined = Atomic<Bool>(false)

  init(_ shared: OverlayAgent.Shared) throws(OverlayError) {
    var thread = pthread_t()
    let argument = Unmanaged.passRetained(shared)
    let result = pthread_create(
      &thread, nil,
      { pointer in
        if let pointer { Unmanaged<OverlayAgent.Shared>.fromOpaque(pointer).takeRetainedValue().run() }
        return nil
      }, argument.toOpaque())
    guard result == 0 else {
      argument.release()
      throw .system(SystemError(code: result, action: "start the overlay's thread"), node: shared.node)
    }
    self.thread = thread
  }

  /// Ends the thread and waits for that, unless it is the caller.
  func stop(_ shared: OverlayAgent.Shared) {
    guard !isJoined.exchange(true, ordering: .acquiringAndReleasing) else { return }
    var one: UInt64 = 1
    _ = write(shared.wake.number, &one, 8)
    if pthread_equal(thread, pthread_self()) != 0 { pthread_detach(thread) } else { pthread_join(thread, nil) }
  }
}

extension OverlayAgent.Shared {
  /// How often everything is looked at even if nothing is told.
  private static let period = Duration.seconds(10)
  /// How long changes are gathered. It doubles while somebody undoes the repairs, so that two programs that disagree do
  /// not keep the machine busy.
  private static let pause = (least: Duration.milliseconds(50), most: Duration.seconds(5))

  fileprivate func run() {
    var pause = Self.pause.least
    var check = Deadline(in: Self.period)
    var isPending = false
    while true {
      var waiting = [
        pollfd(fd: wake.number, events: Int16(POLLIN), revents: 0),
        pollfd(fd: watch.descriptor, events: Int16(POLLIN), revents: 0),
      ]
      poll(&waiting, 2, check.milliseconds)
      if waiting[0].revents != 0 { return }
      if waiting[1].revents != 0, hasChanged(), !isPending {
        isPending = true
        check = Deadline(in: pause)
      }
      guard check.hasPassed else { continue }
      let wasOneself = !repair()
      pause = wasOneself ? Self.pause.least : min(pause * 2, Self.pause.most)
      isPending = false
      check = Deadline(in: Self.period)
    }
  }

  /// Whether something of what changed may be the overlay's.
  private func hasChanged() -> Bool {
    // What cannot be read may be anything.
    guard let changes = try? watch.take() else { return true }
    return keeper.withLock { keeper in changes.contains { keeper.concerns($0) } }
  }
}
