import DataplaneTypes
import Glibc
import Netlink

extension Director {
  public func addServer(
    _ server: Endpoint, _ settings: ServerSettings, to service: ServiceIdentity
  ) throws(DirectorError) {
    try locked { () throws(DirectorError) in
      guard let tables, let (index, record) = try find(service, tables) else { throw .noSuchService }
      try check(server, settings, service)
      if try find(server, in: record, index, tables) != nil { throw .serverExists }
      guard try isServerAddress(server.address) else { throw .invalidServer }
      try upkeep(tables)
      defer { rulesChanged(tables) }
      let key = record.pointee.key
      let number: UInt32
      if let old = try findRemoved(server, key, tables) {
        // A server that returns finds the connections it had.
        number = old
      } else {
        number = try allocateServer(tables)
        let fresh = try tables.servers.record(number)
        // What lblc and lblcr remember holds for a server that returns, and for no other in its place.
        let returns = fresh.pointee.home == key && fresh.isAt(server)
        let incarnation = fresh.pointee.incarnation &+ (returns ? 0 : 1)
        fresh.clear()
        fresh.pointee.incarnation = incarnation & 0x7ff
        fresh.pointee.zero = tables.serverCounters.read(number)
      }
      let entry = try tables.servers.record(number)
      entry.pointee.service = index
      entry.pointee.addr = svs_addr(server.address)
      entry.pointee.port = server.port.bigEndian
      entry.pointee.family = server.address.family.rawValue
      entry.pointee.home = key
      entry.pointee.last_weight = 0
      entry.write(settings, now: tables.now)
      entry.pointee.tunnel_source = source(towards: server.address, settings)
      try giveLocalAddresses(entry, settings.method, tables)
      entry.pointee.joined = tables.serverCounters.read(number)
      entry.pointee.next = record.pointee.first
      if record.pointee.first == 0 { preferSource(of: key, towards: server.address, tables) }
      entry.pointee.status = UInt32(SVS_LIVE)
      record.pointee.server_count += 1
      // From here on the scheduler sees it: at the head of the list, as IPVS puts new servers.
      record.pointee.first = number + 1
      ledger.longLists[index]?.insert(number, entry)
      // What cannot be steered is a server all the same, and can be removed.
      try steerReplies(of: entry, tables)
      try serversChanged(index, record, tables)
      remarkOnClash(of: server.address, settings.method, tables)
    }
  }

  public func editServer(
    _ server: Endpoint, _ settings: ServerSettings, of service: ServiceIdentity
  ) throws(DirectorError) {
    try locked { () throws(DirectorError) in
      guard let tables, let (index, record) = try find(service, tables) else { throw .noSuchService }
      try check(server, settings, service)
      guard let (_, entry) = try find(server, in: record, index, tables) else { throw .noSuchServer }
      try upkeep(tables)
      defer { rulesChanged(tables) }
      // Before the method: whoever sees FULLNAT finds where to lease from.
      try giveLocalAddresses(entry, settings.method, tables)
      let wasLocal = entry.isLocal
      ledger.longLists[index]?.weightChanged(from: entry.pointee.weight, to: Int32(clamping: settings.weight))
      entry.write(settings, now: tables.now)
      entry.pointee.tunnel_source = source(towards: server.address, settings)
      try steerReplies(of: entry, wasLocal: wasLocal, tables)
      try serversChanged(index, record, tables)
    }
  }

  public func deleteServer(_ server: Endpoint, of service: ServiceIdentity) throws(DirectorError) {
    try locked { () throws(DirectorError) in
      guard let tables, let (index, record) = try find(service, tables) else { throw .noSuchService }
      guard let (number, entry) = try find(server, in: record, index, tables) else { throw .noSuchServer }
      try upkeep(tables)
      defer { rulesChanged(tables) }
      let previous = try predecessor(of: number, in: record, index, tables)
      if previous == 0 {
        record.pointee.first = entry.pointee.next
      } else {
        try tables.servers.record(previous - 1).pointee.next = entry.pointee.next
      }
      if record.pointee.server_count > 0 { record.pointee.server_count -= 1 }
      // A turn that stood at this server stands at the one before it now.
      if UInt32(truncatingIfNeeded: record.pointee.cursor) == number + 1 {
        record.pointee.cursor = record.pointee.cursor & ~0xffff_ffff | UInt64(previous)
      }
      entry.retire(from: record.pointee.key)
      record.pointee.carried += tables.serverCounters.read(number) - entry.pointee.joined
      ledger.longLists[index]?.remove(number, entry, behind: previous)
      ledger.retired(number, entry)
      try steerReplies(of: entry, tables)
      try serversChanged(index, record, tables)
    }
  }

  /// The server of a service that stands at an address and port.
  func find(
    _ server: Endpoint, in service: UnsafeMutablePointer<svs_service>, _ index: UInt32, _ tables: Tables
  ) throws(DirectorError) -> (UInt32, UnsafeMutablePointer<svs_server>)? {
    if try listIsLong(service, index, tables) {
      guard let number = ledger.longLists[index]?.numbers[server] else { return nil }
      return (number, try tables.servers.record(number))
    }
    let wanted = svs_addr(server.address)
    var next = service.pointee.first
    while next != 0 {
      let entry = try tables.servers.record(next - 1)
      if entry.isAt(wanted, server) { return (next - 1, entry) }
      next = entry.pointee.next
    }
    return nil
  }

