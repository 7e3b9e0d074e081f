import CLibbpf
import DataplaneTypes
import Glibc
import Netlink

/// What a sitting of many commands does once for several of them: work that goes over all servers or all services.
///
/// It waits ten times as long as it took the last time, so it takes a tenth of a restore at most, and what packets see
/// is never older than that. A mark in the tables tells of it until it is done: if this process is killed, the next
/// command that changes something does it.
struct Backlog {
  /// Services whose tables of servers are to be made anew.
  var services: Set<UInt32> = []
  /// Families whose routing rules are to be brought in line.
  var families: Set<IPAddress.Family> = []
  /// VIPs that a service has left: their routes go if it was the last one.
  var leftVIPs: Set<IPAddress> = []
  /// The first thing that went wrong.
  var failure: DirectorError?

  private var lastEnd: UInt64 = 0
  private var lastCost: UInt64 = 0

  var isEmpty: Bool { services.isEmpty && families.isEmpty && leftVIPs.isEmpty }

  /// Whether it has waited long enough.
  var isDue: Bool { Self.now >= lastEnd &+ 10 &* lastCost }

  /// What is to be done is no more.
  mutating func clear() {
    services = []
    families = []
    leftVIPs = []
  }

  /// A moment to give to `ended`.
  static func begin() -> UInt64 { now }

  mutating func ended(_ begin: UInt64) {
    lastEnd = Self.now
    lastCost = lastEnd &- begin
  }

  /// In nanoseconds.
  private static var now: UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }
}

extension Director {
  /// Whether work may wait for the end of the sitting.
  var isSitting: Bool { sitting > 0 }

  /// Called when something has been put into the backlog.
  func postpone(_ tables: Tables) {
    tables.config.pointee.unfinished = 1
    if backlog.isDue { catchUp(tables) }
  }

  /// Does what has waited. What fails is told at the sitting's end; the rest is done all the same.
  func catchUp(_ tables: Tables) {
    if backlog.isEmpty { return }
    let work = backlog
    backlog.clear()
    let start = Backlog.begin()
    var failure: DirectorError?
    func attempt(_ body: () throws(DirectorError) -> Void) {
      do { try body() } catch { if failure == nil { failure = error } }
    }
    for index in work.services {
      attempt { () throws(DirectorError) in
        let record = try tables.services.record(index)
        if record.pointee.status == SVS_LIVE { try reschedule(index, record, tables) }
      }
    }
    attempt { () throws(DirectorError) in try steer(work.families, leaving: work.leftVIPs, tables) }
    if backlog.failure == nil { backlog.failure = failure }
    // What has failed once is for the next command, whatever went well since.
    if backlog.failure == nil { tables.config.pointee.unfinished = 0 }
    backlog.ended(start)
    rulesChanged(tables)
  }

  /// Does what a killed command has left undone.
  func finishForKilled(_ tables: Tables) throws(DirectorError) {
    if tables.config.pointee.unfinished == 0 { return }
    for index in 0..<tables.config.pointee.services_used {
      let record = try tables.services.record(index)
      if record.pointee.status == SVS_LIVE { try reschedule(index, record, tables) }
    }
    try steerAnew(tables)
    tables.config.pointee.unfinished = 0
    rulesChanged(tables)
  }
}
