import DataplaneTypes

/// mh: the client's address decides, through a Maglev table: servers that come and go move few of the others' clients.
///
/// The table has 4,093 buckets (Eisenbud and others, "Maglev", NSDI 2016, section 3.4). A client whose server takes no
/// connections is refused; with mh-fallback other buckets are tried.
public enum MaglevHash: Scheduler {
  @inlinable public static var number: UInt8 { 11 }
  public static var name: StaticString { "mh" }
  @inlinable public static var tableRecords: UInt32 { 16 }

  @inlinable static var buckets: UInt32 { 4093 }
  /// The keys of the two hashes, as IPVS has them.
  @inlinable static var firstKey: UInt64 { 2_654_435_761 }
  @inlinable static var secondKey: UInt64 { 2_654_446_892 }

  @inlinable @inline(__always)
  public static func pick<P: Platform>(
    _ service: UnsafeMutablePointer<svs_service>, _ flow: svs_flow_key, _ platform: P
  ) -> UInt32 {
    let table = service.pointee.table
    let flags = service.pointee.scheduler_flags
    let client = HashTableOfServers.client(flow, withPort: flags & SchedulerFlag.port != 0)
    let hash = SipHash13.hash(client, key: firstKey) % buckets
    let found = HashTableOfServers.server(platform, table, hash)
    guard found != 0, let server = platform.servers.find(found &- 1) else { return 0 }
    if server.takesConnections { return found }
    if flags & SchedulerFlag.fallback == 0 { return 0 }
    var walk = ServerWalk(platform, number, service, from: found)
    walk.load = UInt64(table) << 32 | UInt64(hash)
    walk.weight = UInt64(client)
    platform.run(&walk, atMost: buckets &+ 1)
    return walk.best
  }

  /// The walk goes along buckets: its `level` counts them, `load` is the table and the first hash, `weight` the client.
  @inlinable @inline(__always)
  public static func consider<P: Platform>(
    _ server: UnsafeMutablePointer<svs_server>, _ index: UInt32, _ walk: inout ServerWalk<P>
  ) -> Bool {
    if server.takesConnections {
      walk.best = index
      return false
    }
    let offset = UInt32(truncatingIfNeeded: walk.level &+ (walk.load & 0xffff_ffff)) % buckets
    let bucket = SipHash13.hash(UInt32(truncatingIfNeeded: walk.weight) &+ offset, key: firstKey) % buckets
    walk.level &+= 1
    walk.next = HashTableOfServers.server(walk.platform, UInt32(truncatingIfNeeded: walk.load >> 32), bucket)
    return walk.next != 0
  }

  #if !BPF
    public static var followsServers: Bool { true }

    /// Servers take buckets in turn, each along its own permutation, as many in a row as its share of the weights.
    public static func rulesChanged(_ service: inout SchedulerState, _ servers: [ServerView]) {
      let size = Int(buckets)
      var table = [UInt32](repeating: 0, count: size)
      defer { service.table = table }
      let weighted = servers.filter { $0.lastWeight > 0 }
      guard !weighted.isEmpty else { return }
      let divisor = weighted.reduce(Int32(0)) { greatestCommonDivisor($0, $1.lastWeight) }
      // Turns of at most 63 buckets: greater weights lose their low bits.
      let largest = weighted.map { $0.lastWeight / divisor }.max() ?? 1
      let shift = max(0, Int32.bitWidth - largest.leadingZeroBitCount - 6)
      var turns: [Int32] = []
      var positions: [UInt32] = []
      var skips: [UInt32] = []
      for server in weighted {
        turns.append(max(1, (server.lastWeight / divisor) >> Int32(shift)))
        let key = UInt32(bigEndian: server.address.fold) &+ UInt32(UInt16(bigEndian: server.port))
        positions.append(SipHash13.hash(key, key: firstKey) % buckets)
        skips.append(SipHash13.hash(key, key: secondKey) % (buckets - 1) + 1)
      }
      var (filled, turn, taken) = (0, 0, Int32(0))
      while filled < size {
        while table[Int(positions[turn])] != 0 { positions[turn] = (positions[turn] + skips[turn]) % buckets }
        table[Int(positions[turn])] = weighted[turn].server
        filled += 1
        taken += 1
        if taken >= turns[turn] {
          turn = (turn + 1) % weighted.count
          taken = 0
        }
      }
    }
  #endif
}
