import Synchronization

/// A service while the proxy runs: chooses a server for each request; shared by all event loops.
public final class ServicePool: Sendable {
  enum Members: Sendable {
    case servers([ServerState])
    case pools([ServicePool])
  }

  public let service: BackendService
  let members: Members
  let weights: [Int]
  let ids: [UInt64]
  /// Set-Cookie values by member; empty where clients do not keep their server.
  let setCookies: [String]
  let counters: RequestCounters
  private let roundRobin: Mutex<SmoothRoundRobin>

  /// Makes a pool of servers. What an older pool of the service knew of servers that stay is kept.
  init(_ service: BackendService, servers: [Server], inheriting older: ServicePool?) {
    let counters = older?.counters ?? RequestCounters()
    var known: [UInt64: ServerRecord] = [:]
    for server in older?.servers ?? [] { known[server.id] = server.record }
    // A server that is named twice is one with both weights: it has one URL, and so one cookie and one row in metrics.
    var merged: [Server] = []
    for var server in servers {
      server.weight = Self.clamped(server.weight)
      if let index = merged.firstIndex(where: { $0.description == server.description }) {
        merged[index].weight += server.weight
      } else {
        merged.append(server)
      }
    }
    let states = merged.map { server in
      ServerState(
        server, of: service, counters: counters, record: known[StableHash.of(server.description.utf8)])
    }
    self.service = service
    self.counters = counters
    members = .servers(states)
    weights = merged.map(\.weight)
    ids = states.map(\.id)
    setCookies = Self.cookies(of: service, ids: ids)
    roundRobin = Mutex(Self.roundRobin(ids: ids, inheriting: older))
  }

  /// Makes a pool of other services' pools, each with its weight.
  init(_ service: BackendService, pools: [(pool: ServicePool, weight: Int)], inheriting older: ServicePool?) {
    self.service = service
    counters = older?.counters ?? RequestCounters()
    members = .pools(pools.map(\.pool))
    weights = pools.map(\.weight)
    ids = pools.map { StableHash.of($0.pool.service.name.utf8) }
    setCookies = Self.cookies(of: service, ids: ids)
    roundRobin = Mutex(Self.roundRobin(ids: ids, inheriting: older))
  }

  /// Its servers; none for one of weighted services.
  public var servers: [ServerState] {
    if case .servers(let states) = members { states } else { [] }
  }

  public var totals: RequestTotals { counters.totals }

  /// Weights beyond the range would make sums overflow.
  static func clamped(_ weight: Int) -> Int { min(max(weight, 0), 65_535) }

  private static func cookies(of service: BackendService, ids: [UInt64]) -> [String] {
    service.sticky.map { sticky in ids.map { sticky.header(value: StickyCookie.text(of: $0)) } } ?? []
  }

  private static func roundRobin(ids: [UInt64], inheriting older: ServicePool?) -> SmoothRoundRobin {
    guard let older else { return SmoothRoundRobin(count: ids.count) }
    let credits = Dictionary(
      zip(older.ids, older.roundRobin.withLock(\.credits)), uniquingKeysWith: { first, _ in first })
    return SmoothRoundRobin(credits: ids.map { credits[$0] ?? 0 })
  }

  func nextInTurn(isUsable: (Int) -> Bool) -> Int? {
    roundRobin.withLock { $0.next(weights: weights, isUsable: isUsable) }
  }
}
