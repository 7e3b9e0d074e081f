import DataplaneTypes

/// lblc: a destination keeps its server, until that has more than its share while another has less than half of its
/// own; then, and for new destinations, the least loaded server is taken, as wlc finds it.
public enum LocalityLeastConnection: Scheduler {
  @inlinable public static var number: UInt8 { 12 }
  public static var name: StaticString { "lblc" }

  @inlinable @inline(__always)
  public static func pick<P: Platform>(
    _ service: UnsafeMutablePointer<svs_service>, _ flow: svs_flow_key, _ platform: P
  ) -> UInt32 {
    let key = Locality.key(service, flow)
    let tick = ConnectionTable<P>.tick(platform.now())
    let known = platform.localities.find(key)
    var kept: UInt32 = 0
    if let known, let config = platform.configuration.find(0) {
      let tag = Locality.place(known, 0)
      let isFresh = tick &- known.pointee.used < config.pointee.lblc_expiration
      known.pointee.used = tick
      if isFresh, let server = platform.servers.find(Locality.index(tag) &- 1),
        Locality.stands(tag, server, service.pointee.number), server.pointee.weight > 0
      {
        kept = Locality.index(tag)
        if !Locality.isOverloaded(server) { return kept }
      }
    }
    var walk = LeastLoad(service)
    platform.run(&walk, by: Loads.Locality.self, atMost: service.pointee.server_count)
    if kept != 0, walk.hasRoom == 0 { return kept }
    guard walk.best != 0, let best = platform.servers.find(walk.best &- 1) else { return 0 }
    let tag = Locality.tag(walk.best, best)
    if let known {
      Locality.places(known)[0] = tag
      known.pointee.modified = tick
    } else {
      platform.remember(key, tag, at: tick)
    }
    return walk.best
  }
}
