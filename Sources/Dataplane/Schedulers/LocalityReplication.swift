import DataplaneTypes

/// lblcr: as lblc, but a destination whose servers have more than their share gets one more server instead of another;
/// of its servers the least loaded is taken. A set that has not grown for a day gives up its most loaded server.
public enum LocalityReplication: Scheduler {
  @inlinable public static var number: UInt8 { 13 }
  public static var name: StaticString { "lblcr" }

  @inlinable @inline(__always)
  public static func pick<P: Platform>(
    _ service: UnsafeMutablePointer<svs_service>, _ flow: svs_flow_key, _ platform: P
  ) -> UInt32 {
    let key = Locality.key(service, flow)
    let tick = ConnectionTable<P>.tick(platform.now())
    guard let config = platform.configuration.find(0) else { return 0 }
    var kept: UInt32 = 0
    var known = platform.localities.find(key)
    if let there = known, tick &- there.pointee.used >= config.pointee.lblcr_expiration {
      platform.localities.remove(key)
      known = nil
    }
    if let known {
      known.pointee.used = tick
      let count = min(known.pointee.count, UInt32(SVS_LOCALITY_PLACES))
      var set = walk(key, greatest: false, known, service, platform)
      platform.run(&set, atMost: count)
      kept = set.best
      let modified = known.pointee.modified
      if count > 1, tick &- modified >= config.pointee.lblcr_expiration {
        var greatest = walk(key, greatest: true, known, service, platform)
        platform.run(&greatest, atMost: count)
        if greatest.best != 0 { known.erase(at: greatest.place, modified: modified, tick: tick) }
      }
      if kept != 0, let server = platform.servers.find(kept &- 1), !Locality.isOverloaded(server) { return kept }
    }
    var all = LeastLoad(service)
    platform.run(&all, by: Loads.Locality.self, atMost: service.pointee.server_count)
    if kept != 0, all.hasRoom == 0 { return kept }
    guard all.best != 0, let best = platform.servers.find(all.best &- 1) else { return 0 }
    let tag = Locality.tag(all.best, best)
    if let known {
      known.insert(tag, at: tick)
    } else {
      platform.remember(key, tag, at: tick)
    }
    return all.best
  }

  /// A walk along a destination's servers, the newest first.
  @inlinable @inline(__always)
  static func walk<P: Platform>(
    _ key: svs_locality_key, greatest: Bool, _ known: UnsafeMutablePointer<svs_locality>,
    _ service: UnsafeMutablePointer<svs_service>, _ platform: P
  ) -> ServerWalk<P> {
    let position = known.pointee.count &- 1
    var walk = ServerWalk(platform, number, service, from: Locality.index(Locality.place(known, position)))
    walk.locality = key
    walk.level = UInt64(position)
    walk.isForGreatest = greatest
    return walk
  }

  @inlinable @inline(__always)
  public static func consider<P: Platform>(
    _ server: UnsafeMutablePointer<svs_server>, _ index: UInt32, _ walk: inout ServerWalk<P>
  ) -> Bool {
    guard let known = walk.platform.localities.find(walk.locality) else { return false }
    let position = UInt32(truncatingIfNeeded: walk.level)
    if Locality.stands(Locality.place(known, position), server, walk.locality.service) {
      let takes = walk.isForGreatest ? server.pointee.weight > 0 : server.takesConnections
      let weight = UInt64(UInt32(bitPattern: server.pointee.weight))
      let load = server.overhead
      let isLess = load &* walk.weight < walk.load &* weight
      let isGreater = load &* walk.weight > walk.load &* weight
      if takes, walk.best == 0 || (walk.isForGreatest ? isGreater : isLess) {
        walk.best = index
        walk.place = position
        walk.load = load
        walk.weight = weight
      }
    }
    if position == 0 { return false }
    walk.level = UInt64(position &- 1)
    walk.next = Locality.index(Locality.place(known, position &- 1))
    return walk.next != 0
  }
}

extension UnsafeMutablePointer where Pointee == svs_locality {
  /// Adds a server that is not there yet, while there is room; places beyond the last are 0.
  ///
  /// Who moves the count has the place; where another CPU did, its server is the destination's newest for now.
  @inlinable @inline(__always)
  func insert(_ tag: UInt32, at tick: UInt32) {
    let count = pointee.count
    guard count < UInt32(SVS_LOCALITY_PLACES) else { return }
    let places = Locality.places(self)
    for i in 0..<Int(SVS_LOCALITY_PLACES) where places[i] == tag { return }
    guard pointer(to: \.count).unsafelyUnwrapped.compareExchange(count, count &+ 1) else { return }
    places[Int(count)] = tag
    pointee.modified = tick
  }

  /// Removes the server at a place; the others keep their order, and another day.
  ///
  /// - Parameter modified: when the set was last changed: of all CPUs that have seen the same, one removes.
  @inlinable @inline(__always)
  func erase(at place: UInt32, modified: UInt32, tick: UInt32) {
    guard pointer(to: \.modified).unsafelyUnwrapped.compareExchange(modified, tick) else { return }
    let places = Locality.places(self)
    for i in 0..<Int(SVS_LOCALITY_PLACES) &- 1 where UInt32(i) >= place { places[i] = places[i &+ 1] }
    places[Int(SVS_LOCALITY_PLACES) &- 1] = 0
    pointer(to: \.count).unsafelyUnwrapped.decrement()
  }
}
