/// The transport protocols a virtual service can carry, by their IP protocol numbers.
public enum TransportProtocol: UInt8, Hashable, Sendable {
  case tcp = 6
  case udp = 17
  case sctp = 132
}

/// What clients address: VIP:port/protocol, or a firewall mark.
public enum ServiceIdentity: Hashable, Sendable {
  case address(TransportProtocol, Endpoint)
  case mark(UInt32, IPAddress.Family)
}

/// What an operator sets on a virtual service; editing replaces all of it.
public struct ServiceSettings: Hashable, Sendable {
  /// The scheduler by the name that `-s` takes.
  public var scheduler: String
  /// Persistence timeout in seconds; 0 means no persistence.
  public var persistence: UInt32
  /// Persistence granularity: an IPv4 netmask in network byte order, or an IPv6 prefix length.
  public var netmask: UInt32
  public var onePacket: Bool
  /// Scheduler flags 1 to 3 as bits 0 to 2.
  public var schedulerFlags: UInt8
  /// The persistence engine by name, empty for none.
  public var persistenceEngine: String

  public init(
    scheduler: String = "wlc", persistence: UInt32 = 0, netmask: UInt32 = 0xffff_ffff, onePacket: Bool = false,
    schedulerFlags: UInt8 = 0, persistenceEngine: String = ""
  ) {
    self.scheduler = scheduler
    self.persistence = persistence
    self.netmask = netmask
    self.onePacket = onePacket
    self.schedulerFlags = schedulerFlags
    self.persistenceEngine = persistenceEngine
  }
}

/// Counters since creation or the last zeroing; byte counts are of the IP packet, as IPVS counts them.
public struct Counters: Hashable, Sendable {
  public var connections: UInt64 = 0
  public var packetsIn: UInt64 = 0
  public var packetsOut: UInt64 = 0
  public var bytesIn: UInt64 = 0
  public var bytesOut: UInt64 = 0

  public init() {}
}

/// What the counters grow by in a second, smoothed over the last few seconds.
public struct Rates: Hashable, Sendable {
  public var connections: UInt64 = 0
  public var packetsIn: UInt64 = 0
  public var packetsOut: UInt64 = 0
  public var bytesIn: UInt64 = 0
  public var bytesOut: UInt64 = 0

  public init() {}
}

/// A virtual service as it stands, its servers in the scheduler's own order (the newest first).
public struct ServiceSnapshot: Sendable {
  public var identity: ServiceIdentity
  public var settings: ServiceSettings
  public var counters: Counters
  public var rates: Rates
  public var servers: [ServerSnapshot]

  public init(
    identity: ServiceIdentity, settings: ServiceSettings, counters: Counters, rates: Rates = Rates(),
    servers: [ServerSnapshot]
  ) {
    self.identity = identity
    self.settings = settings
    self.counters = counters
    self.rates = rates
    self.servers = servers
  }
}
