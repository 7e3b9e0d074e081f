import DataplaneTypes
import Glibc
import Netlink

/// The pools of local addresses that FULLNAT leases from: one for each service that has its own, and one for the rest.
extension Director {
  /// Adds addresses to the pool of a service, or to that of all services without their own.
  ///
  /// - Parameter isRestoring: whether what is in the way of other rules is remarked on instead of refused: it stood so
  ///   before, and a machine that starts is not to be left without its pools.
  public func addLocalAddresses(
    _ addresses: LocalAddresses, to service: ServiceIdentity?, isRestoring: Bool = false
  ) throws(DirectorError) {
    try locked { () throws(DirectorError) in
      if let fault = addresses.fault { throw .invalidLocalAddress(fault) }
      // What is refused leaves no director that was not there before.
      if service != nil, tables == nil { throw .noSuchService }
      let tables = try establish()
      try put(addresses, in: try pool(of: service, tables), replacing: [], isRestoring: isRestoring, tables)
    }
  }

  /// Gives addresses that are in a pool other ports; connections keep those that they have.
  ///
  /// - Throws: `noSuchLocalAddress` where the pool does not have this network.
  public func changeLocalAddresses(
    _ addresses: LocalAddresses, of service: ServiceIdentity?, isRestoring: Bool = false
  ) throws(DirectorError) {
    try locked { () throws(DirectorError) in
      if let fault = addresses.fault { throw .invalidLocalAddress(fault) }
      guard let tables else { throw .noSuchLocalAddress }
      let pool = try pool(of: service, tables)
      let old = standing(in: pool, tables) { $0.network == addresses.network }
      guard !old.isEmpty else { throw .noSuchLocalAddress }
      if old.count == 1, old.allSatisfy({ tables.localRanges[$0].addresses == addresses }) { return }
      try put(addresses, in: pool, replacing: old, isRestoring: isRestoring, tables)
    }
  }

  /// Puts addresses in a pool, in the place of others: a record of their own, since whoever leases reads its parts one by
  /// one. The old ones stay until nobody has a port of theirs.
  private func put(
    _ addresses: LocalAddresses, in pool: UInt32, replacing old: Set<Int>, isRestoring: Bool, _ tables: Tables
  ) throws(DirectorError) {
    var free: UInt32?
    var leaving = old
    for index in 0..<UInt32(SVS_LOCAL_RANGES) where !old.contains(Int(index)) {
      let range = tables.localRanges[Int(index)]
      if range.pointee.status == SVS_LIVE, range.addresses.overlaps(addresses) {
        // What the director took for itself gives way to what the operator says.
        if range.pointee.is_own == 0 { throw .localAddressTaken }
        leaving.insert(Int(index))
      }
      if free == nil, range.isFree { free = index }
    }
    let clashes = try LocalAddressClash.all(of: addresses, self, tables)
    if let clash = clashes.first, !isRestoring { throw .invalidLocalAddress(clash.sentence) }
    remarks += clashes.map(\.sentence)
    guard let free else { throw .full(what: Self.localRanges) }
    try upkeep(tables)
    tables.localRanges[Int(free)].write(addresses, pool: pool, isOwn: false)
    try linkLocalAddresses(tables, without: leaving)
    rulesChanged(tables)
  }

  private static var localRanges: String {
    "local addresses: there may be \(SVS_LOCAL_RANGES) entries in all pools together; one network takes the place of many"
  }

  /// How many more entries the pools may have.
  public func localAddressRoom() throws(DirectorError) -> Int {
    try locked { () throws(DirectorError) in
      guard let tables else { return Int(SVS_LOCAL_RANGES) }
      return (0..<Int(SVS_LOCAL_RANGES)).count { tables.localRanges[$0].isFree }
    }
  }

