import ArgumentParser
import KernelDirector
import Netlink
import VirtualServer

struct LocalAddressCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "local-address",
    abstract: "The addresses from which FULLNAT asks real servers.",
    discussion: """
      A real server that was added with 'ipvsadm --fullnat' sees connections come from a local address and port of the \
      director's. They are leased from the pool of its service; where it has none, from the default pool; where that \
      is empty, from the director's own address on the way to the server.

      An address in a pool must be the director's, so that replies arrive: 'ip address add' it to an interface, or \
      route it here.

      EXAMPLES
        svs local-address add 192.0.2.64/28                       to the default pool
        svs local-address add tcp:198.51.100.1:443 192.0.2.80     to that of one service
        svs local-address list
        svs local-address set 192.0.2.64/28 --ports 2000-65535    other ports; connections keep theirs
        svs local-address del 192.0.2.64/28
        svs local-address save >/etc/svs.local-addresses
      """,
    subcommands: [Add.self, Change.self, Delete.self, List.self, Save.self, Restore.self], defaultSubcommand: List.self)

  struct Add: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "add", abstract: "Add addresses to a pool.")

    @Argument(
      help: "SERVICE (such as tcp:VIP:PORT, udp:[VIP]:PORT or fwmark:N) and ADDRESS[/LEN], or the latter alone.")
    var words: [String]

    @Option(help: ArgumentHelp("The ports to use of each address.", valueName: "first-last"))
    var ports: String?

    func run() throws {
      let rule = try parsing { () throws(LocalAddressError) in
        try LocalAddressRule(
          words: words, ports: ports.map(LocalAddressRule.ports) ?? LocalAddresses.defaultPorts)
      }
      let director = try reporting { () throws(DirectorError) in try Director() }
      try reporting { () throws(LocalAddressError) in try director.add(rule) }
      // All of the network is looked at, not its first address alone.
      if let own = try? OwnAddresses(), let address = own.firstForeign(in: rule.addresses.network) {
        warn(
          "\(address) is no address of this host: replies to it will not arrive until it is ('ip address add'), or is "
            + "routed here ('ip route add local \(rule.addresses.network) dev lo')")
      }
    }
  }

  struct Change: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "set", abstract: "Change the ports of addresses that are in a pool.",
      discussion: """
        More ports or fewer, at once; nobody is refused meanwhile. Connections keep the ports that they have, also \
        those that are not among the new ones, until they end: 'list' shows them as (leaving).
        """)

    @Argument(help: "SERVICE and ADDRESS[/LEN], or the latter alone, as they were added.")
    var words: [String]

    @Option(help: ArgumentHelp("The ports to use of each address.", valueName: "first-last"))
    var ports: String

    func run() throws {
      let rule = try parsing { () throws(LocalAddressError) in
        try LocalAddressRule(words: words, ports: LocalAddressRule.ports(ports))
      }
      let director = try reporting { () throws(DirectorError) in try Director() }
      try reporting { () throws(LocalAddressError) in try director.change(rule) }
    }
  }

  struct Delete: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "del", abstract: "Take addresses out of a pool; connections that use them go on.")

    @Argument(help: "SERVICE and ADDRESS[/LEN], or the latter alone.")
    var words: [String]

    func run() throws {
      let rule = try parsing { () throws(LocalAddressError) in
        try LocalAddressRule(words: words, ports: LocalAddresses.defaultPorts)
      }
      let director = try reporting { () throws(DirectorError) in try Director() }
      try reporting { () throws(LocalAddressError) in try director.remove(rule) }
    }
  }

  struct List: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "list", abstract: "Show the pools, and how full they are.",
      discussion: """
        USED counts the connections that hold a port. A port serves one connection to each real server, so that a pool \
        is full when one server has as many connections as it has PLACES: FULLEST is the server that comes closest.
        """)

    @Flag(help: "Print JSON.")
    var json = false

    func run() throws {
      let pools = try reporting { () throws(DirectorError) in try Director().localAddresses() }
      if json { printJSON(.array(pools.map(JSONValue.init))) } else { print(LocalAddressTable(pools).text) }
    }
  }
}

/// Words that are wrong are the caller's fault, as an option that does not exist is.
private func parsing<Result>(_ body: () throws(LocalAddressError) -> Result) throws -> Result {
  do { return try body() } catch { throw ValidationError("\(error).") }
}

private struct LocalAddressTable {
  let pools: [LocalAddressSnapshot]

  init(_ pools: [LocalAddressSnapshot]) { self.pools = pools }

  var text: String {
    if pools.isEmpty { return "No local addresses." }
    let heading = ["POOL", "ADDRESSES", "PORTS", "PLACES", "USED", "FULLEST", "REFUSED"]
    let rows = [heading] + pools.map(row)
    let widths = heading.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      zip(row, widths).enumerated().map { column, cell in
        column < 3 ? cell.0.padded(cell.1) : cell.0.leftPadded(cell.1)
      }.joined(separator: "  ")
    }.joined(separator: "\n")
  }

  private func row(_ pool: LocalAddressSnapshot) -> [String] {
    let addresses = pool.addresses
    let whose = pool.service?.named ?? (pool.isImplicit ? "(own address)" : "(default)")
    return [
      pool.isLeaving ? "(leaving)" : whose, addresses.network.description,
      "\(addresses.ports.lowerBound)-\(addresses.ports.upperBound)", String(addresses.places), String(pool.used),
      String(pool.fullest), String(pool.exhausted),
    ]
  }
}

extension JSONValue {
  init(_ pool: LocalAddressSnapshot) {
    self = .object([
      ("service", pool.service.map { .string($0.named) } ?? .null),
      ("addresses", .string(pool.addresses.network.description)),
      ("firstPort", .number(UInt64(pool.addresses.ports.lowerBound))),
      ("lastPort", .number(UInt64(pool.addresses.ports.upperBound))),
      ("places", .number(pool.addresses.places)), ("used", .number(UInt64(pool.used))),
      ("fullest", .number(UInt64(pool.fullest))), ("refused", .number(pool.exhausted)),
      ("ownAddress", .bool(pool.isImplicit)), ("leaving", .bool(pool.isLeaving)),
    ])
  }
}
