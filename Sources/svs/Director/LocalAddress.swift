import ArgumentParser
import KernelDirector
import Netlink
import Simulation

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
        svs local-address del 192.0.2.64/28
      """,
    subcommands: [Add.self, Delete.self, List.self], defaultSubcommand: List.self)

  struct Add: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "add", abstract: "Add addresses to a pool.")

    @Argument(
      help: "SERVICE (such as tcp:VIP:PORT, udp:[VIP]:PORT or fwmark:N) and ADDRESS[/LEN], or the latter alone.")
    var words: [String]

    @Option(help: ArgumentHelp("The ports to use of each address.", valueName: "first-last"))
    var ports: String?

    func run() throws {
      let (service, network) = try PoolWords(words).parsed()
      let range = try ports.map(portRange) ?? LocalAddresses.defaultPorts
      try reporting { () throws(DirectorError) in
        try Director().addLocalAddresses(LocalAddresses(network, ports: range), to: service)
      }
      for address in missing(in: network) {
        warn("\(address) is no address of this host: replies will not arrive until it is ('ip address add')")
      }
    }

    private func portRange(_ text: String) throws -> ClosedRange<UInt16> {
      let parts = text.split(separator: "-", omittingEmptySubsequences: false)
      let numbers = parts.compactMap { UInt16($0) }
      guard numbers.count == parts.count, let first = numbers.first, let last = numbers.last, parts.count <= 2,
        first > 0, first <= last
      else { throw ValidationError("'\(text)' is no range of ports such as 1024-65535.") }
      return first...last
    }

    /// The first address of the network that is not this host's; a routed network has addresses nowhere.
    private func missing(in network: IPPrefix) -> [IPAddress] {
      guard let netlink = try? NetlinkSocket(), let answer = try? netlink.route(to: network.address) else {
        return [network.address]
      }
      return answer.kind == .local ? [] : [network.address]
    }
  }

  struct Delete: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "del", abstract: "Take addresses out of a pool; connections that use them go on.")

    @Argument(help: "SERVICE and ADDRESS[/LEN], or the latter alone.")
    var words: [String]

    func run() throws {
      let (service, network) = try PoolWords(words).parsed()
      try reporting { () throws(DirectorError) in try Director().deleteLocalAddresses(network, of: service) }
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

/// `[SERVICE] ADDRESS[/LEN]`.
private struct PoolWords {
  let words: [String]

  init(_ words: [String]) { self.words = words }

  func parsed() throws -> (ServiceIdentity?, IPPrefix) {
    guard let last = words.last, words.count <= 2 else {
      throw ValidationError("Give ADDRESS[/LEN], or SERVICE and ADDRESS[/LEN].")
    }
    guard let network = IPPrefix(last) else {
      throw ValidationError("'\(last)' is no address, nor a network such as 192.0.2.64/28.")
    }
    if words.count == 1 { return (nil, network) }
    guard let service = ServiceIdentity(named: words[0]) else {
      throw ValidationError(
        "'\(words[0])' is no service; write it as tcp:192.0.2.1:80, udp:[2001:db8::1]:53, fwmark:1 or fwmark6:1.")
    }
    return (service, network)
  }
}

extension ServiceIdentity {
  /// Reads `tcp:ADDRESS:PORT`, `udp:…`, `sctp:…`, `fwmark:N` or `fwmark6:N`.
  init?(named text: String) {
    guard let colon = text.firstIndex(of: ":") else { return nil }
    let rest = text[text.index(after: colon)...]
    let kind = text[..<colon].lowercased()
    if kind == "fwmark" || kind == "fwmark6" {
      guard let mark = UInt32(rest), mark != 0 else { return nil }
      self = .mark(mark, kind == "fwmark" ? .ipv4 : .ipv6)
      return
    }
    let transports: [String: TransportProtocol] = ["tcp": .tcp, "udp": .udp, "sctp": .sctp]
    guard let transport = transports[kind], let end = rest.lastIndex(of: ":"),
      let port = UInt16(rest[rest.index(after: end)...])
    else { return nil }
    var host = rest[..<end]
    if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
    guard let address = IPAddress(host) else { return nil }
    self = .address(transport, Endpoint(address, port: port))
  }

  /// The same words.
  var named: String {
    switch self {
    case .mark(let mark, let family): "fwmark\(family == .ipv6 ? "6" : ""):\(mark)"
    case .address(let transport, let endpoint): "\(transport):\(endpoint.text)"
    }
  }
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
