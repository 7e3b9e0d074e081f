import DataplaneTypes
import Netlink

/// What a process knows of the rules beyond what a look at one record tells.
///
/// It costs a look at every record, so it is made once and kept as long as nobody else changes the rules.
struct Ledger {
  /// The rules' generation this holds for.
  var generation: UInt32 = 0
  var freeServices: FreeRecords?
  var freeServers: FreeRecords?
  var freeTables: FreeTables?
  /// Removed servers that connections still refer to.
  var removedServers: [Former: UInt32]?
  /// The servers of services that have many of them, in a sitting.
  var longLists: [UInt32: LongList] = [:]
  var broadcastAddresses: Set<IPAddress>?
  /// The routing rules as this process has brought them in line.
  var steered: [IPAddress.Family: Steering.Wish] = [:]
  /// VIPs whose routes are there.
  var steeredVIPs: Set<IPAddress> = []

  init(generation: UInt32 = 0) { self.generation = generation }

  /// A server that was removed from a service.
  struct Former: Hashable {
    var service: ServiceIdentity
    var server: Endpoint
  }
}

extension Ledger.Former {
  /// Nil where the record tells of no service that could be.
  init?(_ server: UnsafeMutablePointer<svs_server>) {
    guard let service = server.pointee.home.identity else { return nil }
    self.init(service: service, server: server.endpoint)
  }
}

/// Numbers of records that may be used again. What came back last is used last: no packet looks at it any more then.
struct FreeRecords {
  private var ready: [UInt32]
  private var late: [UInt32] = []

  init(_ ready: [UInt32]) { self.ready = ready }

  mutating func giveBack(_ index: UInt32) { late.append(index) }

  mutating func take() -> UInt32? {
    if ready.isEmpty {
      ready = late.reversed()
      late = []
    }
    return ready.popLast()
  }
}

/// Free records of hash tables: single ones, and runs of as many as the largest table takes, side by side in one chunk.
struct FreeTables {
  /// Their number divides a chunk's, and so does their place.
  static let run = SchedulerNames.largestTable

  private var singles: FreeRecords
  private var runs: FreeRecords

  /// - Parameter free: in rising order.
  init(_ free: [UInt32]) {
    var (singles, runs): ([UInt32], [UInt32]) = ([], [])
    var position = 0
    while position < free.count {
      let first = free[position]
      let last = position + Int(Self.run) - 1
      if first % Self.run == 0, last < free.count, free[last] == first + Self.run - 1 {
        runs.append(first)
        position = last + 1
      } else {
        singles.append(first)
        position += 1
      }
    }
    self.singles = FreeRecords(singles)
    self.runs = FreeRecords(runs)
  }

  mutating func take(_ count: UInt32) -> UInt32? {
    if count > 1 { return runs.take() }
    if let single = singles.take() { return single }
    guard let first = runs.take() else { return nil }
    for index in first + 1..<first + Self.run { singles.giveBack(index) }
    return first
  }

  mutating func giveBack(_ first: UInt32, _ count: UInt32) {
    if count == Self.run { return runs.giveBack(first) }
    for index in first..<first + count { singles.giveBack(index) }
  }
}

extension Ledger {
  /// A server's record is in no list any more.
  mutating func retired(_ number: UInt32, _ record: UnsafeMutablePointer<svs_server>) {
    if !record.isDraining {
      freeServers?.giveBack(number)
    } else if removedServers != nil, let former = Former(record), removedServers?[former] == nil {
      removedServers?[former] = number
    }
  }

  /// A service's record is found by nobody any more.
  ///
  /// - Parameter isReferredTo: connections of its servers count for it still.
  mutating func retired(_ index: UInt32, _ record: UnsafeMutablePointer<svs_service>, isReferredTo: Bool) {
    if !isReferredTo { freeServices?.giveBack(index) }
    longLists[index] = nil
    guard record.pointee.table != 0 else { return }
    freeTables?.giveBack(record.pointee.table - 1, SchedulerNames.tableRecords(record.pointee.scheduler))
  }
}
