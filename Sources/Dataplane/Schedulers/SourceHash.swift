import DataplaneTypes

/// sh: the client's address decides, through a table of 256 buckets in which every server has as many as its weight.
///
/// A client whose server has weight 0 is refused.
public enum SourceHash: Scheduler {
  @inlinable public static var number: UInt8 { 5 }
  public static var name: StaticString { "sh" }

  @inlinable @inline(__always)
  public static func pick<P: Platform>(
    _ service: UnsafeMutablePointer<svs_service>, _ flow: svs_flow_key, _ platform: P
  ) -> UInt32 {
    guard service.pointee.table != 0, let table = platform.hashTables.find(service.pointee.table &- 1) else { return 0 }
    let bucket = UnsafeMutableRawPointer(table).assumingMemoryBound(to: UInt32.self)
    let found = bucket[Int(hash(flow.src, port: 0))]
    guard found != 0, let server = platform.servers.find(found &- 1), server.pointee.weight > 0 else { return 0 }
    return found
  }

  /// The golden-ratio hash that IPVS uses, of the address with its words folded, to 8 bits.
  @inlinable @inline(__always)
  static func hash(_ address: svs_addr, port: UInt16) -> UInt32 {
    let key = UInt32(bigEndian: address.fold) &+ UInt32(UInt16(bigEndian: port))
    return (key &* 0x61c8_8647) >> 24
  }

  #if !BPF
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
