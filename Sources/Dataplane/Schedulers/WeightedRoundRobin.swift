import DataplaneTypes

/// wrr: in turn, each server as often as its weight says, smoothly.
///
/// Every round has a level, and takes the servers whose weight reaches it; from round to round the level falls by the
/// weights' greatest common divisor and begins again at the largest. The cursor is `level << 32 | server picked last`.
public enum WeightedRoundRobin: Scheduler {
  @inlinable public static var number: UInt8 { 2 }
  public static var name: StaticString { "wrr" }

  @inlinable @inline(__always)
  public static func pick<P: Platform>(
    _ service: UnsafeMutablePointer<svs_service>, _ flow: svs_flow_key, _ platform: P
  ) -> UInt32 {
    if service.pointee.max_weight == 0 { return 0 }
    let cursor = service.pointer(to: \.cursor).unsafelyUnwrapped
    var found: UInt32 = 0
    for _ in 0..<2 {
      let last = cursor.pointee
      var first = service.pointee.first
      let server = UInt32(truncatingIfNeeded: last)
      if server != 0, let record = platform.servers.find(server &- 1) { first = record.pointee.next }
      var walk = ServerWalk(platform, number, service, from: first)
      walk.level = last >> 32
      walk.load = UInt64(service.pointee.max_weight)
      walk.weight = UInt64(service.pointee.weight_gcd)
      // The rest of this round, the whole of the next, and one at the level of the heaviest server that takes any.
      platform.run(&walk, atMost: service.pointee.server_count &* 3 &+ 3)
      found = walk.best
      if found == 0 || cursor.compareExchange(last, walk.level << 32 | UInt64(found)) { break }
    }
    return found
  }

  @inlinable @inline(__always)
  public static func consider<P: Platform>(
    _ server: UnsafeMutablePointer<svs_server>, _ index: UInt32, _ walk: inout ServerWalk<P>
  ) -> Bool {
    if !server.takesConnections { return true }
    let weight = UInt32(bitPattern: server.pointee.weight)
    if UInt64(weight) < walk.level {
      walk.place = max(walk.place, weight)
      return true
    }
    walk.best = index
    return false
  }

  @inlinable @inline(__always)
  public static func wrapped<P: Platform>(_ walk: inout ServerWalk<P>) -> Bool {
    if !walk.isForGreatest {
      // Here the flag says that a whole round comes next.
      walk.isForGreatest = true
      walk.level = walk.level > walk.weight ? walk.level &- walk.weight : walk.load
      return true
    }
    // IPVS goes down level by level until it meets somebody; this is where it does. Levels are the top one and those
    // below it at distances of the divisor.
    let greatest = UInt64(walk.place)
    if greatest == 0 || walk.weight == 0 || walk.load < greatest { return false }
    walk.level = walk.load &- (walk.load &- greatest &+ walk.weight &- 1) / walk.weight &* walk.weight
    walk.place = 0
    return walk.level > 0
  }

  #if !BPF
    public static var followsServers: Bool { true }

    /// The levels that occur are the top one and all below it at distances of the divisor, down to 1. A round that was
    /// under way goes on at its level, or at the top where that is lower now; it begins again at the list's head.
    public static func rulesChanged(_ service: inout SchedulerState, _ servers: [ServerView]) {
      _ = weightsChanged(&service, servers.lazy.map(\.weight))
    }

    public static func weightsChanged(_ service: inout SchedulerState, _ weights: some Sequence<Int32>) -> Bool {
      var divisor: Int32 = 0
      var largest: Int32 = 0
      for weight in weights where weight > 0 {
        divisor = greatestCommonDivisor(divisor, weight)
        largest = max(largest, weight)
      }
      divisor = max(divisor, 1)
      let top = largest > 0 ? UInt32(largest - (divisor - 1)) : 0
      var level = UInt32(truncatingIfNeeded: service.cursor >> 32)
      if level > top || level == 0 {
        level = top
      } else if divisor > 1 {
        level = level / UInt32(divisor) * UInt32(divisor) + 1
      }
      service.maximumWeight = top
      service.weightDivisor = UInt32(divisor)
      service.cursor = UInt64(level) << 32
      return true
    }
  #endif
}
