import DataplaneTypes

/// nq: the first server without an active connection; where all have some, as sed.
public enum NeverQueue: Scheduler {
  @inlinable public static var number: UInt8 { 7 }
  public static var name: StaticString { "nq" }

  @inlinable @inline(__always)
  public static func pick<P: Platform>(
    _ service: UnsafeMutablePointer<svs_service>, _ flow: svs_flow_key, _ platform: P
  ) -> UInt32 {
    var walk = LeastLoad(service)
    platform.run(&walk, by: Loads.IdleOrExpectedDelay.self, atMost: service.pointee.server_count)
    return walk.best
  }
}
