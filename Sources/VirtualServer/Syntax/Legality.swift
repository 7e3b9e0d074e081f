import KernelDirector

/// Which options a command permits, demands, and takes only one of.
struct Legality: Sendable {
  /// Without these the command means nothing.
  let demanded: CommandOptions
  let permitted: CommandOptions
  /// At most one of these.
  let exclusive: CommandOptions

  /// What describes a tunnel.
  static let tunnelOptions = CommandOptions(
    .tunnelType, .tunnelPort, .tunnelNoChecksum, .tunnelChecksum, .tunnelRemoteChecksum)

  private init(demanded: CommandOptions = [], permitted: CommandOptions = [], exclusive: CommandOptions = []) {
    self.demanded = demanded
    self.permitted = permitted
    self.exclusive = exclusive
  }

  init(of command: Command) {
    switch command {
    case .addService, .editService:
      self.init(
        demanded: CommandOptions(.service),
        permitted: CommandOptions(
          .scheduler, .persistent, .netmask, .onePacket, .persistenceEngine, .schedulerFlags))
    case .deleteService:
      self.init(demanded: CommandOptions(.service))
    case .addServer, .editServer:
      self.init(
        demanded: CommandOptions(.service, .server),
        permitted: CommandOptions(.forwarding, .weight, .upperThreshold, .lowerThreshold).union(Self.tunnelOptions))
    case .deleteServer:
      self.init(demanded: CommandOptions(.service, .server))
    case .list:
      self.init(
        permitted: CommandOptions(
          .numeric, .stats, .rate, .thresholds, .persistentConnections, .unsorted, .syncID, .exact, .tunnelInfo),
        exclusive: CommandOptions(.connections, .service, .timeouts, .daemons))
    case .startDaemon:
      self.init(
        permitted: CommandOptions(
          .multicastInterface, .syncID, .multicastGroup, .multicastPort, .multicastTTL, .syncLength))
    case .save:
      self.init(permitted: CommandOptions(.numeric))
    case .zero:
      self.init(permitted: CommandOptions(.service))
    case .stopDaemon:
      self.init(permitted: CommandOptions(.syncID))
    case .flush, .setTimeouts, .restore:
      self.init()
    }
  }

  /// Checks what was given, option by option in their fixed order; the first fault is the one reported.
  static func check(_ options: CommandOptions, of command: Command) throws(CommandError) {
    let legality = Legality(of: command)
    var chosen: CommandOption?
    for option in CommandOption.allCases {
      guard options.contains(option) else {
        if legality.demanded.contains(option) {
          throw .misuse("You need to supply the '\(option.name)' option for the '\(command.name)' command")
        }
        continue
      }
      if legality.exclusive.contains(option) {
        if let chosen {
          throw .misuse(
            "The option '\(option.name)' conflicts with the '\(chosen.name)' option in the '\(command.name)' command")
        }
        chosen = option
      } else if !legality.permitted.contains(option), !legality.demanded.contains(option) {
        throw .misuse("Illegal '\(option.name)' option with the '\(command.name)' command")
      }
    }
  }

  /// Checks the options of a tunnel against its kind.
  static func check(_ options: CommandOptions, of tunnel: TunnelKind) throws(CommandError) {
    let checksums = CommandOptions(.tunnelNoChecksum, .tunnelChecksum, .tunnelRemoteChecksum)
    let legality =
      switch tunnel {
      case .ipip: Legality()
      case .gue: Legality(demanded: CommandOptions(.tunnelPort), exclusive: checksums)
      case .gre: Legality(exclusive: CommandOptions(.tunnelNoChecksum, .tunnelChecksum))
      }
    var chosen: CommandOption?
    for option: CommandOption in [
      .tunnelPort, .tunnelNoChecksum, .tunnelChecksum, .tunnelRemoteChecksum,
    ] {
      guard options.contains(option) else {
        if legality.demanded.contains(option) {
          throw .misuse("You need to supply the '\(option.name)' option for the '\(tunnel.name)' tunnel type")
        }
        continue
      }
      if legality.exclusive.contains(option) {
        if let chosen {
          throw .misuse(
            "The option '\(option.name)' conflicts with the '\(chosen.name)' option in the '\(tunnel.name)' tunnel type"
          )
        }
        chosen = option
      } else if !legality.demanded.contains(option) {
        throw .misuse("Illegal '\(option.name)' option with the '\(tunnel.name)' tunnel type")
      }
    }
  }
}
