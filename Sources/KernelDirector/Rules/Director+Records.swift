import DataplaneTypes

/// Finds records that are free for use.
extension Director {
  /// A service record that is free, its chunk there.
  func allocateService(_ tables: Tables) throws(DirectorError) -> UInt32 {
    if ledger.freeServices == nil {
      let inUse = try drainingServices(tables)
      var free: [UInt32] = []
      for index in 0..<tables.config.pointee.services_used {
        let record = try tables.services.record(index)
        if record.pointee.status == SVS_FREE || (record.pointee.status == SVS_REMOVED && !inUse[Int(index)]) {
          free.append(index)
        }
      }
      ledger.freeServices = FreeRecords(free)
    }
    if let index = ledger.freeServices?.take() { return index }
    let index = tables.config.pointee.services_used
    try tables.services.reserve(index)
    tables.config.pointee.services_used = index + 1
    return index
  }

  /// Whether connections of removed servers still count for a service, by its number.
  private func drainingServices(_ tables: Tables) throws(DirectorError) -> [Bool] {
    var services = [Bool](repeating: false, count: Int(tables.config.pointee.services_used))
    for index in 0..<tables.config.pointee.servers_used {
      let server = try tables.servers.record(index)
      guard server.pointee.status == SVS_REMOVED, server.isDraining else { continue }
      let service = Int(server.pointee.service)
      if service < services.count { services[service] = true }
    }
    return services
  }

  /// Whether a service's list leads to a server, by its number.
  private func linkedServers(_ tables: Tables) throws(DirectorError) -> [Bool] {
    var linked = [Bool](repeating: false, count: Int(tables.config.pointee.servers_used))
    for index in 0..<tables.config.pointee.services_used {
      let service = try tables.services.record(index)
      guard service.pointee.status == SVS_LIVE else { continue }
      var next = service.pointee.first
      while next != 0, Int(next) <= linked.count, !linked[Int(next - 1)] {
        linked[Int(next - 1)] = true
        next = try tables.servers.record(next - 1).pointee.next
      }
    }
    return linked
  }

  /// Looks through all servers' records for those that are free, and those that a server may return to.
  func surveyServers(_ tables: Tables) throws(DirectorError) {
    if ledger.freeServers != nil, ledger.removedServers != nil { return }
    var free: [UInt32] = []
    var removed: [Ledger.Former: UInt32] = [:]
    let linked = try unlinkedServersExist(tables) ? try linkedServers(tables) : []
    for index in 0..<tables.config.pointee.servers_used {
      let record = try tables.servers.record(index)
      // A command that was killed may have left a server that no list leads to.
      if record.pointee.status == SVS_LIVE {
        if linked.isEmpty || linked[Int(index)] { continue }
        record.retire(from: record.pointee.home)
      }
      if record.pointee.status == SVS_FREE || !record.isDraining {
        free.append(index)
      } else if let former = Ledger.Former(record), removed[former] == nil {
        removed[former] = index
      }
    }
    ledger.freeServers = FreeRecords(free)
    ledger.removedServers = removed
  }

  /// Whether there are more live records than services count, or less; services' lists then tell which they are.
  private func unlinkedServersExist(_ tables: Tables) throws(DirectorError) -> Bool {
    var counted: UInt64 = 0
    for index in 0..<tables.config.pointee.services_used {
      let service = try tables.services.record(index)
      if service.pointee.status == SVS_LIVE { counted += UInt64(service.pointee.server_count) }
    }
    var live: UInt64 = 0
    for index in 0..<tables.config.pointee.servers_used {
      if try tables.servers.record(index).pointee.status == SVS_LIVE { live += 1 }
    }
    return live != counted
  }

  /// A server record that is free, its chunk and counters there: never one that connections still refer to.
  func allocateServer(_ tables: Tables) throws(DirectorError) -> UInt32 {
    try surveyServers(tables)
    while let index = ledger.freeServers?.take() {
      let record = try tables.servers.record(index)
      if !record.isDraining { return index }
      // A packet had chosen it before it went, and entered its connection after that.
      ledger.retired(index, record)
    }
    let index = tables.config.pointee.servers_used
    try tables.servers.reserve(index)
    try tables.serverCounters.reserve(index)
    tables.config.pointee.servers_used = index + 1
    return index
  }

  /// Writes a hash table of servers into records that no service points to; the index of the first.
  func store(_ buckets: [UInt32], _ tables: Tables) throws(DirectorError) -> UInt32 {
    let size = Int(SVS_TABLE_BUCKETS)
    let first = try allocateTables(UInt32((buckets.count + size - 1) / size), tables)
    for start in stride(from: 0, to: buckets.count, by: size) {
      let table = try tables.hashTables.record(first + UInt32(start / size))
      withUnsafeMutableBytes(of: &table.pointee.bucket) { bytes in
        bytes.initializeMemory(as: UInt8.self, repeating: 0)
        for (i, server) in buckets[start...].prefix(size).enumerated() {
          bytes.storeBytes(of: server, toByteOffset: i * 4, as: UInt32.self)
        }
      }
    }
    return first
  }

  /// So many free table records side by side.
  private func allocateTables(_ count: UInt32, _ tables: Tables) throws(DirectorError) -> UInt32 {
    if ledger.freeTables == nil { ledger.freeTables = try freeTables(tables) }
    if let first = ledger.freeTables?.take(count) { return first }
    let used = tables.config.pointee.tables_used
    let first = (used + count - 1) / count * count
    for index in used..<first + count { try tables.hashTables.reserve(index) }
    tables.config.pointee.tables_used = first + count
    for index in used..<first { ledger.freeTables?.giveBack(index, 1) }
    return first
  }

  private func freeTables(_ tables: Tables) throws(DirectorError) -> FreeTables {
    var isFree = [Bool](repeating: true, count: Int(tables.config.pointee.tables_used))
    for index in 0..<tables.config.pointee.services_used {
      let service = try tables.services.record(index)
      guard service.pointee.status == SVS_LIVE, service.pointee.table != 0 else { continue }
      let first = Int(service.pointee.table - 1)
      let count = Int(SchedulerNames.tableRecords(service.pointee.scheduler))
      for table in first..<first + count where table < isFree.count { isFree[table] = false }
    }
    return FreeTables(isFree.indices.filter { isFree[$0] }.map { UInt32($0) })
  }
}

extension UnsafeMutablePointer where Pointee == svs_server {
  /// Whether connections or templates still refer to the server.
  var isDraining: Bool { pointee.active &+ pointee.inactive != 0 || pointee.persistent != 0 }
}
