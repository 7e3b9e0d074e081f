import Glibc
import KernelDirector

/// Turns the words of a command line into an invocation.
///
/// Every word is judged as it comes, so that of several faults the first is the one reported; what depends on the
/// whole line is judged at the end.
struct CommandParser<Names: NameService> {
  enum Outcome {
    case help, version
    case invocation(Invocation)
  }

  private var scanner: OptionScanner
  private var names: Names
  private var line: Invocation
  private var schedulerFlags = ""

  /// Reads the arguments that follow the program's name.
  static func parse(_ arguments: [String], names: inout Names) throws(CommandError) -> Outcome {
    var scanner = OptionScanner(arguments)
    let first: OptionScanner.Found?
    do { first = try scanner.nextOption() } catch { throw .notACommand }
    switch first?.word {
    case .help: return .help
    case .version: return .version
    case .command(let command):
      var parser = Self(scanner: scanner, names: names, line: Invocation(command: command))
      defer { names = parser.names }
      try parser.readRole(first?.argument ?? "")
      try parser.readOptions()
      try parser.readLeftOver()
      try parser.judge()
      return .invocation(parser.line)
    default: throw .notACommand
    }
  }

  private init(scanner: OptionScanner, names: Names, line: Invocation) {
    self.scanner = scanner
    self.names = names
    self.line = line
  }

  /// The argument of `--start-daemon` and `--stop-daemon`.
  private mutating func readRole(_ text: String) throws(CommandError) {
    guard line.command == .startDaemon || line.command == .stopDaemon else { return }
    guard let role = SyncDaemon.Role(rawValue: text) else {
      throw .misuse(
        line.command == .startDaemon
          ? "illegal start-daemon parameter specified" : "illegal start_daemon specified")
    }
    line.daemon.role = role
  }

  private mutating func readOptions() throws(CommandError) {
    while true {
      let found: OptionScanner.Found?
      do { found = try scanner.nextOption() } catch {
        throw .badOption("\(scanner.current): \(error.text)")
      }
      guard let found else { return }
      let argument = found.argument ?? ""
      switch found.word {
      case .service(let choice):
        try note(.service)
        try readService(choice, argument)
      case .forward(let method):
        try note(.forwarding)
        line.serverSettings.method = method
      case .ipv6:
        guard line.service.mark != 0 else { throw .misuse("-6 used before -f\n") }
        line.service.markFamily = .ipv6
        line.settings.netmask = 128
      case .sort: break
      case .option(let option):
        try note(option)
        try read(option, argument, given: found.argument != nil)
      case .command, .help, .version:
        throw .misuse("invalid option `\(scanner.current)'")
      }
    }
  }

  private mutating func note(_ option: CommandOption) throws(CommandError) {
    if line.options.contains(option) { throw .misuse("multiple '\(option.name)' options specified") }
    line.options.insert(option)
  }

  private mutating func readService(_ choice: TransportChoice, _ text: String) throws(CommandError) {
    switch choice {
    case .mark:
      guard let mark = Decimal.whole(text, in: 1...Int(UInt32.max)) else {
        throw .misuse("invalid fwmark value `\(text)' specified")
      }
      line.service.mark = UInt32(mark)
      line.service.markFamily = .ipv4
      line.service.transport = .tcp
    case .tcp, .udp, .sctp:
      line.service.transport = choice == .tcp ? .tcp : choice == .udp ? .udp : .sctp
      guard EndpointText.read(text, into: &line.service, names: &names) else {
        throw .misuse("illegal virtual server address[:port] specified")
      }
      if line.service.address?.family == .ipv6 { line.settings.netmask = 128 }
    }
  }

  private mutating func read(_ option: CommandOption, _ text: String, given: Bool) throws(CommandError) {
    switch option {
    case .scheduler: line.settings.scheduler = text
    case .persistent: line.settings.persistence = given ? try timeout(text, from: 1) : Self.defaultPersistence
    case .netmask: line.settings.netmask = try netmask(text)
    case .persistenceEngine: line.settings.persistenceEngine = text
    case .schedulerFlags: schedulerFlags = text
    case .onePacket: line.settings.onePacket = true
    case .server: try readServer(text)
    case .weight: line.serverSettings.weight = try number(text, 0...Self.largest, "weight")
    case .upperThreshold: line.serverSettings.upperThreshold = try number(text, 0...Self.largest, "u_threshold")
    case .lowerThreshold: line.serverSettings.lowerThreshold = try number(text, 0...Self.largest, "l_threshold")
    case .tunnelType:
      guard let kind = TunnelKind(name: text) else { throw .misuse("illegal tunnel type specified") }
      line.serverSettings.tunnel = kind
    case .tunnelPort: line.serverSettings.tunnelPort = UInt16(try number(text, 1...65535, "tunnel port"))
    case .tunnelNoChecksum, .tunnelChecksum, .tunnelRemoteChecksum:
      line.serverSettings.tunnelFlags |= TunnelFlags.bit(of: option)
    case .multicastInterface: line.daemon.interface = text
    case .syncID: line.daemon.syncID = UInt8(try number(text, 0...255, "syncid"))
    case .syncLength: line.daemon.maximumLength = UInt16(try number(text, 1...65507, "sync-maxlen"))
    case .multicastGroup: line.daemon.group = try multicastGroup(text)
    case .multicastPort: line.daemon.port = UInt16(try number(text, 1...65535, "mcast-port"))
    case .multicastTTL: line.daemon.ttl = UInt8(try number(text, 1...255, "mcast-ttl"))
    case .numeric, .connections, .service, .forwarding, .timeouts, .daemons, .stats, .rate, .thresholds,
      .persistentConnections, .unsorted, .exact, .tunnelInfo:
      break
    }
  }

