import DataplaneTypes

/// sed: the least (active + 1) / weight, the delay a new connection can expect; the first of equals.
public enum ShortestExpectedDelay: Scheduler {
  @inlinable public static var number: UInt8 { 6 }
  public static var name: StaticString { "sed" }

  @inlinable @inline(__always)
  public static func pick<P: Platform>(
    _ service: UnsafeMutablePointer<svs_service>, _ flow: svs_flow_key, _ platform: P
  ) -> UInt32 {
    var walk = LeastLoad(service)
    platform.run(&walk, by: Loads.ExpectedDelay.self, atMost: service.pointee.server_count)
    return walk.best
  }
}
