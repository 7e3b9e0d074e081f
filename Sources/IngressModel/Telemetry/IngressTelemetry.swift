import Synchronization

/// Why a request, or a connection before it, was not handed to a server.
public enum Refusal: String, Hashable, Sendable, CaseIterable {
  /// No router's rule matched: 404.
  case noRoute = "no-route"
  /// Nothing in the service could take it: 503.
  case noServer = "no-server"
  /// Not HTTP, or not as the RFCs want it: 400.
  case malformed
  /// A head beyond the limits: 414, 431.
  case tooLarge = "too-large"
  /// The client took too long to send it: 408.
  case timeout
  case tlsHandshake = "tls-handshake"
  /// The PROXY protocol's header was missing or wrong.
  case proxyHeader = "proxy-header"
}

/// What is counted at an entry point.
public final class EntryPointCounters: Sendable {
  private let connections = Atomic<UInt64>(0)
  private let closed = Atomic<UInt64>(0)
  private let answered = Atomic<UInt64>(0)
  private let refusals = Mutex([UInt64](repeating: 0, count: Refusal.allCases.count))

  public init() {}

  public func connectionOpened() { connections.wrappingAdd(1, ordering: .relaxed) }
  public func connectionClosed() { closed.wrappingAdd(1, ordering: .relaxed) }
  /// A request's head came, whatever becomes of it.
  public func requestCame() { answered.wrappingAdd(1, ordering: .relaxed) }

  public func refused(_ reason: Refusal) {
    guard let index = Refusal.allCases.firstIndex(of: reason) else { return }
    refusals.withLock { $0[index] &+= 1 }
  }

  public var totals: EntryPointTotals {
    // Those that closed first: a connection that opens and closes in between must not make the difference negative.
    let closed = closed.load(ordering: .acquiring)
    let opened = connections.load(ordering: .acquiring)
    return EntryPointTotals(
      connections: opened, openConnections: opened.minus(closed), requests: answered.load(ordering: .relaxed),
      refused: refusals.withLock { $0 })
  }
}

public struct EntryPointTotals: Hashable, Sendable {
  public var connections: UInt64 = 0
  public var openConnections: UInt64 = 0
  public var requests: UInt64 = 0
  /// In the order of ``Refusal/allCases``.
  var refused = [UInt64](repeating: 0, count: Refusal.allCases.count)

  public func refused(_ reason: Refusal) -> UInt64 { Refusal.allCases.firstIndex(of: reason).map { refused[$0] } ?? 0 }
}

/// An address at which the proxy listens, as the status page shows it.
public struct EntryPointDescription: Hashable, Sendable {
  public var name: String
  /// "[::]:443".
  public var address: String
  public var isTLS: Bool

  public init(name: String, address: String, isTLS: Bool = false) {
    self.name = name
    self.address = address
    self.isTLS = isTLS
  }
}

/// The counters of entry points and routers; those of services and servers are in their pools.
public struct IngressTelemetry: Sendable {
  public let entryPoints: [(description: EntryPointDescription, counters: EntryPointCounters)]
  private let routers: [String: RequestCounters]

  /// What bears the same name as in an older configuration goes on counting.
  public init(
    entryPoints: [EntryPointDescription], routers: [Router], inheriting older: IngressTelemetry? = nil
  ) {
    self.entryPoints = entryPoints.sorted { $0.name < $1.name }.map { description in
      let known = older?.entryPoint(description.name)
      return (description, known ?? EntryPointCounters())
    }
    self.routers = Dictionary(
      routers.map { ($0.name, older?.router($0.name) ?? RequestCounters()) }, uniquingKeysWith: { first, _ in first })
  }

  public func router(_ name: String) -> RequestCounters? { routers[name] }

  public func entryPoint(_ name: String) -> EntryPointCounters? {
    entryPoints.first { $0.description.name == name }?.counters
  }
}
