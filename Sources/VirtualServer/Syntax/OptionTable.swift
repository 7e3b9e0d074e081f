import KernelDirector

/// Every option word of ipvsadm, by what it means.
enum Word: Hashable, Sendable {
  case command(Command)
  case help, version
  case service(TransportChoice)
  case option(CommandOption)
  case forward(ForwardingMethod)
  case ipv6, sort
}

/// Which flag of the command line names the virtual service.
enum TransportChoice: Hashable, Sendable {
  case tcp, udp, sctp, mark
}

/// One way of writing an option: a long name, perhaps a letter, and whether an argument follows.
struct OptionSpelling: Sendable {
  enum Argument: Sendable { case none, required, optional }

  let long: String
  let letter: UInt8?
  let argument: Argument
  let word: Word

  init(_ long: String, _ letter: Character? = nil, _ argument: Argument = .none, _ word: Word) {
    self.long = long
    self.letter = letter?.asciiValue
    self.argument = argument
    self.word = word
  }
}

/// The option words of ipvsadm 1.31, looked up by letter or by long name.
///
/// There are no abbreviations: popt, which ipvsadm reads its command line with, knows none.
enum OptionTable {
  static let spellings: [OptionSpelling] = [
    OptionSpelling("add-service", "A", .none, .command(.addService)),
    OptionSpelling("edit-service", "E", .none, .command(.editService)),
    OptionSpelling("delete-service", "D", .none, .command(.deleteService)),
    OptionSpelling("clear", "C", .none, .command(.flush)),
    OptionSpelling("list", "L", .none, .command(.list)),
    OptionSpelling("list", "l", .none, .command(.list)),
    OptionSpelling("zero", "Z", .none, .command(.zero)),
    OptionSpelling("add-server", "a", .none, .command(.addServer)),
    OptionSpelling("edit-server", "e", .none, .command(.editServer)),
    OptionSpelling("delete-server", "d", .none, .command(.deleteServer)),
    OptionSpelling("set", nil, .none, .command(.setTimeouts)),
    OptionSpelling("restore", "R", .none, .command(.restore)),
    OptionSpelling("save", "S", .none, .command(.save)),
    OptionSpelling("start-daemon", nil, .required, .command(.startDaemon)),
    OptionSpelling("stop-daemon", nil, .required, .command(.stopDaemon)),
    OptionSpelling("help", "h", .none, .help),
    OptionSpelling("version", "v", .none, .version),

    OptionSpelling("tcp-service", "t", .required, .service(.tcp)),
    OptionSpelling("udp-service", "u", .required, .service(.udp)),
    OptionSpelling("sctp-service", nil, .required, .service(.sctp)),
    OptionSpelling("fwmark-service", "f", .required, .service(.mark)),
    OptionSpelling("ipv6", "6", .none, .ipv6),
    OptionSpelling("scheduler", "s", .required, .option(.scheduler)),
    OptionSpelling("persistent", "p", .optional, .option(.persistent)),
    OptionSpelling("netmask", "M", .required, .option(.netmask)),
    OptionSpelling("pe", nil, .required, .option(.persistenceEngine)),
    OptionSpelling("sched-flags", "b", .required, .option(.schedulerFlags)),
    OptionSpelling("ops", "o", .none, .option(.onePacket)),

    OptionSpelling("real-server", "r", .required, .option(.server)),
    OptionSpelling("masquerading", "m", .none, .forward(.nat)),
    // Not of ipvsadm 1.31.
    OptionSpelling("fullnat", "F", .none, .forward(.fullNAT)),
    OptionSpelling("ipip", "i", .none, .forward(.tunnel)),
    OptionSpelling("gatewaying", "g", .none, .forward(.direct)),
    OptionSpelling("weight", "w", .required, .option(.weight)),
    OptionSpelling("u-threshold", "x", .required, .option(.upperThreshold)),
    OptionSpelling("l-threshold", "y", .required, .option(.lowerThreshold)),
    OptionSpelling("tun-type", nil, .required, .option(.tunnelType)),
    OptionSpelling("tun-port", nil, .required, .option(.tunnelPort)),
    OptionSpelling("tun-nocsum", nil, .none, .option(.tunnelNoChecksum)),
    OptionSpelling("tun-csum", nil, .none, .option(.tunnelChecksum)),
    OptionSpelling("tun-remcsum", nil, .none, .option(.tunnelRemoteChecksum)),

    OptionSpelling("numeric", "n", .none, .option(.numeric)),
    OptionSpelling("connection", "c", .none, .option(.connections)),
    OptionSpelling("timeout", nil, .none, .option(.timeouts)),
    OptionSpelling("daemon", nil, .none, .option(.daemons)),
    OptionSpelling("stats", nil, .none, .option(.stats)),
    OptionSpelling("rate", nil, .none, .option(.rate)),
    OptionSpelling("thresholds", nil, .none, .option(.thresholds)),
    OptionSpelling("persistent-conn", nil, .none, .option(.persistentConnections)),
    OptionSpelling("tun-info", nil, .none, .option(.tunnelInfo)),
    OptionSpelling("nosort", nil, .none, .option(.unsorted)),
    OptionSpelling("sort", nil, .none, .sort),
    OptionSpelling("exact", "X", .none, .option(.exact)),

    OptionSpelling("mcast-interface", nil, .required, .option(.multicastInterface)),
    OptionSpelling("syncid", nil, .required, .option(.syncID)),
    OptionSpelling("sync-maxlen", nil, .required, .option(.syncLength)),
    OptionSpelling("mcast-group", nil, .required, .option(.multicastGroup)),
    OptionSpelling("mcast-port", nil, .required, .option(.multicastPort)),
    OptionSpelling("mcast-ttl", nil, .required, .option(.multicastTTL)),
  ]

  private static let byLetter: [OptionSpelling?] = {
    var table = [OptionSpelling?](repeating: nil, count: 256)
    for spelling in spellings {
      if let letter = spelling.letter { table[Int(letter)] = spelling }
    }
    return table
  }()

  private static let byName = Dictionary(spellings.map { ($0.long, $0) }, uniquingKeysWith: { first, _ in first })

  static func spelling(letter: UInt8) -> OptionSpelling? { byLetter[Int(letter)] }
  static func spelling(long: String) -> OptionSpelling? { byName[long] }
}
