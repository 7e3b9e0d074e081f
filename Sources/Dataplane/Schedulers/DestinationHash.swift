import DataplaneTypes

/// dh: the destination's address decides, through a table of 256 buckets dealt out to the servers in turn.
///
/// Meant for services by firewall mark in front of caches. A destination whose server takes no connections is refused.
public enum DestinationHash: Scheduler {
  @inlinable public static var number: UInt8 { 10 }
  public static var name: StaticString { "dh" }
  @inlinable public static var tableRecords: UInt32 { 1 }

  @inlinable @inline(__always)
  public static func pick<P: Platform>(
    _ service: UnsafeMutablePointer<svs_service>, _ flow: svs_flow_key, _ platform: P
  ) -> UInt32 {
    let hash = HashTableOfServers.goldenRatio(UInt32(bigEndian: flow.dst.fold))
    let found = HashTableOfServers.server(platform, service.pointee.table, hash)
    guard found != 0, let server = platform.servers.find(found &- 1), server.takesConnections else { return 0 }
    return found
  }

  #if !BPF
    public static var followsServers: Bool { true }

    /// One bucket to each server in turn, whatever its weight.
    public static func rulesChanged(_ service: inout SchedulerState, _ servers: [ServerView]) {
      service.table = (0..<Int(SVS_TABLE_BUCKETS)).map { servers.isEmpty ? 0 : servers[$0 % servers.count].server }
    }
  #endif
}
