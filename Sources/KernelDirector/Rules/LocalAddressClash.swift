import DataplaneTypes
import Netlink

/// An address of a pool that somebody else among the rules has: it is one that could be asked from, if it were not.
enum LocalAddressClash: Hashable {
  /// A real server has it, and would be asked by itself.
  case server(IPAddress)
  /// It is the VIP of a service whose port is among those that are leased (0: which has all ports). What a server
  /// answers to that port is for the lease while it stands, and opens a connection to the service when it is late.
  case service(IPAddress, port: UInt16)
  /// The same of a persistent FTP service, which also takes the ports of data connections.
  case fileTransfer(IPAddress)
  /// It is the broadcast address of one of this host's networks, which nothing can be asked from.
  case broadcast(IPAddress)

  /// Without its full stop.
  var sentence: String {
    switch self {
    case .server(let address):
      "\(address) is a real server's address, which cannot be asked from itself; take it out of the pool"
    case .service(let vip, 0):
      "\(vip) is the VIP of a service for all ports, so that what servers answer could be taken for a client's; lease "
        + "from another address"
    case .service(let vip, let port):
      "\(vip) is the VIP of a service at port \(port), which is among the ports to lease: what servers answer there could "
        + "be taken for a client's; leave the port out (--ports), or lease from another address"
    case .fileTransfer(let vip):
      "\(vip) is the VIP of a persistent FTP service, which takes the ports from 1,024 up too, so that what servers "
        + "answer could be taken for a client's; lease from another address"
    case .broadcast(let address):
      "\(address) is the broadcast address of a network of this host's, from which nobody can be asked; leave it out of "
        + "the pool"
    }
  }

  /// Whether a service and a pool get into each other's way.
  init?(_ key: svs_service_key, isPersistent: Bool, _ addresses: LocalAddresses) {
    guard key.proto != 0 else { return nil }
    let port = UInt16(bigEndian: key.port)
    let vip = key.vip.address(key.family)
    guard addresses.network.contains(vip) else { return nil }
    if port == 0 || addresses.ports.contains(port) {
      self = .service(vip, port: port)
    } else if isPersistent, SteeredPorts.ports(key).contains(where: { $0.overlaps(addresses.ports) }) {
      self = .fileTransfer(vip)
    } else {
      return nil
    }
  }

  /// Those that some addresses would meet, as many as are worth telling.
  static func all(
    of addresses: LocalAddresses, _ director: Director, _ tables: Tables
  ) throws(DirectorError) -> [LocalAddressClash] {
    var clashes: [LocalAddressClash] = []
    for index in 0..<tables.config.pointee.services_used where clashes.count < told {
      let record = try tables.services.record(index)
      guard record.pointee.status == SVS_LIVE,
        let clash = Self(record.pointee.key, isPersistent: record.pointee.persistence != 0, addresses)
      else { continue }
      clashes.append(clash)
    }
    // Which addresses are this host's is not asked where there is none.
    if director.isSimulated { return clashes }
    var own: OwnAddresses?
    for index in 0..<tables.config.pointee.servers_used where clashes.count < told {
      let server = try tables.servers.record(index)
      guard server.pointee.status == SVS_LIVE, addresses.network.contains(server.endpoint.address) else { continue }
      // This host may be a server itself, of another method.
      if own == nil { own = try? OwnAddresses() }
      guard let own, own.firstForeign(in: IPPrefix(server.endpoint.address)) != nil else { continue }
      // It may be a server of many services.
      let clash = Self.server(server.endpoint.address)
      if !clashes.contains(clash) { clashes.append(clash) }
    }
    for address in director.broadcastAddresses() where addresses.network.contains(address) {
      clashes.append(.broadcast(address))
    }
    return clashes
  }

  private static var told: Int { 8 }
}

extension Director {
  /// Remarks on a new service in a pool's way: pools are younger than ipvsadm, which never refused one.
  func remarkOnClash(of key: svs_service_key, isPersistent: Bool, _ tables: Tables) {
    if isSimulated { return }
    for addresses in localAddresses(isNamed: true, tables) {
      if let clash = LocalAddressClash(key, isPersistent: isPersistent, addresses) {
        return remarks.append(clash.sentence)
      }
    }
  }

  /// The same of a new real server, and of one that FULLNAT cannot reach.
  func remarkOnClash(of server: IPAddress, _ method: ForwardingMethod, _ tables: Tables) {
    if isSimulated { return }
    if method == .fullNAT, isOwn(server) {
      remarks.append(
        "\(server) is this very host's, where FULLNAT does not reach a real server; NAT (-m) does")
    }
    guard localAddresses(isNamed: true, tables).contains(where: { $0.network.contains(server) }),
      let own = try? OwnAddresses(), own.firstForeign(in: IPPrefix(server)) != nil
    else { return }
    remarks.append(LocalAddressClash.server(server).sentence)
  }

  /// All that stand, for `status`.
  func localAddressClashes(_ tables: Tables) throws(DirectorError) -> [LocalAddressClash] {
    var clashes: [LocalAddressClash] = []
    for addresses in localAddresses(isNamed: true, tables) + localAddresses(isNamed: false, tables) {
      clashes += try LocalAddressClash.all(of: addresses, self, tables)
    }
    return clashes
  }
}