  /// The ranges of a pool that are leased from.
  private func standing(
    in pool: UInt32, _ tables: Tables, where isMeant: (LocalAddresses) -> Bool
  ) -> Set<Int> {
    Set(
      (0..<Int(SVS_LOCAL_RANGES)).filter { index in
        let range = tables.localRanges[index]
        return range.pointee.status == SVS_LIVE && range.pointee.is_own == 0 && range.pointee.pool == pool
          && isMeant(range.addresses)
      })
  }

  /// All ranges that are leased from: those that the operator has named, or those that the director took of itself.
  func localAddresses(isNamed: Bool, _ tables: Tables) -> [LocalAddresses] {
    (0..<Int(SVS_LOCAL_RANGES)).compactMap { index in
      let range = tables.localRanges[index]
      return range.pointee.status == SVS_LIVE && (range.pointee.is_own == 0) == isNamed ? range.addresses : nil
    }
  }

  /// Takes addresses out of a pool, whatever their ports; connections that use them go on.
  public func deleteLocalAddresses(_ network: IPPrefix, of service: ServiceIdentity?) throws(DirectorError) {
    try deleteLocalAddresses(of: service) { $0.network == network }
  }

  /// Takes addresses with these very ports out of a pool; connections that use them go on.
  public func deleteLocalAddresses(_ addresses: LocalAddresses, of service: ServiceIdentity?) throws(DirectorError) {
    try deleteLocalAddresses(of: service) { $0 == addresses }
  }

  private func deleteLocalAddresses(
    of service: ServiceIdentity?, where isMeant: (LocalAddresses) -> Bool
  ) throws(DirectorError) {
    try locked { () throws(DirectorError) in
      guard let tables else { throw .noSuchLocalAddress }
      let pool = try pool(of: service, tables)
      let leaving = standing(in: pool, tables, where: isMeant)
      guard !leaving.isEmpty else { throw .noSuchLocalAddress }
      try upkeep(tables)
      try linkLocalAddresses(tables, without: leaving)
      rulesChanged(tables)
    }
  }

  /// All addresses that FULLNAT leases from, or still has leased.
  public func localAddresses() throws(DirectorError) -> [LocalAddressSnapshot] {
    try locked { () throws(DirectorError) -> [LocalAddressSnapshot] in
      guard let tables else { return [] }
      let fullest = try fullestServers(tables)
      var snapshots: [LocalAddressSnapshot] = []
      for index in 0..<UInt32(SVS_LOCAL_RANGES) {
        let range = tables.localRanges[Int(index)]
        if range.isFree { continue }
        var service: ServiceIdentity?
        if range.pointee.pool != 0 {
          service = try tables.services.record(range.pointee.pool - 1).pointee.key.identity
        }
        snapshots.append(
          LocalAddressSnapshot(
            addresses: range.addresses, service: service, isImplicit: range.pointee.is_own != 0,
            used: range.pointee.used, isLeaving: range.pointee.status != SVS_LIVE,
            exhausted: range.pointee.exhausted, fullest: fullest[index] ?? 0))
      }
      // A server's other connections, by another method or another pool, or with ports that leave, hold none of these
      // places.
      for position in snapshots.indices {
        let own = snapshots[position]
        let used = snapshots.lazy
          .filter { $0.service == own.service && $0.isImplicit == own.isImplicit && $0.isLeaving == own.isLeaving }
          .reduce(0) { $0 + $1.used }
        snapshots[position].fullest = min(own.fullest, used)
      }
      return snapshots
    }
  }

  /// Gives a server the addresses that it is asked from. To be called inside the lock, before packets can find it.
  func giveLocalAddresses(
    _ server: UnsafeMutablePointer<svs_server>, _ method: ForwardingMethod, _ tables: Tables
  ) throws(DirectorError) {
    // A server that has another method now may have connections still, but leases no more.
    guard method == .fullNAT else { return }
    // Connections keep there what they were leased, by their slots.
    let slots = tables.config.pointee.connection_capacity
    for first in stride(from: 0, to: slots, by: Int(SVS_EXCHANGE_CHUNK_SIZE)) {
      try tables.exchanges.reserve(UInt32(first))
    }
    server.pointee.local = try head(for: server, tables)
  }

