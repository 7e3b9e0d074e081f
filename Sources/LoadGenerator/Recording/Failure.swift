import Glibc

/// Why a request failed.
public enum Failure: Hashable, Sendable {
  /// The response came, and its status is not one of success.
  case status(Int)
  /// The connection could not be made; errno.
  case connect(CInt)
  /// The connection broke; errno.
  case connection(CInt)
  /// The server closed the connection before the response was complete.
  case closed
  /// No whole response within the time a request may take.
  case timedOut
  /// What came is no HTTP.
  case malformed(String)
  case tls(String)
  /// It was under way when the load ended, and had no answer after all patience.
  case cutOff
  /// It was planned, and no user was free to send it before the load ended.
  case neverSent
}

extension Failure {
  /// Whether a whole response came, though not one of success.
  public var isAnswer: Bool { if case .status = self { true } else { false } }

  /// Whether an answer was waited for until patience was over: how long is then the least that it would have taken.
  public var isWait: Bool {
    switch self {
    case .timedOut, .cutOff, .neverSent: true
    case .status, .connect, .connection, .closed, .malformed, .tls: false
    }
  }
}

extension Failure: CustomStringConvertible {
  public var description: String {
    switch self {
    case .status(let status): "status \(status)"
    case .connect(EADDRNOTAVAIL):
      "cannot connect: no local port is left for this server (net.ipv4.ip_local_port_range); use fewer users"
    case .connect(let code): "cannot connect: \(String(cString: strerror(code)))"
    case .connection(let code): "connection broke: \(String(cString: strerror(code)))"
    case .closed: "the server closed the connection before the response was complete"
    case .timedOut: "no complete response in time"
    case .malformed(let what): "no HTTP response: \(what)"
    case .tls(let what): "TLS: \(what)"
    case .cutOff: "no complete response when the load ended"
    case .neverSent: "planned, but no user was free to send it"
    }
  }
}
