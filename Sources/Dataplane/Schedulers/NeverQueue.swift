import DataplaneTypes

/// nq: the first server without an active connection; where all have some, as sed.
public enum NeverQueue: Scheduler {
  @inlinable public static var number: UInt8 { 7 }
  public static var name: StaticString { "nq" }

  @inlinable @inline(__always)
  public static func pick<P: Platform>(
    _ service: UnsafeMutablePointer<svs_service>, _ flow: svs_flow_key, _ platform: P
  ) -> UInt32 {
    var walk = ServerWalk(platform, number, service, from: service.pointee.first)
    platform.run(&walk, atMost: service.pointee.server_count)
    return walk.best
  }

  @inlinable @inline(__always)
  public static func consider<P: Platform>(
    _ server: UnsafeMutablePointer<svs_server>, _ index: UInt32, _ walk: inout ServerWalk<P>
  ) -> Bool {
    if server.takesConnections, server.pointee.active == 0 {
      walk.best = index
      return false
    }
    return ShortestExpectedDelay.consider(server, index, &walk)
  }
}
