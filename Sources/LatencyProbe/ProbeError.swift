import Glibc

/// Why a probe failed, or could not begin.
public enum ProbeError: Error, Hashable, Sendable {
  case url(String, String)
  case setting(String)
  /// The name has no address; getaddrinfo's reason.
  case lookup(String, reason: String)
  /// No connection; errno of the address that was tried last.
  case connect(String, code: CInt)
  /// The connection broke; errno.
  case broken(CInt)
  /// The peer closed the connection before the response was complete.
  case closed
  case tls(String)
  /// What came is no HTTP.
  case malformed(String)
  /// The time of a probe was over; what it was waiting for.
  case timedOut(String)
  /// The user wants no more.
  case interrupted
}

extension ProbeError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .url(let url, let reason): "\(url) cannot be probed: \(reason)"
    case .setting(let text): text
    case .lookup(let host, let reason): "cannot look up \(host): \(reason)"
    case .connect(let place, let code): "cannot connect to \(place): \(String(cString: strerror(code)))"
    case .broken(let code): "the connection broke: \(String(cString: strerror(code)))"
    case .closed: "the server closed the connection before the response was complete"
    case .tls(let reason): "TLS failed: \(reason)"
    case .malformed(let reason): "the answer is not HTTP: \(reason)"
    case .timedOut(let phase): "timed out while \(phase)"
    case .interrupted: "interrupted"
    }
  }
}
