import DataplaneTypes

/// Ways from the director's local addresses to FULLNAT's servers, which new connections take over from older ones.
///
/// Under the other methods packets keep their clients' addresses, by which routes may differ: there each connection has
/// to ask for itself. A way serves as long here as in a connection, and not beyond a change of the rules.
extension PacketPath {
  /// Gives a new connection the way that another one between the same addresses has found; false if none serves.
  @inlinable @inline(__always)
  func takeWay(
    _ c: UnsafeMutablePointer<svs_connection>, _ server: UnsafeMutablePointer<svs_server>,
    _ p: UnsafeMutablePointer<Passage>
  ) -> Bool {
    let frame = p.parsedFrame
    let tick = p.pointee.tick
    guard let config = platform.configuration.find(0),
      let exchange = platform.exchanges.find(p.pointee.reference.slot),
      let way = platform.rememberedWays.find(Self.place(exchange.pointee.local, c.pointee.rip)),
      let hop = way.pointer(to: \.hop)
    else { return false }
    guard hop.pointee.isFresh(at: tick), way.pointee.rules == config.pointee.rules_generation,
      way.pointee.family == UInt32(c.pointee.server_family), way.pointee.source == exchange.pointee.local,
      way.pointee.destination == c.pointee.rip
    else { return false }
    // What may have to be fragmented needs all of the look-up (28 bytes are the most that it grows by, a fragment in
    // IPv6), and so does what the neighbour table is to see. First fragments and SCTP have more to do there.
    let probe = config.pointee.probe_ticks
    let size = frame.pointee.length &+ UInt32(Crossing.growth)
    if hop.pointee.mtu != 0 && size > UInt32(hop.pointee.mtu) || p.pointee.part != .whole
      || probe != 0 && tick &- server.pointee.probe_tick >= probe || frame.pointee.flow.proto == IPProtocol.sctp
    {
      return false
    }
    c.pointee.to_server = hop.pointee
    p.pointee.way.hop = hop.pointee
    p.pointee.way.kind = .redirect
    return true
  }

  /// Leaves a way that was looked up, and which the connection remembers, to the connections that come next.
  @inlinable @inline(__always)
  func leaveWay(_ slot: UInt32, _ config: UnsafeMutablePointer<svs_config>) {
    guard let c = platform.connections.find(slot), let exchange = platform.exchanges.find(slot),
      let way = platform.rememberedWays.find(Self.place(exchange.pointee.local, c.pointee.rip))
    else { return }
    way.pointee.source = exchange.pointee.local
    way.pointee.destination = c.pointee.rip
    way.pointee.hop = c.pointee.to_server
    way.pointee.rules = config.pointee.rules_generation
    way.pointee.family = UInt32(c.pointee.server_family)
  }

  /// Where the way between two addresses is remembered.
  @inlinable @inline(__always)
  static func place(_ source: svs_addr, _ destination: svs_addr) -> UInt32 {
    // Neighbours in a network differ in the last byte.
    let from = UInt32(bigEndian: source.w0 ^ source.w3)
    let to = UInt32(bigEndian: destination.w0 ^ destination.w3)
    return (from &* 0x9e37_79b1 &+ to &* 0x85eb_ca6b) >> (32 &- UInt32(SVS_WAY_SHIFT))
  }
}
