import DataplaneTypes

/// ovf: the server with the greatest weight until its active connections exceed the weight, then the next greatest.
public enum Overflow: Scheduler {
  @inlinable public static var number: UInt8 { 9 }
  public static var name: StaticString { "ovf" }

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
    if server.pointee.weight > 0, server.pointee.active > UInt32(bitPattern: server.pointee.weight) { return true }
    return Failover.consider(server, index, &walk)
  }
}
