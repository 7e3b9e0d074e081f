/// What the proxy has and does at one moment: the status page, its JSON and the metrics are written from it.
public struct IngressStatus: Hashable, Sendable {
  public var time: WallTime
  public var moment: Moment
  public var process: ProcessStatus
  /// By name, as all that follow.
  public var entryPoints: [EntryPointStatus]
  public var routers: [RouterStatus]
  public var services: [ServiceStatus]
}

public struct ProcessStatus: Hashable, Sendable {
  public var version: String
  public var started: WallTime
  /// How often the configuration was read again, and how often it was not fit for use.
  public var reloads: UInt64 = 0
  public var failedReloads: UInt64 = 0
  /// Of the last reload, if it failed: the configuration in use is an older one.
  public var reloadError: String?
  /// Whether it takes no new connections, and ends when the open requests have ended.
  public var isDraining = false

  public init(version: String, started: WallTime) {
    self.version = version
    self.started = started
  }
}

public struct EntryPointStatus: Hashable, Sendable {
  public var description: EntryPointDescription
  public var totals: EntryPointTotals
  public var requestsPerSecond: Double?
}

public struct RouterStatus: Hashable, Sendable {
  public var router: Router
  public var totals: RequestTotals
  /// Nil until there were two readings.
  public var rates: RequestRates?
}

public struct ServiceStatus: Hashable, Sendable {
  public var service: BackendService
  public var totals: RequestTotals
  public var rates: RequestRates?
  /// By URL; none where the service consists of others.
  public var servers: [ServerStatus]
}

public struct ServerStatus: Hashable, Sendable {
  /// What a server does, in one word.
  public enum Condition: String, Hashable, Sendable, CaseIterable {
    case up, unknown, down
    /// Nobody asks: its service has no health check.
    case unchecked
    /// The circuit breaker is open: it failed too often.
    case paused
    /// The circuit breaker is half-open: one request tries the server.
    case trial
    /// Weight 0: no new clients.
    case draining
  }

  public var server: Server
  public var condition: Condition
  /// Why it is down.
  public var reason: String?
  /// Since when it is up or down, in nanoseconds before the status; nil: it was never probed.
  public var age: UInt64?
  public var openRequests: Int
  public var totals: RequestTotals
  public var rates: RequestRates?
}

extension IngressStatus {
  /// Reads all counters.
  public init(
    process: ProcessStatus, routers: [Router], pools: ServicePools, telemetry: IngressTelemetry, time: WallTime,
    at moment: Moment
  ) {
    self.time = time
    self.moment = moment
    self.process = process
    entryPoints = telemetry.entryPoints.map {
      EntryPointStatus(description: $0.description, totals: $0.counters.totals)
    }
    self.routers = routers.sorted { $0.name < $1.name }.map { router in
      RouterStatus(router: router, totals: telemetry.router(router.name)?.totals ?? RequestTotals())
    }
    services = pools.all.map { pool in
      ServiceStatus(
        service: pool.service, totals: pool.totals,
        servers: pool.servers.map { ServerStatus($0, at: moment) }.sorted {
          $0.server.description < $1.server.description
        })
    }
  }
}

extension ServerStatus {
  public init(_ state: ServerState, at now: Moment) {
    server = state.server
    openRequests = state.openRequests
    totals = state.totals
    var health = Condition.up
    switch state.health {
    case .unknown: health = state.isChecked ? .unknown : .unchecked
    case .up(let since): age = now.since(since)
    case .down(let since, let why):
      health = .down
      reason = why
      age = now.since(since)
    }
    // The first that applies, from what keeps most requests away to what keeps the fewest.
    condition =
      switch (health, state.breakerState) {
      case (.down, _): .down
      case (_, .open(let until)?) where now < until: .paused
      case (_, .open?), (_, .halfOpen?): .trial
      default: state.server.weight == 0 ? .draining : health
      }
  }
}
