public import Histogram

/// What was measured of one task, or of several together. Times are in microseconds.
public struct TaskRecord: Sendable {
  public var requests: UInt64 = 0
  public var failures: UInt64 = 0
  /// Bytes of content that responses brought.
  public var contentBytes: UInt64 = 0
  /// Sum and extremes of all requests' times, failed ones too, as Locust adds them up.
  public var totalMicroseconds: UInt64 = 0
  public var leastMicroseconds: UInt64 = .max
  public var mostMicroseconds: UInt64 = 0
  /// Of successful requests: from the moment one was sent, or its connection begun, to the response's last byte.
  public var latency = TaskRecord.histogram()
  /// The same of failed requests, until they had failed; nil where none has. A refusal takes no time at all, and a
  /// time-out as long as it was told to: neither says how fast a server answers.
  public var failedLatency: Histogram<UInt64>?
  /// From the moment the request should have been sent; only where there is a rate to keep. Of successful requests, and
  /// of those that were waited for in vain, with what they had waited: to leave them out would hide a stall.
  public var corrected: Histogram<UInt64>?
  public var errors: [Failure: UInt64] = [:]
  /// Responses by their status, successes and failures.
  public var statuses: [StatusCount] = []
  /// Requests and failures by the second since 1970 in which they ended.
  public var seconds: [Second] = []

  /// What ended in one second.
  public struct Second: Hashable, Sendable {
    /// Seconds since 1970.
    public var time: UInt64
    public var requests: UInt64
    public var failures: UInt64
  }

  /// How many responses had one status, whether that counts as success or not.
  public struct StatusCount: Hashable, Sendable {
    /// For instance 200.
    public var status: Int
    public var count: UInt64
  }

  /// Values up to an hour, three significant digits.
  static func histogram() -> Histogram<UInt64> {
    Histogram<UInt64>(highestTrackableValue: 3_600_000_000, numberOfSignificantValueDigits: .three)
  }

  public init(corrects: Bool = false) {
    if corrects { corrected = TaskRecord.histogram() }
  }

  /// Whether nothing was tried.
  public var isEmpty: Bool { requests == 0 }
  /// Requests whose response came whole, with a status that the task counts as success.
  public var successes: UInt64 { requests &- failures }

  /// - Parameter status: the response's; 0 where none came.
  mutating func note(
    _ failure: Failure?, status: Int, latency microseconds: UInt64, sincePlanned planned: UInt64, bytes: UInt64,
    second: UInt64
  ) {
    requests &+= 1
    contentBytes &+= bytes
    totalMicroseconds &+= microseconds
    leastMicroseconds = min(leastMicroseconds, microseconds)
    mostMicroseconds = max(mostMicroseconds, microseconds)
    if status > 0 { add(status, 1) }
    if seconds.last?.time != second { seconds.append(Second(time: second, requests: 0, failures: 0)) }
    seconds[seconds.count - 1].requests &+= 1
    if let failure {
      failures &+= 1
      seconds[seconds.count - 1].failures &+= 1
      errors[failure, default: 0] &+= 1
      if failedLatency == nil { failedLatency = TaskRecord.histogram() }
      failedLatency?.record(min(microseconds, 3_600_000_000))
      guard failure.isWait else { return }
    } else {
      latency.record(min(microseconds, 3_600_000_000))
    }
    corrected?.record(min(planned, 3_600_000_000))
  }

  /// Nearly always the first one's count grows: there are few statuses, and this is done for each response.
  private mutating func add(_ status: Int, _ count: UInt64) {
    if let index = statuses.firstIndex(where: { $0.status == status }) {
      statuses[index].count &+= count
    } else {
      statuses.append(StatusCount(status: status, count: count))
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
    if let failed = other.failedLatency {
      if failedLatency == nil { failedLatency = TaskRecord.histogram() }
      failedLatency?.add(failed)
    }
    for status in other.statuses { add(status.status, status.count) }
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
