/// What health checks have found of a server.
public enum Health: Hashable, Sendable {
  /// Not asked yet; it gets requests, as all do at the start.
  case unknown
  case up(since: Moment)
  case down(since: Moment, reason: String)

  /// One probe decides, either way; returns the change, if it was one, for the log.
  @discardableResult
  public mutating func record(_ result: ProbeResult, of check: HealthCheck, at now: Moment) -> HealthChange? {
    let reason = result.reason(of: check)
    switch (self, reason) {
    case (.down(let since, _), let reason?):
      // The newest reason helps more than the first; the time is that of going down.
      self = .down(since: since, reason: reason)
      return nil
    case (.up, nil): return nil
    case (_, nil): self = .up(since: now)
    case (_, let reason?): self = .down(since: now, reason: reason)
    }
    return reason.map(HealthChange.wentDown) ?? .cameUp
  }
}

public enum HealthChange: Hashable, Sendable {
  case cameUp
  case wentDown(reason: String)
}

/// What came of asking a server how it is.
public enum ProbeResult: Hashable, Sendable {
  case status(Int)
  case timeout
  /// In words: "connection refused".
  case failed(String)

  /// Why it says that the server is down; nil: it is up.
  public func reason(of check: HealthCheck) -> String? {
    switch self {
    case .status(let status):
      if check.accepts(status: status) { return nil }
      return "status \(status) instead of \(check.status.map(String.init) ?? "200 to 399")"
    case .timeout: return "no answer within \(check.timeout)"
    case .failed(let reason): return reason
    }
  }
}

extension HealthCheck {
  public func accepts(status: Int) -> Bool { self.status.map { $0 == status } ?? (200..<400).contains(status) }

  /// When the next probe is due: at once if there was none, else an interval after the last began, once it has ended.
  public func nextProbe(afterOneBegunAt begun: Moment?, endedAt ended: Moment?, now: Moment) -> Moment {
    guard let begun else { return now }
    return max(begun + interval, ended ?? now)
  }
}
