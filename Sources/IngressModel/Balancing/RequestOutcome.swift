/// Why a request to a server came to nothing.
public enum RequestFailure: String, Hashable, Sendable, CaseIterable {
  /// No connection: refused, unreachable, or no such name.
  case connect
  case connectTimeout = "connect-timeout"
  case tls
  /// The connection ended before the response did.
  case reset
  case responseTimeout = "response-timeout"
  /// What came was not HTTP.
  case malformed
  /// The client went away; no fault of the server.
  case clientClosed = "client-closed"

  public var isOfServer: Bool { self != .clientClosed }
}

/// How a request to a server ended.
public struct RequestOutcome: Hashable, Sendable {
  /// Of the response, if its head came.
  public var status: Int?
  public var failure: RequestFailure?
  /// Bytes of bodies: from the client, and to it.
  public var bytesReceived: UInt64
  public var bytesSent: UInt64

  public init(
    status: Int? = nil, failure: RequestFailure? = nil, bytesReceived: UInt64 = 0, bytesSent: UInt64 = 0
  ) {
    self.status = status
    self.failure = failure
    self.bytesReceived = bytesReceived
    self.bytesSent = bytesSent
  }

  /// Whether a person calls it an error of the server: it failed, or answered with 500 to 599.
  var isError: Bool { failure?.isOfServer ?? false || (500..<600).contains(status ?? 0) }

  /// What a circuit breaker makes of it; nil: it tells nothing of the server.
  public var isFailure: Bool? {
    if let failure { return failure.isOfServer ? true : nil }
    return status.map(Self.isFailure)
  }

  /// 502, 503 and 504 say that the server cannot serve; 500 and the rest may be about one request only.
  public static func isFailure(status: Int) -> Bool { (502...504).contains(status) }
}
