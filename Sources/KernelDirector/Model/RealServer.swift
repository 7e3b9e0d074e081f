/// How a packet reaches its real server.
public enum ForwardingMethod: UInt8, Hashable, Sendable {
  /// Masquerading, `-m`: destination rewritten, the reply comes back through the director.
  case nat = 0
  /// Direct routing, `-g`: only the frame's addresses change.
  case direct = 1
  /// Tunnelling, `-i`: the packet travels inside another.
  case tunnel = 2
  /// FULLNAT, `--fullnat`: source and destination rewritten; the server sees an address of the director's, and needs no
  /// route through it.
  case fullNAT = 4
}

/// The tunnels a real server can be reached by.
public enum TunnelKind: UInt8, Hashable, Sendable {
  case ipip = 0
  case gue = 1
  case gre = 2
}

/// What an operator sets on a real server; editing replaces all of it.
public struct ServerSettings: Hashable, Sendable {
  public var method: ForwardingMethod
  /// 0 quiesces the server; at most Int32.max.
  public var weight: UInt32
  public var upperThreshold: UInt32
  public var lowerThreshold: UInt32
  public var tunnel: TunnelKind
  public var tunnelPort: UInt16
  public var tunnelFlags: UInt16

  public init(
    method: ForwardingMethod = .direct, weight: UInt32 = 1, upperThreshold: UInt32 = 0, lowerThreshold: UInt32 = 0,
    tunnel: TunnelKind = .ipip, tunnelPort: UInt16 = 0, tunnelFlags: UInt16 = 0
  ) {
    self.method = method
    self.weight = weight
    self.upperThreshold = upperThreshold
    self.lowerThreshold = lowerThreshold
    self.tunnel = tunnel
    self.tunnelPort = tunnelPort
    self.tunnelFlags = tunnelFlags
  }
}

/// A real server as it stands.
public struct ServerSnapshot: Sendable {
  public var endpoint: Endpoint
  public var settings: ServerSettings
  public var activeConnections: UInt32
  public var inactiveConnections: UInt32
  public var persistentConnections: UInt32
  public var counters: Counters
  public var rates: Rates

  public init(
    endpoint: Endpoint, settings: ServerSettings, activeConnections: UInt32 = 0, inactiveConnections: UInt32 = 0,
    persistentConnections: UInt32 = 0, counters: Counters = Counters(), rates: Rates = Rates()
  ) {
    self.endpoint = endpoint
    self.settings = settings
    self.activeConnections = activeConnections
    self.inactiveConnections = inactiveConnections
    self.persistentConnections = persistentConnections
    self.counters = counters
    self.rates = rates
  }
}
