import DataplaneTypes

/// twos: of two servers drawn by chance, each as likely as its weight, the one with the less overhead / weight.
///
/// Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing" (1996). IPVS has it since Linux 5.12, in kernels
/// that were built with it. The cursor is the state of a generator of random numbers, which all CPUs draw from.
public enum TwoChoices: Scheduler {
  @inlinable public static var number: UInt8 { 14 }
  public static var name: StaticString { "twos" }

  @inlinable @inline(__always)
  public static func pick<P: Platform>(
    _ service: UnsafeMutablePointer<svs_service>, _ flow: svs_flow_key, _ platform: P
  ) -> UInt32 {
    // Both weights 0: the walk adds up.
    var sum = ServerWalk(platform, number, service, from: service.pointee.first)
    platform.run(&sum, atMost: service.pointee.server_count)
    let total = sum.level
    if total == 0 { return 0 }
    let cursor = service.pointer(to: \.cursor).unsafelyUnwrapped
    var walk = ServerWalk(platform, number, service, from: service.pointee.first)
    walk.load = draw(cursor) % total &+ 1
    walk.weight = draw(cursor) % total &+ 1
    platform.run(&walk, atMost: service.pointee.server_count)
    // Servers that have come to their thresholds meanwhile may leave a draw without its server.
    let first = walk.best != 0 ? walk.best : sum.best
    let second = UInt32(truncatingIfNeeded: walk.level)
    if second == 0 || second == first { return first }
    guard let a = platform.servers.find(first &- 1), let b = platform.servers.find(second &- 1) else { return first }
    let weights = (UInt64(UInt32(bitPattern: a.pointee.weight)), UInt64(UInt32(bitPattern: b.pointee.weight)))
    return b.overhead &* weights.0 < a.overhead &* weights.1 ? second : first
  }

  /// The first walk sums the weights up in `level`. In the second, `load` and `weight` are what is left of the two
  /// draws; where one is used up its server is found: `best`, and in `level` the other.
  @inlinable @inline(__always)
  public static func consider<P: Platform>(
    _ server: UnsafeMutablePointer<svs_server>, _ index: UInt32, _ walk: inout ServerWalk<P>
  ) -> Bool {
    if !server.takesConnections { return true }
    let weight = UInt64(UInt32(bitPattern: server.pointee.weight))
    if walk.load | walk.weight == 0 {
      walk.level &+= weight
      walk.best = index
      return true
    }
    if walk.load != 0 {
      if walk.load <= weight { walk.best = index }
      walk.load = walk.load <= weight ? 0 : walk.load &- weight
    }
    if walk.weight != 0 {
      if walk.weight <= weight { walk.level = UInt64(index) }
      walk.weight = walk.weight <= weight ? 0 : walk.weight &- weight
    }
    return walk.load | walk.weight != 0
  }

  /// The next number of SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014).
  @inlinable @inline(__always)
  static func draw(_ state: UnsafeMutablePointer<UInt64>) -> UInt64 {
    var z = state.fetchAdd(0x9e37_79b9_7f4a_7c15)
    z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
    return z ^ z >> 31
  }

  #if !BPF
    public static var followsServers: Bool { true }

    public static func rulesChanged(_ service: inout SchedulerState, _ servers: [ServerView]) {
      if service.cursor == 0 { service.cursor = UInt64.random(in: 1...UInt64.max) }
    }
  #endif
}
