/// Servers of the same content, and how requests are spread over them.
public struct BackendService: Hashable, Sendable {
  public enum Members: Hashable, Sendable {
    case servers([Server])
    /// Other services, each with its share.
    case services([WeightedService])
  }

  public enum Strategy: Hashable, Sendable {
    case weightedRoundRobin
    /// The server with the fewest open requests for its weight.
    case leastConnections
    /// The same server for the same client address, while the servers stay the same.
    case sourceHash
  }

  public var name: String
  public var members: Members
  public var strategy: Strategy = .weightedRoundRobin
  /// How clients keep their server; none: they do not.
  public var sticky: StickyCookie?
  public var healthCheck: HealthCheck?
  /// Whether servers see the client's Host header, or their own name.
  public var passesHostHeader = true
  /// How often an idempotent request is sent to another server after one failed; 0 to 10.
  public var retries = 1
  public var breaker: CircuitBreaker?
  /// The PROXY protocol's header at the start of each connection to a server.
  public var proxyProtocol: ProxyProtocolVersion?
  public var source: SourcePlace

  public init(name: String, members: Members, source: SourcePlace) {
    self.name = name
    self.members = members
    self.source = source
  }
}

/// Where a server of a service is reached.
public struct Server: Hashable, Sendable, CustomStringConvertible {
  public enum Scheme: String, Hashable, Sendable { case http, https }

  public var scheme: Scheme
  /// A name, or an address (IPv6 without brackets).
  public var host: String
  public var port: UInt16
  /// From 0, which gets no new clients, to 65,535.
  public var weight: Int

  public init(scheme: Scheme = .http, host: String, port: UInt16, weight: Int = 1) {
    self.scheme = scheme
    self.host = host
    self.port = port
    self.weight = weight
  }

  /// Its URL, which also names it in metrics, logs and cookies.
  public var description: String {
    "\(scheme.rawValue)://\(host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host):\(port)"
  }
}

public struct WeightedService: Hashable, Sendable {
  public var name: String
  public var weight: Int

  public init(name: String, weight: Int = 1) {
    self.name = name
    self.weight = weight
  }
}

/// A cookie by which a client keeps its server (RFC 6265).
public struct StickyCookie: Hashable, Sendable {
  public enum SameSite: String, Hashable, Sendable { case none, lax, strict }

  public var name: String
  public var isSecure = false
  public var isHTTPOnly = false
  public var sameSite: SameSite?

  public init(name: String) { self.name = name }
}

/// How a service's servers are asked whether they are well.
public struct HealthCheck: Hashable, Sendable {
  public var path: String
  public var scheme: Server.Scheme?
  public var port: UInt16?
  /// The Host header, where it is not the server's.
  public var hostname: String?
  public var method = "GET"
  public var interval: Duration = .seconds(30)
  public var timeout: Duration = .seconds(5)
  /// The status that says "well"; none: 200 to 399.
  public var status: Int?
  public var headers: [String: String] = [:]

  public init(path: String) { self.path = path }
}

/// When a server gets no requests for a while because it failed too often.
public struct CircuitBreaker: Hashable, Sendable {
  /// Failures one after another, from 1.
  public var failures: Int
  /// How long it gets none; then one request tries it.
  public var pause: Duration

  public init(failures: Int = 5, pause: Duration = .seconds(10)) {
    self.failures = failures
    self.pause = pause
  }
}

/// Versions of HAProxy's PROXY protocol: text and binary.
public enum ProxyProtocolVersion: Int, Hashable, Sendable { case v1 = 1, v2 = 2 }