  /// Takes the addresses of a service that is no more out of service; whoever restores it in the same sitting finds them.
  func removeLocalAddresses(of service: UInt32, _ identity: ServiceIdentity?, _ tables: Tables) {
    for index in 0..<Int(SVS_LOCAL_RANGES) {
      let range = tables.localRanges[index]
      guard range.pointee.pool == service + 1, range.pointee.status == SVS_LIVE else { continue }
      range.pointee.status = UInt8(SVS_REMOVED)
      if let identity { orphanedPools[identity, default: []].append((index, range.addresses)) }
    }
  }

  /// Gives a service that is made anew the addresses that it had before this process removed it.
  func adoptLocalAddresses(of service: UInt32, _ identity: ServiceIdentity, _ tables: Tables) throws(DirectorError) {
    guard let pool = orphanedPools.removeValue(forKey: identity) else { return }
    for (index, addresses) in pool {
      let range = tables.localRanges[index]
      guard range.pointee.status != SVS_LIVE, range.addresses == addresses else { continue }
      range.pointee.pool = service + 1
      range.pointee.status = UInt8(SVS_LIVE)
    }
    try linkLocalAddresses(tables)
  }

  private func pool(of service: ServiceIdentity?, _ tables: Tables) throws(DirectorError) -> UInt32 {
    guard let service else { return 0 }
    guard let (index, _) = try find(service, tables) else { throw .noSuchService }
    return index + 1
  }

  /// Chains each pool's ranges, and shows every FULLNAT server its pool's first.
  ///
  /// - Parameter leaving: ranges that go out of service. They go last of all, when no server looks there any more: one
  ///   that did would refuse its clients.
  private func linkLocalAddresses(_ tables: Tables, without leaving: Set<Int> = []) throws(DirectorError) {
    for index in (0..<Int(SVS_LOCAL_RANGES)).reversed() {
      let range = tables.localRanges[index]
      // One that leaves stays chained: whoever is on the way along it comes to those that stay.
      guard range.pointee.status == SVS_LIVE, range.pointee.is_own == 0 else { continue }
      range.pointee.next = following(index, tables, without: leaving)
    }
    for index in 0..<tables.config.pointee.servers_used {
      let server = try tables.servers.record(index)
      guard server.pointee.status == SVS_LIVE, server.pointee.method == ForwardingMethod.fullNAT.rawValue else {
        continue
      }
      server.pointee.local = try head(for: server, tables, without: leaving)
    }
    for index in leaving { tables.localRanges[index].pointee.status = UInt8(SVS_REMOVED) }
    try retireOwnAddresses(tables)
  }

  /// Takes own addresses out of service that no server is asked from any more.
  private func retireOwnAddresses(_ tables: Tables) throws(DirectorError) {
    var isUsed = Set<UInt32>()
    for index in 0..<tables.config.pointee.servers_used {
      let server = try tables.servers.record(index)
      if server.pointee.status == SVS_LIVE, server.pointee.local != 0 { isUsed.insert(server.pointee.local - 1) }
    }
    for index in 0..<UInt32(SVS_LOCAL_RANGES) where !isUsed.contains(index) {
      let range = tables.localRanges[Int(index)]
      if range.pointee.is_own != 0 { range.pointee.status = UInt8(SVS_REMOVED) }
    }
  }

  /// The number + 1 of the next range of the same pool and family; 0 behind the last.
  private func following(_ index: Int, _ tables: Tables, without leaving: Set<Int>) -> UInt32 {
    let own = tables.localRanges[index].pointee
    for next in index + 1..<Int(SVS_LOCAL_RANGES) where !leaving.contains(next) {
      let range = tables.localRanges[next].pointee
      if range.status == SVS_LIVE, range.is_own == 0, range.pool == own.pool, range.family == own.family {
        return UInt32(next) + 1
      }
    }
    return 0
  }

