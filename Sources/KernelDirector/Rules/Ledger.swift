import DataplaneTypes
import Netlink

/// What a process knows of the records that are free for use.
///
/// It costs a look at every record, so it is made once and kept as long as nobody else changes the rules.
struct Ledger {
  /// The rules' generation this holds for.
  var generation: UInt32 = 0
  var freeServices: [UInt32]?
  var freeServers: [UInt32]?
  var freeTables: [UInt32]?
  /// Removed servers that connections still refer to.
  var removedServers: [UInt32]?
  var broadcastAddresses: Set<IPAddress>?

  init(generation: UInt32 = 0) { self.generation = generation }
}

extension Director {
  /// A service record that is free, its chunk and counters there.
  func allocateService(_ tables: Tables) throws(DirectorError) -> UInt32 {
    if ledger.freeServices == nil {
      let inUse = try drainingServices(tables)
      var free: [UInt32] = []
      for index in 0..<tables.config.pointee.services_used {
        let record = try tables.services.record(index)
        if record.pointee.status == SVS_FREE || (record.pointee.status == SVS_REMOVED && !inUse.contains(index)) {
          free.append(index)
        }
      }
      ledger.freeServices = free
    }
    if let index = ledger.freeServices?.popLast() { return index }
    let index = tables.config.pointee.services_used
    try tables.services.reserve(index)
    tables.config.pointee.services_used = index + 1
    return index
  }

  /// Services that connections of removed servers still count for.
  private func drainingServices(_ tables: Tables) throws(DirectorError) -> Set<UInt32> {
    var services: Set<UInt32> = []
    for index in 0..<tables.config.pointee.servers_used {
      let server = try tables.servers.record(index)
      if server.pointee.status == SVS_REMOVED, server.isDraining { services.insert(server.pointee.service) }
    }
    return services
  }

  /// A server record that is free: never one that connections still refer to.
  func allocateServer(_ tables: Tables) throws(DirectorError) -> UInt32 {
    if ledger.freeServers == nil {
      var free: [UInt32] = []
      for index in 0..<tables.config.pointee.servers_used {
        let record = try tables.servers.record(index)
        if record.pointee.status == SVS_FREE || (record.pointee.status == SVS_REMOVED && !record.isDraining) {
          free.append(index)
        }
      }
      ledger.freeServers = free
    }
    if let index = ledger.freeServers?.popLast() { return index }
    let index = tables.config.pointee.servers_used
    try tables.servers.reserve(index)
    try tables.serverCounters.reserve(index)
    tables.config.pointee.servers_used = index + 1
    return index
  }

  /// A hash table that no service points to.
  func allocateTable(_ tables: Tables) throws(DirectorError) -> UInt32 {
    if ledger.freeTables == nil {
      var used: Set<UInt32> = []
      for index in 0..<tables.config.pointee.services_used {
        let service = try tables.services.record(index)
        if service.pointee.status == SVS_LIVE { used.insert(service.pointee.table) }
      }
      ledger.freeTables = (0..<tables.config.pointee.tables_used).filter { !used.contains($0 + 1) }
    }
    if let index = ledger.freeTables?.popLast() { return index }
    let index = tables.config.pointee.tables_used
    try tables.hashTables.reserve(index)
    tables.config.pointee.tables_used = index + 1
    return index
  }
}

extension UnsafeMutablePointer where Pointee == svs_server {
  /// Whether connections still refer to the server.
  var isDraining: Bool { pointee.active &+ pointee.inactive != 0 }
}
