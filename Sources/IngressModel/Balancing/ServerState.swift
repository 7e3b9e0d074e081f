import Synchronization

/// A server of a service while the proxy runs: its open requests, health, circuit breaker and counters.
///
/// Shared by all event loops. After a reload there is a new one for the same URL, which has what the old one knew.
public final class ServerState: Sendable {
  public let server: Server
  /// The server's URL: its name in metrics, logs and on the status page.
  public let url: String
  /// The name of its service.
  public let service: String
  /// A hash of the URL, as in cookies.
  let id: UInt64
  let record: ServerRecord
  private let healthCheck: HealthCheck?
  private let breaker: CircuitBreaker?
  private let serviceCounters: RequestCounters

  init(_ server: Server, of service: BackendService, counters: RequestCounters, record: ServerRecord?) {
    self.server = server
    url = server.description
    self.service = service.name
    id = StableHash.of(url.utf8)
    self.record = record ?? ServerRecord()
    healthCheck = service.healthCheck
    breaker = service.breaker
    serviceCounters = counters
  }

  public var openRequests: Int { record.open.load(ordering: .relaxed) }
  public var totals: RequestTotals { record.counters.totals }
  /// Unknown, too, where its service has no health check.
  public var health: Health { healthCheck == nil ? .unknown : record.state.health }
  /// Whether its service has a health check.
  public var isChecked: Bool { healthCheck != nil }
  /// Nil: its service has none.
  public var breakerState: Breaker.State? { breaker == nil ? nil : record.state.breaker.state }

  /// Whether it may get a request now: not down, and its circuit breaker closed or due for a trial.
  public func isAvailable(at now: Moment) -> Bool {
    if healthCheck != nil, record.isDown.load(ordering: .relaxed) { return false }
    return breaker == nil || now.nanoseconds >= record.blockedUntil.load(ordering: .relaxed)
  }

  /// Whether the request that asks may go there; of several at a half-open breaker one may.
  func admit(at now: Moment) -> Bool {
    guard isAvailable(at: now) else { return false }
    guard let breaker, record.blockedUntil.load(ordering: .relaxed) != 0 else { return true }
    return record.changeBreaker { $0.admit(at: now, by: breaker) }
  }

  /// What a probe has found; returns the change, if it is one, for the log.
  @discardableResult
  public func record(_ result: ProbeResult, at now: Moment) -> HealthChange? {
    guard let healthCheck else { return nil }
    return record.changeHealth { $0.record(result, of: healthCheck, at: now) }
  }
}

/// A request that a server is working on.
public struct OpenRequest: Hashable, Sendable {
  public let begunAt: Moment
  fileprivate var isJudged = false

  fileprivate init(begunAt: Moment) { self.begunAt = begunAt }
}

extension ServerState {
  /// To be called for each choice that is followed; each begin is followed by one finish.
  public func begin(isRetry: Bool = false, at now: Moment) -> OpenRequest {
    record.open.wrappingAdd(1, ordering: .relaxed)
    if isRetry {
      record.counters.recordRetry()
      serviceCounters.recordRetry()
    }
    return OpenRequest(begunAt: now)
  }

  /// The response's head came; the circuit breaker hears of it now, as the rest may take hours (WebSocket).
  public func answered(_ request: inout OpenRequest, status: Int, at now: Moment) {
    judge(&request, isFailure: RequestOutcome.isFailure(status: status), at: now)
  }

  /// The request has ended, well or not.
  public func finish(_ request: consuming OpenRequest, _ outcome: RequestOutcome, at now: Moment) {
    record.open.wrappingSubtract(1, ordering: .relaxed)
    let duration = now.since(request.begunAt)
    record.counters.record(outcome, nanoseconds: duration)
    serviceCounters.record(outcome, nanoseconds: duration)
    // A response that breaks off is a failure also where its head was a success.
    if let isFailure = outcome.isFailure, isFailure || !request.isJudged {
      if outcome.failure != nil { request.isJudged = false }
      judge(&request, isFailure: isFailure, at: now)
    }
  }

  /// The request never got there, for no fault of the server's: it counts for nothing.
  public func withdraw(_ request: consuming OpenRequest) { record.open.wrappingSubtract(1, ordering: .relaxed) }

  private func judge(_ request: inout OpenRequest, isFailure: Bool, at now: Moment) {
    guard let breaker, !request.isJudged else { return }
    request.isJudged = true
    guard isFailure || record.hasFailures.load(ordering: .relaxed) else { return }
    record.changeBreaker { $0.record(isFailure: isFailure, begunAt: request.begunAt, at: now, by: breaker) }
  }
}
