import Glibc

/// A point in time of the monotonic clock; decisions are given one, and never ask the clock themselves.
public struct Moment: Hashable, Comparable, Sendable {
  /// Of `CLOCK_MONOTONIC`, which SwiftNIO's `NIODeadline` counts too.
  public var nanoseconds: UInt64

  public init(nanoseconds: UInt64) { self.nanoseconds = nanoseconds }

  public static func now() -> Moment {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Moment(nanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec))
  }

  /// Nanoseconds from an earlier moment to this one; 0 where the other is later.
  public func since(_ earlier: Moment) -> UInt64 {
    nanoseconds > earlier.nanoseconds ? nanoseconds - earlier.nanoseconds : 0
  }

  public static func < (one: Moment, other: Moment) -> Bool { one.nanoseconds < other.nanoseconds }

  /// The end of time where the sum is beyond it; the moment itself where the duration is negative.
  public static func + (moment: Moment, duration: Duration) -> Moment {
    let (sum, isTooMuch) = moment.nanoseconds.addingReportingOverflow(duration.wholeNanoseconds)
    return Moment(nanoseconds: isTooMuch ? .max : sum)
  }
}

extension Duration {
  /// 0 where it is negative; the largest number where it is more.
  var wholeNanoseconds: UInt64 {
    let (seconds, attoseconds) = components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    let (product, isTooMuch) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, overflows) = product.addingReportingOverflow(UInt64(attoseconds / 1_000_000_000))
    return isTooMuch || overflows ? .max : sum
  }
}
