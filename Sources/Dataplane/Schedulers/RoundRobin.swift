import DataplaneTypes

/// rr: the servers in turn, those of weight 0 passed over.
///
/// The cursor is the server that was picked last.
public enum RoundRobin: Scheduler {
  @inlinable public static var number: UInt8 { 1 }
  public static var name: StaticString { "rr" }

  @inlinable @inline(__always)
  public static func pick<P: Platform>(
    _ service: UnsafeMutablePointer<svs_service>, _ flow: svs_flow_key, _ platform: P
  ) -> UInt32 {
    let count = service.pointee.server_count
    let cursor = service.pointer(to: \.cursor).unsafelyUnwrapped
    var found: UInt32 = 0
    // Another CPU may take the same turn: then it is looked for again, and at last taken twice.
    for _ in 0..<2 {
      let last = cursor.pointee
      var first = service.pointee.first
      if last != 0, let server = platform.servers.find(UInt32(truncatingIfNeeded: last) &- 1) {
        first = server.pointee.next
      }
      var walk = ServerWalk(platform, number, service, from: first)
      // One step more than servers: the end of the list takes none, but the list may change meanwhile.
      platform.run(&walk, atMost: count &+ 1)
      found = walk.best
      if found == 0 || cursor.compareExchange(last, UInt64(found)) { break }
    }
    return found
  }

  @inlinable @inline(__always)
  public static func consider<P: Platform>(
    _ server: UnsafeMutablePointer<svs_server>, _ index: UInt32, _ walk: inout ServerWalk<P>
  ) -> Bool {
    if !server.takesConnections { return true }
    walk.best = index
    return false
  }

  @inlinable @inline(__always)
  public static func wrapped<P: Platform>(_ walk: inout ServerWalk<P>) -> Bool { true }
}
