import DataplaneTypes

/// lc: the server with the least overhead, active × 256 + inactive; the first of equals.
public enum LeastConnection: Scheduler {
  @inlinable public static var number: UInt8 { 3 }
  public static var name: StaticString { "lc" }

  @inlinable @inline(__always)
  public static func pick<P: Platform>(
    _ service: UnsafeMutablePointer<svs_service>, _ flow: svs_flow_key, _ platform: P
  ) -> UInt32 {
    var walk = LeastLoad(service)
    platform.run(&walk, by: Loads.Connections.self, atMost: service.pointee.server_count)
    return walk.best
  }
}

extension UnsafeMutablePointer where Pointee == svs_server {
  /// What a server has to carry: an active connection costs as much as 256 inactive ones.
  @inlinable var overhead: UInt64 {
    @inline(__always) get { UInt64(pointee.active) &* 256 &+ UInt64(pointee.inactive) }
  }
}
