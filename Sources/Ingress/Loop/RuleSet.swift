import IngressModel

/// One configuration as it is in force: requests that begin use the newest, those under way keep theirs.
final class RuleSet: Sendable {
  struct Key: Hashable {
    var entryPoint: String
    var isTLS: Bool
  }

  let configuration: IngressConfiguration
  let pools: ServicePools
  let certificates: CertificateStore
  let tables: [Key: RoutingTable]
  /// Of each table's routers, in their order.
  let counters: [Key: [RequestCounters]]

  init(
    _ configuration: IngressConfiguration, entryPoints: [EntryPoint], telemetry: IngressTelemetry,
    inheriting older: RuleSet?
  ) throws {
    self.configuration = configuration
    certificates = try CertificateStore(configuration.certificates)
    pools = try ServicePools(configuration.services, inheriting: older?.pools)
    var tables: [Key: RoutingTable] = [:]
    var counters: [Key: [RequestCounters]] = [:]
    for point in entryPoints {
      let key = Key(entryPoint: point.name, isTLS: point.isTLS)
      let table = RoutingTable(configuration.routers, entryPoint: point.name, isTLS: point.isTLS)
      tables[key] = table
      counters[key] = table.routers.map { telemetry.router($0.name) ?? RequestCounters() }
    }
    self.tables = tables
    self.counters = counters
  }
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
