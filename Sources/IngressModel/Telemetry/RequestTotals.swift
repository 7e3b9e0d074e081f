/// What ``RequestCounters`` have counted so far.
public struct RequestTotals: Hashable, Sendable {
  /// Requests by the hundreds of their status; first those without a status.
  public var statusClasses = [UInt64](repeating: 0, count: 6)
  /// In the order of ``RequestFailure/allCases``.
  var failures = [UInt64](repeating: 0, count: RequestFailure.allCases.count)
  public var retries: UInt64 = 0
  public var bytesReceived: UInt64 = 0
  public var bytesSent: UInt64 = 0
  /// Requests for which there was no server.
  public var unavailable: UInt64 = 0
  /// Requests that a server failed, or answered with 500 to 599.
  public var errors: UInt64 = 0
  public var durations = DurationTotals()

  public init() {}

  public var requests: UInt64 { statusClasses.reduce(0, &+) }
  public func failures(_ failure: RequestFailure) -> UInt64 { failures[failure.index] }
}

/// A histogram of durations with fixed buckets, from 100 µs to 10 s.
public struct DurationTotals: Hashable, Sendable {
  /// Upper ends of the buckets, in nanoseconds; one more bucket takes what is longer.
  public static let bounds: [UInt64] = [
    100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000, 100_000_000,
    250_000_000, 500_000_000, 1_000_000_000, 2_500_000_000, 5_000_000_000, 10_000_000_000,
  ]

  /// Of each bucket by itself, not summed up.
  public var counts = [UInt64](repeating: 0, count: bounds.count + 1)
  /// Their sum.
  public var nanoseconds: UInt64 = 0

  public init() {}

  public var count: UInt64 { counts.reduce(0, &+) }

  static func bucket(of nanoseconds: UInt64) -> Int {
    var low = 0
    var high = bounds.count
    while low < high {
      let middle = (low + high) / 2
      if nanoseconds <= bounds[middle] { high = middle } else { low = middle + 1 }
    }
    return low
  }

  /// What came since an earlier reading; nothing where the earlier one is of other counters.
  public func since(_ earlier: DurationTotals) -> DurationTotals {
    var difference = DurationTotals()
    for index in counts.indices { difference.counts[index] = counts[index].minus(earlier.counts[index]) }
    difference.nanoseconds = nanoseconds.minus(earlier.nanoseconds)
    return difference
  }

  /// An estimate in nanoseconds, linear within a bucket; what is longer than the last bound counts as that bound.
  public func quantile(_ share: Double) -> UInt64? {
    let total = count
    guard total > 0 else { return nil }
    let rank = min(max(share, 0), 1) * Double(total)
    var below: UInt64 = 0
    for (index, inside) in counts.enumerated() where inside > 0 {
      if Double(below + inside) >= rank {
        guard index < Self.bounds.count else { break }
        let low = index == 0 ? 0 : Self.bounds[index - 1]
        let part = (rank - Double(below)) / Double(inside)
        return low + UInt64(Double(Self.bounds[index] - low) * min(max(part, 0), 1))
      }
      below += inside
    }
    return Self.bounds.last
  }
}

extension UInt64 {
  /// The difference, or 0 where it would be negative: counters that began anew.
  func minus(_ earlier: UInt64) -> UInt64 { self > earlier ? self - earlier : 0 }
}