  /// Index + 1 of the server before one in its service's list, 0 for the first.
  private func predecessor(
    of number: UInt32, in service: UnsafeMutablePointer<svs_service>, _ index: UInt32, _ tables: Tables
  ) throws(DirectorError) -> UInt32 {
    if try listIsLong(service, index, tables) { return ledger.longLists[index]?.previous[number] ?? 0 }
    var previous: UInt32 = 0
    var next = service.pointee.first
    while next != 0, next != number + 1 {
      previous = next
      next = try tables.servers.record(next - 1).pointee.next
    }
    return previous
  }

  /// Whether a service has so many servers that its list is gone through once in a sitting, not for each command.
  private func listIsLong(
    _ service: UnsafeMutablePointer<svs_service>, _ index: UInt32, _ tables: Tables
  ) throws(DirectorError) -> Bool {
    guard isSitting else { return false }
    if ledger.longLists[index] != nil { return true }
    guard service.pointee.server_count >= LongList.length else { return false }
    var list = LongList()
    var next = service.pointee.first
    while next != 0 {
      let entry = try tables.servers.record(next - 1)
      list.append(next - 1, entry)
      next = entry.pointee.next
    }
    ledger.longLists[index] = list
    return true
  }

  /// A removed server of the same service that connections still refer to.
  private func findRemoved(
    _ server: Endpoint, _ key: svs_service_key, _ tables: Tables
  ) throws(DirectorError) -> UInt32? {
    try surveyServers(tables)
    guard let service = key.identity,
      let number = ledger.removedServers?.removeValue(forKey: Ledger.Former(service: service, server: server))
    else { return nil }
    return try tables.servers.record(number).pointee.status == SVS_REMOVED ? number : nil
  }

  private func check(
    _ server: Endpoint, _ settings: ServerSettings, _ service: ServiceIdentity
  ) throws(DirectorError) {
    let family: IPAddress.Family
    switch service {
    case .address(_, let endpoint): family = endpoint.address.family
    case .mark(_, let marked): family = marked
    }
    // Connections of mixed families cannot be told to other directors: as with IPVS there are none beside a daemon.
    if server.address.family != family {
      guard settings.method == .tunnel || settings.method == .fullNAT, !hasSyncDaemon else { throw .familyMismatch }
    }
    if settings.lowerThreshold > settings.upperThreshold { throw .thresholdOrder }
  }

  /// Whether a real server may have this address: as IPVS has it, one that stands for a single host.
  private func isServerAddress(_ address: IPAddress) throws(DirectorError) -> Bool {
    let bytes = address.bytes
    if address.family == .ipv4 {
      if bytes == [0, 0, 0, 0] || bytes == [255, 255, 255, 255] || bytes[0] & 0xf0 == 0xe0 { return false }
      return !broadcastAddresses().contains(address)
    }
    if bytes.allSatisfy({ $0 == 0 }) || bytes[0] == 0xff { return false }
    if bytes[..<12].elementsEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255]) { return false }
    guard address.isLinkLocal, !isSimulated else { return true }
    let own = try? NetlinkSocket().addresses()
    return own?.contains { $0.prefix.address == address } ?? false
  }

  /// The broadcast addresses of this host's networks, as the kernel's local table (255) has them.
  func broadcastAddresses() -> Set<IPAddress> {
    if isSimulated { return [] }
    if ledger.broadcastAddresses == nil { readLocalTable() }
    return ledger.broadcastAddresses ?? []
  }

  /// Whether the address is this host's own, and no loopback's, which is nowhere to go for what came by a wire.
  func isOwn(_ address: IPAddress) -> Bool {
    if isSimulated { return false }
    if ledger.ownAddresses == nil { readLocalTable() }
    return ledger.ownAddresses?.contains(address) ?? false
  }

  private func readLocalTable() {
    let routes = (try? NetlinkSocket().routes(table: 255)) ?? []
    ledger.broadcastAddresses = Set(routes.lazy.filter { $0.kind == .broadcast }.map(\.destination.address))
    let own = routes.lazy.filter { $0.kind == .local && $0.destination.length == $0.destination.address.bitWidth }
    ledger.ownAddresses = Set(own.map(\.destination.address).filter { !$0.isLoopback })
  }

  /// The address that the kernel would send a tunnel's packets from; the packet path falls back where there is none.
  /// Under NAT the server's own address, where it is this host's.
  private func source(towards server: IPAddress, _ settings: ServerSettings) -> svs_addr {
    if settings.method == .nat { return isOwn(server) ? svs_addr(server) : svs_addr() }
    guard settings.method == .tunnel, !isSimulated, let netlink = try? NetlinkSocket(),
      let source = try? netlink.route(to: server).source
    else { return svs_addr() }
    return svs_addr(source)
  }
}

extension UnsafeMutablePointer where Pointee == svs_server {
  /// Clears what an operator sets of a record that is to be another server's.
  ///
  /// Not what the packet path counts: a packet that chose the server before it was removed may count a connection for it
  /// even now, and will take it back when that ends.
  func clear() {
    let counts = MemoryLayout<svs_server>.offset(of: \.active) ?? 0
    let behind = MemoryLayout<svs_server>.offset(of: \.overloaded) ?? 0
    let bytes = UnsafeMutableRawPointer(self)
    memset(bytes, 0, counts)
    memset(bytes + behind, 0, MemoryLayout<svs_server>.size - behind)
  }

  /// Takes the server out of service; connections that refer to it keep its record.
  func retire(from home: svs_service_key) {
    pointee.home = home
    pointee.status = UInt32(SVS_REMOVED)
  }
}
