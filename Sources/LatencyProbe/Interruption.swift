import Glibc
import HostSystem

/// SIGINT, SIGTERM and SIGHUP as a descriptor that can be read: whoever waits, waits for it too.
public enum Interruption {
  /// The pipe's two ends; written before the first signal can come, and never again.
  nonisolated(unsafe) private static var ends: (read: CInt, write: CInt) = (-1, -1)

  /// Takes the three signals from now on.
  public static func arm() throws(SystemError) {
    guard ends.read < 0 else { return }
    var pair: [CInt] = [-1, -1]
    guard pipe(&pair) == 0 else { throw SystemError.last("make a pipe") }
    for end in pair {
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
    }
    ends = (pair[0], pair[1])
    for number in [SIGINT, SIGTERM, SIGHUP] {
      signal(number) { _ in
        // write(2) may be called in a signal's handler.
        var byte: UInt8 = 1
        _ = write(Interruption.ends.write, &byte, 1)
      }
    }
    // A peer that vanishes is an error of the write, not the end of the program.
    signal(SIGPIPE, SIG_IGN)
  }

  /// Whether one has come.
  public static var hasCome: Bool {
    var watched = pollfd(fd: ends.read, events: Int16(POLLIN), revents: 0)
    return ends.read >= 0 && poll(&watched, 1, 0) > 0
  }

  /// Waits until a descriptor is ready, and tells whether it is; false when the time is over.
  static func wait(
    for descriptors: inout [pollfd], until deadline: Deadline
  ) throws(ProbeError) -> Bool {
    descriptors.append(pollfd(fd: ends.read, events: Int16(POLLIN), revents: 0))
    defer { descriptors.removeLast() }
    while true {
      let count = poll(&descriptors, nfds_t(descriptors.count), deadline.milliseconds)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw .broken(errno) }
      if descriptors[descriptors.count - 1].revents != 0 { throw .interrupted }
      return count > 0
    }
  }

  /// Waits until a moment of the monotonic clock, in nanoseconds.
  static func sleep(until moment: UInt64) throws(ProbeError) {
    while true {
      if hasCome { throw .interrupted }
      let now = Monotonic.now
      guard now < moment else { return }
      var time = timespec(tv_sec: Int(moment / 1_000_000_000), tv_nsec: Int(moment % 1_000_000_000))
      // A signal ends the sleep, and is seen above.
      if moment - now < 50_000_000 {
        clock_nanosleep(CLOCK_MONOTONIC, CInt(TIMER_ABSTIME), &time, nil)
      } else {
        var watched = pollfd(fd: ends.read, events: Int16(POLLIN), revents: 0)
        poll(&watched, 1, CInt(clamping: (moment - now) / 1_000_000 - 20))
      }
    }
  }
}

/// The clock that nothing sets.
enum Monotonic {
  /// Nanoseconds.
  static var now: UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
