import DataplaneTypes

/// sh: the client's address decides, through a table of 256 buckets in which every server has as many as its weight.
///
/// A client whose server takes no connections is refused; with sh-fallback other buckets are tried, all in the end.
public enum SourceHash: Scheduler {
  @inlinable public static var number: UInt8 { 5 }
  public static var name: StaticString { "sh" }
  @inlinable public static var tableRecords: UInt32 { 1 }

  @inlinable @inline(__always)
  public static func pick<P: Platform>(
    _ service: UnsafeMutablePointer<svs_service>, _ flow: svs_flow_key, _ platform: P
  ) -> UInt32 {
    let table = service.pointee.table
    let flags = service.pointee.scheduler_flags
    let hash = HashTableOfServers.goldenRatio(
      HashTableOfServers.client(flow, withPort: flags & SchedulerFlag.port != 0))
    let found = HashTableOfServers.server(platform, table, hash)
    guard found != 0, let server = platform.servers.find(found &- 1) else { return 0 }
    if server.takesConnections { return found }
    if flags & SchedulerFlag.fallback == 0 { return 0 }
    var walk = ServerWalk(platform, number, service, from: found)
    walk.load = UInt64(table)
    walk.weight = UInt64(hash)
    platform.run(&walk, atMost: UInt32(SVS_TABLE_BUCKETS) &+ 1)
    return walk.best
  }

  /// The walk goes along buckets: its `level` counts them, `load` is the table, `weight` the client's own bucket.
  @inlinable @inline(__always)
  public static func consider<P: Platform>(
    _ server: UnsafeMutablePointer<svs_server>, _ index: UInt32, _ walk: inout ServerWalk<P>
  ) -> Bool {
    if server.takesConnections {
      walk.best = index
      return false
    }
    // As IPVS goes on: from twice the hash, one bucket after the other.
    let bucket = UInt32(truncatingIfNeeded: walk.weight &* 2 &+ walk.level) % UInt32(SVS_TABLE_BUCKETS)
    walk.level &+= 1
    walk.next = HashTableOfServers.server(walk.platform, UInt32(truncatingIfNeeded: walk.load), bucket)
    return walk.next != 0
  }

  #if !BPF
    public static var followsServers: Bool { true }

    /// Deals the buckets out along the list, to every server in turn as many as its weight, at least one.
    public static func rulesChanged(_ service: inout SchedulerState, _ servers: [ServerView]) {
      var table = [UInt32](repeating: 0, count: Int(SVS_TABLE_BUCKETS))
      defer { service.table = table }
      guard !servers.isEmpty else { return }
      var (turn, dealt) = (0, Int32(0))
      for bucket in table.indices {
        table[bucket] = servers[turn].server
        dealt += 1
        if dealt >= servers[turn].weight {
          turn = (turn + 1) % servers.count
          dealt = 0
        }
      }
    }
  #endif
}
