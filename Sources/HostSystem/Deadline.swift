import Glibc

/// A moment on the monotonic clock until which something may be waited for.
package struct Deadline {
  private let nanoseconds: UInt64

  package init(in duration: Duration) {
    let (seconds, attoseconds) = duration.components
    nanoseconds = Deadline.now &+ UInt64(max(0, seconds)) * 1_000_000_000 &+ UInt64(max(0, attoseconds / 1_000_000_000))
  }

  package var hasPassed: Bool { Deadline.now >= nanoseconds }

  /// For poll(2): at least 0, rounded up.
  package var milliseconds: CInt {
    let now = Deadline.now
    return now >= nanoseconds ? 0 : CInt(clamping: (nanoseconds - now + 999_999) / 1_000_000)
  }

  private static var now: UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
