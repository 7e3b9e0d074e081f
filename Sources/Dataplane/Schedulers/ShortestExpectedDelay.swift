import DataplaneTypes

/// sed: the least (active + 1) / weight, the delay a new connection can expect; the first of equals.
public enum ShortestExpectedDelay: Scheduler {
  @inlinable public static var number: UInt8 { 6 }
  public static var name: StaticString { "sed" }

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
    if !server.takesConnections { return true }
    let weight = UInt64(UInt32(bitPattern: server.pointee.weight))
    let load = UInt64(server.pointee.active) &+ 1
    if walk.best == 0 || load &* walk.weight < walk.load &* weight {
      walk.best = index
      walk.load = load
      walk.weight = weight
    }
    return true
  }
}
