import Glibc
import KernelDirector

/// A set of rules in memory that answers as the kernel's IPVS does.
///
/// It is the model for what the kernel decides: which errors in which order, where a new server goes, what an edit
/// leaves. Local and broadcast addresses are those that a test adds.
final class MemoryRuleStore: RuleStore {
  private var order: [ServiceIdentity] = []
  private var table: [ServiceIdentity: ServiceSnapshot] = [:]
  private var limits = Timeouts()
  private var daemons: [SyncDaemon.Role: SyncDaemon] = [:]

  /// Addresses of the director's own interfaces.
  var localAddresses: Set<IPAddress> = []
  var broadcastAddresses: Set<IPAddress> = [IPAddress("127.255.255.255"), IPAddress("255.255.255.255")].reduce(
    into: []
  ) { set, address in
    if let address { set.insert(address) }
  }
  var interfaces: Set<String> = ["lo"]
  var liveConnections: [ConnectionSnapshot] = []
  /// How often anything was changed.
  private(set) var changes = 0

  static let schedulers: Set<String> = [
    "rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh", "sh", "sed", "nq", "fo", "ovf", "mh", "none",
  ]
  static let engines: Set<String> = ["", "sip"]

  // MARK: Services

  func addService(_ service: ServiceIdentity, _ settings: ServiceSettings) throws(DirectorError) {
    if table[service] != nil { throw .serviceExists }
    try check(settings)
    table[service] = ServiceSnapshot(identity: service, settings: settings, counters: Counters(), servers: [])
    order.append(service)
    changes += 1
  }

  func editService(_ service: ServiceIdentity, _ settings: ServiceSettings) throws(DirectorError) {
    if table[service] == nil { throw .noSuchService }
    try check(settings)
    table[service]?.settings = settings
    changes += 1
  }

  func deleteService(_ service: ServiceIdentity) throws(DirectorError) {
    guard table.removeValue(forKey: service) != nil else { throw .noSuchService }
    order.removeAll { $0 == service }
    changes += 1
  }

  func clear() throws(DirectorError) {
    if !order.isEmpty { changes += 1 }
    order = []
    table = [:]
  }

  private func check(_ settings: ServiceSettings) throws(DirectorError) {
    guard Self.schedulers.contains(settings.scheduler) else { throw .schedulerNotFound(settings.scheduler) }
    guard Self.engines.contains(settings.persistenceEngine) else {
      throw .schedulerNotFound(settings.persistenceEngine)
    }
  }

  // MARK: Servers

  func addServer(
    _ server: Endpoint, _ settings: ServerSettings, to service: ServiceIdentity
  ) throws(DirectorError) {
    guard let found = table[service] else { throw .noSuchService }
    try check(server, settings, family: found.identity.ownFamily)
    if found.servers.contains(where: { $0.endpoint == server }) { throw .serverExists }
    guard isUnicast(server.address) else { throw .invalidServer }
    table[service]?.servers.insert(ServerSnapshot(endpoint: server, settings: settings), at: 0)
    changes += 1
  }

  func editServer(
    _ server: Endpoint, _ settings: ServerSettings, of service: ServiceIdentity
  ) throws(DirectorError) {
    guard let found = table[service] else { throw .noSuchService }
    try check(server, settings, family: found.identity.ownFamily)
    guard let index = found.servers.firstIndex(where: { $0.endpoint == server }) else { throw .noSuchServer }
    table[service]?.servers[index].settings = settings
    changes += 1
  }

  func deleteServer(_ server: Endpoint, of service: ServiceIdentity) throws(DirectorError) {
    guard let found = table[service] else { throw .noSuchService }
    guard let index = found.servers.firstIndex(where: { $0.endpoint == server }) else { throw .noSuchServer }
    table[service]?.servers.remove(at: index)
    changes += 1
  }

  private func check(
    _ server: Endpoint, _ settings: ServerSettings, family: IPAddress.Family
  ) throws(DirectorError) {
    if server.address.family != family {
      guard settings.method == .tunnel || settings.method == .fullNAT, daemons.isEmpty else { throw .familyMismatch }
    }
    if settings.lowerThreshold > settings.upperThreshold { throw .thresholdOrder }
  }

  private func isUnicast(_ address: IPAddress) -> Bool {
    if localAddresses.contains(address) { return true }
    let bytes = address.bytes
    switch address.family {
    case .ipv4:
      return bytes != [0, 0, 0, 0] && bytes[0] & 0xf0 != 0xe0 && !broadcastAddresses.contains(address)
    case .ipv6:
      let zeros = bytes.prefix { $0 == 0 }.count
      let mapped = zeros == 10 && bytes[10] == 0xff && bytes[11] == 0xff
      let linkLocal = bytes[0] == 0xfe && bytes[1] & 0xc0 == 0x80
      return zeros != 16 && bytes[0] != 0xff && !mapped && !linkLocal
    }
  }

  // MARK: Reading

  func zeroCounters(of service: ServiceIdentity?) throws(DirectorError) {
    if let service {
      guard table[service] != nil else { throw .noSuchService }
      zero(service)
    } else {
      order.forEach(zero)
    }
  }

  private func zero(_ service: ServiceIdentity) {
    guard var found = table[service] else { return }
    found.counters = Counters()
    for index in found.servers.indices { found.servers[index].counters = Counters() }
    table[service] = found
  }

  func services() throws(DirectorError) -> [ServiceSnapshot] { order.compactMap { table[$0] } }

  func service(_ identity: ServiceIdentity) throws(DirectorError) -> ServiceSnapshot {
    guard let found = table[identity] else { throw .noSuchService }
    return found
  }

  func connections() throws(DirectorError) -> [ConnectionSnapshot] { liveConnections }
  func connectionCapacity() throws(DirectorError) -> UInt32 { 4096 }

  // MARK: Timeouts and daemons

  func timeouts() throws(DirectorError) -> Timeouts { limits }

  func setTimeouts(_ timeouts: Timeouts) throws(DirectorError) {
    if timeouts.tcp != 0 { limits.tcp = timeouts.tcp }
    if timeouts.tcpFin != 0 { limits.tcpFin = timeouts.tcpFin }
    if timeouts.udp != 0 { limits.udp = timeouts.udp }
  }

  func syncDaemons() throws(DirectorError) -> [SyncDaemon] {
    SyncDaemon.Role.allCases.compactMap { daemons[$0] }
  }

  func startSyncDaemon(_ daemon: SyncDaemon) throws(DirectorError) {
    if daemons[daemon.role] != nil { throw .syncDaemonRunning }
    guard interfaces.contains(daemon.interface) else { throw .noSuchInterface(daemon.interface) }
    var daemon = daemon
    if daemon.maximumLength == 0 { daemon.maximumLength = daemon.role == .master ? 1472 : 65507 }
    daemon.group = daemon.group ?? IPAddress("224.0.0.81")
    if daemon.port == 0 { daemon.port = 8848 }
    if daemon.ttl == 0 { daemon.ttl = 1 }
    daemons[daemon.role] = daemon
  }

  func stopSyncDaemon(_ role: SyncDaemon.Role) throws(DirectorError) {
    guard daemons.removeValue(forKey: role) != nil else { throw .noSyncDaemon }
  }
}

extension ServiceIdentity {
  fileprivate var ownFamily: IPAddress.Family {
    switch self {
    case .address(_, let endpoint): endpoint.address.family
    case .mark(_, let family): family
    }
  }
}
