import DataplaneTypes

/// wlc: the least (active × 256 + inactive) / weight; the first of equals.
///
/// Compared crosswise, a/b < c/d as a × d < c × b, since there is no division worth having here.
public enum WeightedLeastConnection: Scheduler {
  @inlinable public static var number: UInt8 { 4 }
  public static var name: StaticString { "wlc" }

  @inlinable @inline(__always)
  public static func pick<P: Platform>(
    _ service: UnsafeMutablePointer<svs_service>, _ flow: svs_flow_key, _ platform: P
  ) -> UInt32 {
    var walk = LeastLoad(service)
    platform.run(&walk, by: Loads.WeightedConnections.self, atMost: service.pointee.server_count)
    return walk.best
  }
}
