import DataplaneTypes
import Netlink

/// An address of a pool that somebody else among the rules has: it is one that could be asked from, if it were not.
enum LocalAddressClash: Hashable {
  /// A real server has it, and would be asked by itself.
  case server(IPAddress)
  /// It is the VIP of a service whose port is among those that are leased (0: which has all ports). What a server
  /// answers to that port is for the lease while it stands, and opens a connection to the service when it is late.
  case service(IPAddress, port: UInt16)

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
    }
  }

  /// Whether a service and a pool get into each other's way.
  init?(_ key: svs_service_key, _ addresses: LocalAddresses) {
    guard key.proto != 0 else { return nil }
    let port = UInt16(bigEndian: key.port)
    let vip = key.vip.address(key.family)
    guard addresses.network.contains(vip), port == 0 || addresses.ports.contains(port) else { return nil }
    self = .service(vip, port: port)
  }

  /// The first that some addresses would meet; nil where they are nobody else's.
  init?(of addresses: LocalAddresses, _ director: Director, _ tables: Tables) throws(DirectorError) {
    for index in 0..<tables.config.pointee.services_used {
      let record = try tables.services.record(index)
      guard record.pointee.status == SVS_LIVE, let clash = Self(record.pointee.key, addresses) else { continue }
      self = clash
      return
    }
    // Which addresses are this host's is not asked where there is none.
    if director.isSimulated { return nil }
    var own: OwnAddresses?
    for index in 0..<tables.config.pointee.servers_used {
      let server = try tables.servers.record(index)
      guard server.pointee.status == SVS_LIVE, addresses.network.contains(server.endpoint.address) else { continue }
      // This host may be a server itself, of another method.
      if own == nil { own = try? OwnAddresses() }
      guard let own, own.firstForeign(in: IPPrefix(server.endpoint.address)) != nil else { continue }
      self = .server(server.endpoint.address)
      return
    }
    return nil
  }
}

extension Director {
  /// Remarks on a new service in a pool's way: pools are younger than ipvsadm, which never refused one.
  func remarkOnClash(of key: svs_service_key, _ tables: Tables) {
    if isSimulated { return }
    for addresses in namedLocalAddresses(tables) {
      if let clash = LocalAddressClash(key, addresses) { return remarks.append(clash.sentence) }
    }
  }

  /// The same of a new real server.
  func remarkOnClash(of server: IPAddress, _ tables: Tables) {
    if isSimulated { return }
    guard namedLocalAddresses(tables).contains(where: { $0.network.contains(server) }),
      let own = try? OwnAddresses(), own.firstForeign(in: IPPrefix(server)) != nil
    else { return }
    remarks.append(LocalAddressClash.server(server).sentence)
  }

  /// All that stand, for `status`.
  func localAddressClashes(_ tables: Tables) throws(DirectorError) -> [LocalAddressClash] {
    var clashes: [LocalAddressClash] = []
    for addresses in namedLocalAddresses(tables) {
      if let clash = try LocalAddressClash(of: addresses, self, tables) { clashes.append(clash) }
    }
    return clashes
  }
}
