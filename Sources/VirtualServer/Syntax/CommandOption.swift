/// The options whose presence a command permits, demands or refuses, in the order in which they are checked.
enum CommandOption: Int, CaseIterable, Sendable {
  case numeric, connections, service, scheduler, persistent, netmask
  case server, forwarding, weight, upperThreshold, lowerThreshold
  case multicastInterface, timeouts, daemons, stats, rate, thresholds, persistentConnections, unsorted
  case syncID, exact, onePacket, persistenceEngine, schedulerFlags
  case multicastGroup, multicastPort, multicastTTL, syncLength
  case tunnelInfo, tunnelType, tunnelPort, tunnelNoChecksum, tunnelChecksum, tunnelRemoteChecksum

  /// The name that messages use.
  var name: String {
    switch self {
    case .numeric: "numeric"
    case .connections: "connection"
    case .service: "service-address"
    case .scheduler: "scheduler"
    case .persistent: "persistent"
    case .netmask: "netmask"
    case .server: "real-server"
    case .forwarding: "forwarding-method"
    case .weight: "weight"
    case .upperThreshold: "u-threshold"
    case .lowerThreshold: "l-threshold"
    case .multicastInterface: "mcast-interface"
    case .timeouts: "timeout"
    case .daemons: "daemon"
    case .stats: "stats"
    case .rate: "rate"
    case .thresholds: "thresholds"
    case .persistentConnections: "persistent-conn"
    case .unsorted: "nosort"
    case .syncID: "syncid"
    case .exact: "exact"
    case .onePacket: "ops"
    case .persistenceEngine: "pe"
    case .schedulerFlags: "sched-flags"
    case .multicastGroup: "mcast-group"
    case .multicastPort: "mcast-port"
    case .multicastTTL: "mcast-ttl"
    case .syncLength: "sync-maxlen"
    case .tunnelInfo: "tun-info"
    case .tunnelType: "tun-type"
    case .tunnelPort: "tun-port"
    case .tunnelNoChecksum: "tun-nocsum"
    case .tunnelChecksum: "tun-csum"
    case .tunnelRemoteChecksum: "tun-remcsum"
    }
  }
}

/// A set of options.
struct CommandOptions: OptionSet, Sendable {
  let rawValue: UInt64

  init(rawValue: UInt64) { self.rawValue = rawValue }
  init(_ options: CommandOption...) { rawValue = options.reduce(0) { $0 | 1 << UInt64($1.rawValue) } }

  func contains(_ option: CommandOption) -> Bool { rawValue & 1 << UInt64(option.rawValue) != 0 }
  mutating func insert(_ option: CommandOption) { self = Self(rawValue: rawValue | 1 << UInt64(option.rawValue)) }
}
