/// One request and its times.
public struct Probe: Codable, Hashable, Sendable {
  /// The moments of a probe in seconds from its beginning, with curl's names and meanings.
  ///
  /// A phase that did not take place has the moment of the one before it, except `appconnect`, which is 0 without TLS.
  /// On a connection that was used again, lookup and connect took no time.
  public struct Times: Codable, Hashable, Sendable {
    public var namelookup = 0.0
    public var connect = 0.0
    /// TLS has been agreed on.
    public var appconnect = 0.0
    /// The request is about to be sent.
    public var pretransfer = 0.0
    /// The first byte of the response has come.
    public var starttransfer = 0.0
    public var total = 0.0

    private enum CodingKeys: String, CodingKey {
      case namelookup = "time_namelookup"
      case connect = "time_connect"
      case appconnect = "time_appconnect"
      case pretransfer = "time_pretransfer"
      case starttransfer = "time_starttransfer"
      case total = "time_total"
    }
  }

  /// Seconds from the beginning of the measurement.
  public var start = 0.0
  public var times = Times()
  /// The response's status; nil where there is none.
  public var status: Int?
  /// `1.1` or `2`.
  public var httpVersion: String?
  /// The address that answered.
  public var address: String?
  /// Bytes of content, as the server sent them.
  public var contentBytes: UInt64 = 0
  /// Connections that were made for it: 0 where one was used again.
  public var connections = 0
  /// Why there is no response.
  public var error: String?

  public init() {}

  public var succeeded: Bool { error == nil }
}

/// The moments of a probe by their names.
public enum Moment: String, CaseIterable, Sendable {
  case namelookup = "time_namelookup"
  case connect = "time_connect"
  case appconnect = "time_appconnect"
  case pretransfer = "time_pretransfer"
  case starttransfer = "time_starttransfer"
  case total = "time_total"

  public func value(_ times: Probe.Times) -> Double {
    switch self {
    case .namelookup: times.namelookup
    case .connect: times.connect
    case .appconnect: times.appconnect
    case .pretransfer: times.pretransfer
    case .starttransfer: times.starttransfer
    case .total: times.total
    }
  }
}

/// What a probe spent its time on: the differences of its moments, which add up to its total.
public enum Phase: String, CaseIterable, Codable, Sendable {
  case lookup = "name lookup"
  case connect = "connect"
  case tls = "TLS"
  /// From the end of the connection's making to the first byte: the request's way, the server's work, the way back.
  case waiting = "first byte"
  case content = "content"

  public func value(_ times: Probe.Times) -> Double {
    switch self {
    case .lookup: times.namelookup
    case .connect: times.connect - times.namelookup
    case .tls: times.appconnect > 0 ? times.appconnect - times.connect : 0
    case .waiting: times.starttransfer - max(times.connect, times.appconnect)
    case .content: times.total - times.starttransfer
    }
  }
}