  /// What is known of the virtual service stands for what the real server's text leaves out.
  private mutating func readServer(_ text: String) throws(CommandError) {
    line.server = line.service
    line.server.mark = 0
    guard EndpointText.read(text, into: &line.server, names: &names) else {
      throw .misuse("illegal real server address[:port] specified")
    }
  }

  private mutating func readLeftOver() throws(CommandError) {
    if line.command == .setTimeouts {
      guard let tcp = scanner.nextLeftOverArgument(), let fin = scanner.nextLeftOverArgument(),
        let udp = scanner.nextLeftOverArgument()
      else { throw .misuse("--set option requires 3 timeout values") }
      line.timeouts = Timeouts(
        tcp: try timeout(tcp, from: 0), tcpFin: try timeout(fin, from: 0), udp: try timeout(udp, from: 0))
    }
    if let argument = scanner.nextLeftOverArgument() { throw .misuse("unexpected argument \(argument)") }
    if line.options.contains(.schedulerFlags) {
      line.settings.schedulerFlags = try SchedulerFlags.read(schedulerFlags, scheduler: line.settings.scheduler)
    }
  }
}

// MARK: What depends on the whole line

extension CommandParser {
  private mutating func judge() throws(CommandError) {
    try Legality.check(line.options, of: line.command)
    switch line.command {
    case .addService, .editService: try judgeService()
    case .addServer, .editServer: try judgeServer()
    case .list: try judgeList()
    case .startDaemon:
      if line.daemon.interface.isEmpty { line.daemon.interface = "eth0" }
    default: break
    }
  }

  private mutating func judgeService() throws(CommandError) {
    let marked = line.service.mark != 0
    if !marked, line.service.port == 0, line.settings.persistence == 0 {
      throw .misuse("Zero port specified for non-persistent service")
    }
    if line.settings.onePacket, !marked, line.service.transport != .udp {
      throw .misuse("One-Packet Scheduling is only for UDP virtual services")
    }
    if line.settings.scheduler.isEmpty { line.settings.scheduler = Self.defaultScheduler }
  }

  private mutating func judgeServer() throws(CommandError) {
    let method = line.serverSettings.method
    if line.service.mark == 0, method != .nat, method != .fullNAT { line.server.port = line.service.port }
    if line.server.address?.family != line.service.family, method != .tunnel, method != .fullNAT {
      throw .misuse("Different address family is allowed only for tunneling servers")
    }
    if method != .tunnel, !line.options.isDisjoint(with: Legality.tunnelOptions) {
      throw .misuse("Tunnel options conflict with forward method")
    }
    try Legality.check(line.options, of: line.serverSettings.tunnel)
  }

  private func judgeList() throws(CommandError) {
    let options = line.options
    let table = options.contains(.connections) || options.contains(.timeouts) || options.contains(.daemons)
    let figures = options.contains(.stats) || options.contains(.rate) || options.contains(.thresholds)
    if table && figures { throw .misuse("options conflicts in the list command") }
    if options.contains(.timeouts) || options.contains(.daemons), options.contains(.persistentConnections) {
      throw .misuse("options conflicts in the list command")
    }
  }
}

// MARK: Values

extension CommandParser {
  private static var defaultScheduler: String { "wlc" }
  /// Seconds of persistence when `-p` names none.
  private static var defaultPersistence: UInt32 { 360 }
  private static var longestTimeout: Int { 31 * 86400 }
  private static var largest: Int { Int(Int32.max) }

  private func number(_ text: String, _ range: ClosedRange<Int>, _ what: String) throws(CommandError) -> UInt32 {
    guard let value = Decimal.whole(text, in: range) else { throw .misuse("illegal \(what) specified") }
    return UInt32(value)
  }

  private func timeout(_ text: String, from least: Int) throws(CommandError) -> UInt32 {
    guard let value = Decimal.whole(text, in: least...Self.longestTimeout) else {
      throw .misuse("invalid timeout value `\(text)' specified")
    }
    return UInt32(value)
  }

  /// A prefix length for an IPv6 service, else a mask or the name of a host whose address is one.
  private mutating func netmask(_ text: String) throws(CommandError) -> UInt32 {
    if line.service.family == .ipv6 {
      let length = Decimal.prefix(text)
      guard (1...128).contains(length) else { throw .misuse("illegal ipv6 netmask specified") }
      return UInt32(length)
    }
    guard let mask = IPAddress(numericHost: text) ?? names.address(ofHost: text) else {
      throw .misuse("illegal virtual server persistent mask specified")
    }
    return mask.words.0
  }

  private func multicastGroup(_ text: String) throws(CommandError) -> IPAddress {
    let family = text.utf8.contains(UInt8(ascii: ":")) ? IPAddress.Family.ipv6 : .ipv4
    guard let group = IPAddress(text), group.family == family, group.isMulticast else {
      throw .misuse("invalid \(family == .ipv6 ? "IPv6" : "IPv4") mcast-group `\(text)'")
    }
    return group
  }
}

extension IPAddress {
  /// Whether this is a group: 224.0.0.0/4 or ff00::/8.
  var isMulticast: Bool {
    let first = UInt8(truncatingIfNeeded: words.0)
    return family == .ipv4 ? first & 0xf0 == 0xe0 : first == 0xff
  }
}
