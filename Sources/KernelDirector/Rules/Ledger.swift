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
  /// This host's addresses but for the loopback's.
  var ownAddresses: Set<IPAddress>?
  /// The routing rules as this process has brought them in line.
  var steered: [IPAddress.Family: Steering.Wish] = [:]

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

  /// The servers that services' lists lead to.
  private func linkedServers(_ tables: Tables) throws(DirectorError) -> Set<UInt32> {
    var linked: Set<UInt32> = []
    for index in 0..<tables.config.pointee.services_used {
      let service = try tables.services.record(index)
      guard service.pointee.status == SVS_LIVE else { continue }
      var next = service.pointee.first
      while next != 0, linked.insert(next - 1).inserted {
        next = try tables.servers.record(next - 1).pointee.next
      }
    }
    return linked
  }

  /// A server record that is free: never one that connections still refer to.
  func allocateServer(_ tables: Tables) throws(DirectorError) -> UInt32 {
    if ledger.freeServers == nil {
      let linked = try linkedServers(tables)
      var free: [UInt32] = []
      for index in 0..<tables.config.pointee.servers_used {
        let record = try tables.servers.record(index)
        // A command that was killed may have left a server that no list leads to.
        if record.pointee.status == SVS_LIVE, !linked.contains(index) { record.retire(from: record.pointee.home) }
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

  /// Writes a hash table of servers into records that no service points to; the index of the first.
  func store(_ buckets: [UInt32], _ tables: Tables) throws(DirectorError) -> UInt32 {
    let size = Int(SVS_TABLE_BUCKETS)
    let first = try allocateTables((buckets.count + size - 1) / size, tables)
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

  /// So many free table records side by side, all in one chunk: their number divides a chunk's, and so does their place.
  private func allocateTables(_ count: Int, _ tables: Tables) throws(DirectorError) -> UInt32 {
    if ledger.freeTables == nil { ledger.freeTables = try freeTables(tables) }
    if count == 1, let index = ledger.freeTables?.popLast() { return index }
    let step = UInt32(count)
    if count > 1, let free = ledger.freeTables {
      let known = Set(free)
      if let first = free.first(where: { $0 % step == 0 && ($0..<$0 + step).allSatisfy(known.contains) }) {
        ledger.freeTables?.removeAll { (first..<first + step).contains($0) }
        return first
      }
    }
    let used = tables.config.pointee.tables_used
    let first = (used + step - 1) / step * step
    for index in used..<first + step { try tables.hashTables.reserve(index) }
    tables.config.pointee.tables_used = first + step
    ledger.freeTables?.append(contentsOf: used..<first)
    return first
  }

  private func freeTables(_ tables: Tables) throws(DirectorError) -> [UInt32] {
    var free = Set(0..<tables.config.pointee.tables_used)
    for index in 0..<tables.config.pointee.services_used {
      let service = try tables.services.record(index)
      guard service.pointee.status == SVS_LIVE, service.pointee.table != 0 else { continue }
      let first = service.pointee.table - 1
      free.subtract(first..<first + SchedulerNames.tableRecords(service.pointee.scheduler))
    }
    return free.sorted()
  }
}

extension UnsafeMutablePointer where Pointee == svs_server {
  /// Whether connections or templates still refer to the server.
  var isDraining: Bool { pointee.active &+ pointee.inactive != 0 || pointee.persistent != 0 }
}
