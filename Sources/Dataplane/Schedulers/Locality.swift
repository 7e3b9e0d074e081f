import DataplaneTypes

/// What the locality-based schedulers share: the memory of which servers a destination's clients were given.
@usableFromInline enum Locality {
  @inlinable @inline(__always)
  static func key(_ service: UnsafeMutablePointer<svs_service>, _ flow: svs_flow_key) -> svs_locality_key {
    svs_locality_key(
      destination: flow.dst, service: service.pointee.number,
      family: UInt32(flow.family) | service.pointee.memory << 8)
  }

  /// A server as it is remembered, by its number + 1: another that gets its record later is not it.
  @inlinable @inline(__always)
  static func tag(_ index: UInt32, _ server: UnsafeMutablePointer<svs_server>) -> UInt32 {
    index | server.pointee.incarnation << 21
  }

  @inlinable @inline(__always) static func index(_ tag: UInt32) -> UInt32 { tag & 0x1f_ffff }

  /// Whether a remembered server is still in the service.
  @inlinable @inline(__always)
  static func stands(
    _ tag: UInt32, _ server: UnsafeMutablePointer<svs_server>, _ service: UInt32
  ) -> Bool {
    server.pointee.status == UInt32(SVS_LIVE) && server.pointee.service == service
      && tag == self.tag(index(tag), server)
  }

  /// Whether the server has more than its share.
  @inlinable @inline(__always)
  static func isOverloaded(_ server: UnsafeMutablePointer<svs_server>) -> Bool {
    Int64(server.pointee.active) > Int64(server.pointee.weight)
  }

  @inlinable @inline(__always)
  static func place(_ locality: UnsafeMutablePointer<svs_locality>, _ position: UInt32) -> UInt32 {
    places(locality)[Int(position & (UInt32(SVS_LOCALITY_PLACES) &- 1))]
  }

  @inlinable @inline(__always)
  static func places(_ locality: UnsafeMutablePointer<svs_locality>) -> UnsafeMutablePointer<UInt32> {
    UnsafeMutableRawPointer(locality.pointer(to: \.servers).unsafelyUnwrapped).assumingMemoryBound(to: UInt32.self)
  }
}
