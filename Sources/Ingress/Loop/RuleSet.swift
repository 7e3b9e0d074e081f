import IngressModel

/// One configuration as it is in force: requests that begin use the newest, those under way keep theirs.
final class RuleSet: Sendable {
  /// What requests of one entry point need.
  struct Routes: Sendable {
    let entryPoint: String
    let table: RoutingTable
    /// Of the table's routers, in their order.
    let counters: [RequestCounters]
    let pools: [ServicePool?]
  }

  let configuration: IngressConfiguration
  let pools: ServicePools
  let certificates: CertificateStore
  private let routes: [Routes]

  init(
    _ configuration: IngressConfiguration, entryPoints: [EntryPoint], telemetry: IngressTelemetry,
    inheriting older: RuleSet?
  ) throws {
    self.configuration = configuration
    certificates = try CertificateStore(configuration.certificates)
    pools = try ServicePools(configuration.services, inheriting: older?.pools)
    let pools = self.pools
    routes = entryPoints.map { point in
      let table = RoutingTable(configuration.routers, entryPoint: point.name, isTLS: point.isTLS)
      return Routes(
        entryPoint: point.name, table: table,
        counters: table.routers.map { telemetry.router($0.name) ?? RequestCounters() },
        pools: table.routers.map { pools[$0.service] })
    }
  }

  /// Entry points are few: to compare their names costs less than to look them up.
  func routes(of point: EntryPoint) -> Routes? { routes.first { $0.entryPoint == point.name } }
}

/// Where clients connect.
public struct EntryPoint: Hashable, Sendable {
  /// Routers name it.
  public var name: String
  /// To listen on; none: all of this host.
  public var host: String?
  public var port: UInt16
  public var isTLS: Bool
  /// Whether every connection begins with a header of the PROXY protocol.
  public var takesProxyProtocol = false
  /// Whether what clients say of earlier proxies (X-Forwarded-…) is true.
  public var trustsForwarded = false

  public init(name: String, host: String? = nil, port: UInt16, isTLS: Bool = false) {
    self.name = name
    self.host = host
    self.port = port
    self.isTLS = isTLS
  }
}
