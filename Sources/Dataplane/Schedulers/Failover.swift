import DataplaneTypes

/// fo: the server with the greatest weight, as long as it takes connections; the first of equals.
public enum Failover: Scheduler {
  @inlinable public static var number: UInt8 { 8 }
  public static var name: StaticString { "fo" }

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
    if weight > walk.weight {
      walk.best = index
      walk.weight = weight
    }
    return true
  }
}