  private func head(
    for server: UnsafeMutablePointer<svs_server>, _ tables: Tables, without leaving: Set<Int> = []
  ) throws(DirectorError) -> UInt32 {
    for pool in [server.pointee.service + 1, 0] {
      for index in 0..<Int(SVS_LOCAL_RANGES) where !leaving.contains(index) {
        let range = tables.localRanges[index].pointee
        if range.status == SVS_LIVE, range.is_own == 0, range.pool == pool, range.family == server.pointee.family {
          return UInt32(index) + 1
        }
      }
    }
    return try ownAddress(towards: server, tables, without: leaving)
  }

  /// The address that the kernel would ask the server from, as a range of its own; 0 where there is no route.
  private func ownAddress(
    towards server: UnsafeMutablePointer<svs_server>, _ tables: Tables, without leaving: Set<Int>
  ) throws(DirectorError) -> UInt32 {
    let destination = server.endpoint.address
    var source: IPAddress?
    if isSimulated {
      source = IPAddress(destination.family == .ipv4 ? "198.18.0.1" : "2001:db8:ffff::1")
    } else if let netlink = try? NetlinkSocket() {
      source = try? netlink.route(to: destination).source
    }
    guard let source else { return 0 }
    let addresses = LocalAddresses(IPPrefix(source), ports: LocalAddresses.ownPorts)
    var free: UInt32?
    for index in 0..<UInt32(SVS_LOCAL_RANGES) {
      let range = tables.localRanges[Int(index)]
      if range.pointee.is_own != 0, range.pointee.status == SVS_LIVE, range.addresses == addresses,
        !leaving.contains(Int(index))
      {
        return index + 1
      }
      if free == nil, range.isFree { free = index }
    }
    guard let free else { throw .full(what: Self.localRanges) }
    tables.localRanges[Int(free)].write(addresses, pool: 0, isOwn: true)
    return free + 1
  }

  /// For each range that heads a pool, the connections of the server that has the most.
  private func fullestServers(_ tables: Tables) throws(DirectorError) -> [UInt32: UInt32] {
    var fullest: [UInt32: UInt32] = [:]
    for index in 0..<tables.config.pointee.servers_used {
      let server = try tables.servers.record(index)
      guard server.pointee.status == SVS_LIVE, server.pointee.local != 0 else { continue }
      let held = server.pointee.active &+ server.pointee.inactive
      fullest[server.pointee.local - 1] = max(held, fullest[server.pointee.local - 1] ?? 0)
    }
    return fullest
  }
}

extension UnsafeMutablePointer where Pointee == svs_local_range {
  /// Whether the record holds nothing, not even for connections that go on.
  fileprivate var isFree: Bool { pointee.status != SVS_LIVE && pointee.used == 0 }

  fileprivate var addresses: LocalAddresses {
    let address = pointee.first.address(pointee.family)
    let length = UInt8(address.bitWidth - Int(pointee.bits))
    let last = pointee.first_port + UInt16(pointee.ports - 1)
    return LocalAddresses(IPPrefix(address, length: length), ports: pointee.first_port...last)
  }

  fileprivate func write(_ addresses: LocalAddresses, pool: UInt32, isOwn: Bool) {
    pointee = svs_local_range()
    pointee.first = svs_addr(addresses.network.address)
    pointee.family = addresses.network.address.family.rawValue
    pointee.bits = UInt8(addresses.bits)
    pointee.is_own = isOwn ? 1 : 0
    pointee.first_port = addresses.ports.lowerBound
    pointee.ports = UInt32(addresses.ports.count)
    pointee.pool = pool
    // Two directors behind each other, or one that was made anew, do not begin with the same port.
    pointee.cursor = UInt64.random(in: 0..<addresses.places)
    pointee.status = UInt8(SVS_LIVE)
  }
}
