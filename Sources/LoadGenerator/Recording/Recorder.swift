public import Histogram

/// What was measured of one task, or of several together. Times are in microseconds.
public struct TaskRecord: Sendable {
  public var requests: UInt64 = 0
  public var failures: UInt64 = 0
  /// Bytes of content that responses brought.
  public var contentBytes: UInt64 = 0
  public var totalMicroseconds: UInt64 = 0
  public var leastMicroseconds: UInt64 = .max
  public var mostMicroseconds: UInt64 = 0
  /// From the moment the request was sent, or its connection begun, to the response's last byte.
  public var latency = TaskRecord.histogram()
  /// From the moment the request should have been sent; only where there is a rate to keep.
  public var corrected: Histogram<UInt64>?
  public var errors: [Failure: UInt64] = [:]
  /// Requests and failures by the second since 1970 in which they ended.
  public var seconds: [Second] = []

  public struct Second: Hashable, Sendable {
    public var time: UInt64
    public var requests: UInt64
    public var failures: UInt64
  }

  /// Values up to an hour, three significant digits.
  static func histogram() -> Histogram<UInt64> {
    Histogram<UInt64>(highestTrackableValue: 3_600_000_000, numberOfSignificantValueDigits: .three)
  }

  public init(corrects: Bool = false) {
    if corrects { corrected = TaskRecord.histogram() }
  }

  public var isEmpty: Bool { requests == 0 }

  mutating func note(
    _ failure: Failure?, latency microseconds: UInt64, sincePlanned planned: UInt64, bytes: UInt64, second: UInt64
  ) {
    requests &+= 1
    contentBytes &+= bytes
    totalMicroseconds &+= microseconds
    leastMicroseconds = min(leastMicroseconds, microseconds)
    mostMicroseconds = max(mostMicroseconds, microseconds)
    latency.record(min(microseconds, 3_600_000_000))
    corrected?.record(min(planned, 3_600_000_000))
    if seconds.last?.time != second { seconds.append(Second(time: second, requests: 0, failures: 0)) }
    seconds[seconds.count - 1].requests &+= 1
    if let failure {
      failures &+= 1
      seconds[seconds.count - 1].failures &+= 1
      errors[failure, default: 0] &+= 1
    }
  }

  /// Requests beyond which their waits are recorded in groups.
  private static let singly: UInt64 = 100_000

  /// Notes requests that were planned and never sent, each with the microseconds that it has waited at least.
  mutating func noteUnsent(_ count: UInt64, waited: (UInt64) -> UInt64) {
    requests &+= count
    failures &+= count
    errors[.neverSent, default: 0] &+= count
    let group = count / TaskRecord.singly &+ 1
    var first: UInt64 = 0
    while first < count {
      let size = min(group, count &- first)
      // The last of a group has waited least.
      corrected?.record(min(waited(first &+ size &- 1), 3_600_000_000), count: size)
      first &+= size
    }
  }

  /// Adds what another thread or another while measured.
  public mutating func add(_ other: TaskRecord) {
    requests &+= other.requests
    failures &+= other.failures
    contentBytes &+= other.contentBytes
    totalMicroseconds &+= other.totalMicroseconds
    leastMicroseconds = min(leastMicroseconds, other.leastMicroseconds)
    mostMicroseconds = max(mostMicroseconds, other.mostMicroseconds)
    latency.add(other.latency)
    if let corrected = other.corrected {
      if self.corrected == nil { self.corrected = TaskRecord.histogram() }
      self.corrected?.add(corrected)
    }
    errors.merge(other.errors, uniquingKeysWith: &+)
    guard !other.seconds.isEmpty else { return }
    var times: [UInt64: Second] = [:]
    for second in seconds + other.seconds {
      var sum = times[second.time] ?? Second(time: second.time, requests: 0, failures: 0)
      sum.requests &+= second.requests
      sum.failures &+= second.failures
      times[second.time] = sum
    }
    seconds = times.values.sorted { $0.time < $1.time }
  }
}
