import Synchronization

/// What is counted of requests, for a router, a service or a server; shared by event loops, without a lock.
public final class RequestCounters: Sendable {
  // Status classes with "none" first, failures, then these and the histogram.
  private static let failures = 6
  private static let retries = failures + RequestFailure.allCases.count
  private static let received = retries + 1
  private static let sent = received + 1
  private static let unavailable = sent + 1
  private static let errors = unavailable + 1
  private static let duration = errors + 1
  private static let buckets = duration + 1
  private static let count = buckets + DurationTotals.bounds.count + 1

  /// One block, so that a request touches few cache lines; every word is atomic, which makes the pointer safe to share.
  private nonisolated(unsafe) let words: UnsafeMutablePointer<Atomic<UInt64>>

  public init() {
    words = .allocate(capacity: Self.count)
    for index in 0..<Self.count { (words + index).initialize(to: Atomic(0)) }
  }

  deinit {
    words.deinitialize(count: Self.count)
    words.deallocate()
  }

  /// A request has ended, so many nanoseconds after it began.
  public func record(_ outcome: RequestOutcome, nanoseconds: UInt64) {
    let status = outcome.status ?? 0
    add(1, to: (100..<600).contains(status) ? status / 100 : 0)
    if let failure = outcome.failure { add(1, to: Self.failures + failure.index) }
    if outcome.isError { add(1, to: Self.errors) }
    if outcome.bytesReceived > 0 { add(outcome.bytesReceived, to: Self.received) }
    if outcome.bytesSent > 0 { add(outcome.bytesSent, to: Self.sent) }
    add(nanoseconds, to: Self.duration)
    add(1, to: Self.buckets + DurationTotals.bucket(of: nanoseconds))
  }

  /// A request was sent to a server because another had failed it.
  public func recordRetry() { add(1, to: Self.retries) }

  /// A request found no server that could take it.
  public func recordUnavailable() { add(1, to: Self.unavailable) }

  /// Read one after another: a request that ends meanwhile may be in some of them only.
  public var totals: RequestTotals {
    var totals = RequestTotals()
    for index in 0..<6 { totals.statusClasses[index] = word(index) }
    for failure in RequestFailure.allCases { totals.failures[failure.index] = word(Self.failures + failure.index) }
    totals.retries = word(Self.retries)
    totals.bytesReceived = word(Self.received)
    totals.bytesSent = word(Self.sent)
    totals.unavailable = word(Self.unavailable)
    totals.errors = word(Self.errors)
    totals.durations.nanoseconds = word(Self.duration)
    for index in totals.durations.counts.indices { totals.durations.counts[index] = word(Self.buckets + index) }
    return totals
  }

  private func add(_ amount: UInt64, to index: Int) { words[index].wrappingAdd(amount, ordering: .relaxed) }
  private func word(_ index: Int) -> UInt64 { words[index].load(ordering: .relaxed) }
}

extension RequestFailure {
  /// Its place in ``RequestTotals/failures``.
  var index: Int {
    switch self {
    case .connect: 0
    case .connectTimeout: 1
    case .tls: 2
    case .reset: 3
    case .responseTimeout: 4
    case .malformed: 5
    case .clientClosed: 6
    }
  }
}
