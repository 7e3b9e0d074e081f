import DataplaneTypes

/// FULLNAT between address families: a packet of one becomes one of the other (RFC 7915).
public enum Crossing {
  /// Whether the client and the server of a connection are of different families.
  @inlinable @inline(__always)
  static func applies(_ c: UnsafeMutablePointer<svs_connection>) -> Bool {
    c.pointee.tunnel & UInt8(SVS_CROSSES) != 0
  }

  /// RFC 7915, section 5.1: IPv6 hosts send nothing smaller than this makes of 1,280 bytes when they are told of a small
  /// MTU, so that IPv4's routers must be allowed to fragment it.
  @inlinable static var fragmentable: UInt32 { 1260 }

  /// The smallest MTU that an IPv6 host takes notice of (RFC 8200, section 5).
  @inlinable static var smallest: UInt32 { 1280 }

  /// Bytes of the header, without options or extensions but for a fragment's, that a packet has on the other side.
  @inlinable @inline(__always)
  static func header(fromIPv4 four: Bool, isFragment: Bool) -> UInt32 {
    if !four { return 20 }
    return isFragment ? 48 : 40
  }

  /// Bytes of the packet on the other side.
  @inlinable @inline(__always)
  static func size(_ frame: UnsafePointer<Frame>, _ part: Part) -> UInt32 {
    let headers = UInt32(truncatingIfNeeded: frame.pointee.transport &- frame.pointee.network)
    return frame.pointee.length &- headers
      &+ header(fromIPv4: frame.pointee.flow.family == Family.ipv4, isFragment: part != .whole)
  }

  /// Whether the packet may be fragmented: on the other side if that is IPv4, else before it crosses.
  @inlinable @inline(__always)
  static func mayFragment(
    _ frame: UnsafePointer<Frame>, _ part: Part, _ size: UInt32, _ c: UnsafeMutablePointer<svs_connection>
  ) -> Bool {
    if frame.pointee.flow.family != Family.ipv4 { return part != .whole || size <= fragmentable }
    // Fragments of SCTP have no connection here, and a client's that is still to be told of cannot be changed.
    return !frame.pointee.dontFragment && frame.pointee.flow.proto != IPProtocol.sctp
      && c.pointee.tunnel & UInt8(SVS_AMENDS) == 0
  }

  /// What a fragment has in IPv6 beyond its size in IPv4: 20 bytes of header, and a fragment header.
  @inlinable static var growth: UInt16 { 28 }

  /// What a whole packet may have, as it comes, for it to fit an MTU as it leaves; 0 where that is not known.
  @inlinable @inline(__always)
  static func room(
    _ mtu: UInt16, _ frame: UnsafePointer<Frame>, _ c: UnsafeMutablePointer<svs_connection>
  ) -> UInt32 {
    if mtu < 40 || !applies(c) { return UInt32(mtu) }
    return frame.pointee.flow.family == Family.ipv4 ? UInt32(mtu) &- 20 : UInt32(mtu) &+ 20
  }

  /// The MTU that the sender of a packet is told of where its way on the other side has this one.
  @inlinable @inline(__always)
  static func mtu(_ mtu: UInt32, _ frame: UnsafePointer<Frame>, _ part: Part) -> UInt32 {
    if frame.pointee.flow.family != Family.ipv4 { return max(mtu &+ (part == .whole ? 20 : 28), smallest) }
    // Who does not ask for whole packets sends fragments next, and those have a header more.
    return mtu &- (frame.pointee.dontFragment && part == .whole ? 20 : 28)
  }
}

extension PacketPath {
  /// Makes the packet one of the other family, for what is at its connection's other end.
  @inlinable @inline(__always)
  public func cross(_ packet: inout Packet, _ p: UnsafeMutablePointer<Passage>) -> Step {
    let reference = p.pointee.reference
    let frame = p.parsedFrame
    let part = p.pointee.part
    var route = SourceRoute()
    if route.find(packet, frame) {
      // RFC 1122, section 3.2.2: none about later fragments.
      return part == .later
        ? leaving(.drop, .crossingDropped) : answering(.sourceRoute, mtu: route.pointer, .sourceRouted, p)
    }
    guard let c = platform.connections.find(reference.slot), let way = p.pointer(to: \.way),
      let hop = way.pointer(to: \.hop), let ends = Ends(c, reference, platform)
    else { return .drop }
    let size = Crossing.size(frame, part)
    let mtu = UInt32(hop.pointee.mtu)
    if frame.pointee.ttl <= 1 || mtu != 0 && size > mtu && way.pointee.kind != .fragmenting {
      return refuseCrossing(packet, frame, mtu: mtu, fromServer: reference.fromServer, p)
    }
    if way.pointee.kind == .fragmenting, frame.pointee.flow.family == Family.ipv4 {
      return cutBeforeCrossing(packet, frame, way, hop, reference, part)
    }
    if frame.pointee.flow.proto != IPProtocol.sctp, part != .later {
      if part == .whole, !completeChecksum(packet, frame, translating: true) {
        return leaving(.drop, .partialChecksumDropped)
      }
      if frame.pointee.flags.contains(.syn) { limitSegments(packet, frame, c, hop, reference) }
      guard crossTransport(packet, frame, ends) else { return leaving(.drop, .crossingDropped) }
    }
    var header = CrossedHeader()
    guard header.read(packet, frame, part, size) else { return .drop }
    // The link's header is written where the frame leaves: 14 bytes of room for it will do.
    let four = frame.pointee.flow.family == Family.ipv4
    let length = Int(Crossing.header(fromIPv4: four, isFragment: part != .whole))
    guard platform.moveStart(&packet, by: Int32(truncatingIfNeeded: frame.pointee.transport &- length &- 14)) else {
      return leaving(.drop, .noHeadroom)
    }
    let isWritten =
      four ? header.writeIPv6(packet, at: 14, ends, part) : header.writeIPv4(packet, at: 14, ends)
    guard isWritten else { return .drop }
    p.arrives(in: four ? Family.ipv6 : Family.ipv4, header.proto, length: size, header: length, ttl: header.ttl)
    return .emit
  }

  /// Sends an IPv4 packet that is too big for the way on the other side into the hand-over pair, to be cut, and its
  /// fragments out of svs0 again: at svs1 they come back here, and cross one by one (RFC 7915, section 4.1).
  @inlinable @inline(__always)
  func cutBeforeCrossing(
    _ packet: Packet, _ frame: UnsafePointer<Frame>, _ way: UnsafeMutablePointer<Way>,
    _ hop: UnsafeMutablePointer<svs_hop>, _ reference: FlowReference, _ part: Part
  ) -> Step {
    guard let config = platform.configuration.find(0), let c = platform.connections.find(reference.slot)
    else { return .drop }
    // No way is that narrow (RFC 8200, section 5).
    if hop.pointee.mtu <= 128 { return leaving(.drop, .crossingDropped) }
    // In pieces it could not be done any more.
    if part == .whole, !completeChecksum(packet, frame, translating: true) {
      return leaving(.drop, .partialChecksumDropped)
    }
    hop.pointee.mtu &-= Crossing.growth
    hop.pointee.ifindex = config.pointee.handover_ifindex
    way.pointee.nextHopFamily = Family.ipv4
    way.pointee.nextHop = frame.pointee.flow.dst
    // It is counted when it comes back.
    if let counters = platform.serverCounters.find(c.pointee.server) {
      let packets: UInt64 = part == .later ? 0 : 1
      let headers = UInt64(truncatingIfNeeded: frame.pointee.transport &- frame.pointee.network)
      let bytes = UInt64(frame.pointee.length) &- (part == .later ? headers : 0)
      if reference.fromServer {
        counters.pointee.packets_out &-= packets
        counters.pointee.bytes_out &-= bytes
      } else {
        counters.pointee.packets_in &-= packets
        counters.pointee.bytes_in &-= bytes
      }
    }
    return .emit
  }

  /// Writes the ports, and the checksum for them and for the addresses of the other family. False for a datagram's
  /// first fragment without a checksum, which IPv6 demands, and for which all of the datagram would be needed
  /// (RFC 7915, section 4.5).
  @inlinable @inline(__always)
  func crossTransport(_ packet: Packet, _ frame: UnsafePointer<Frame>, _ ends: Ends) -> Bool {
    if frame.pointee.flow.proto == IPProtocol.udp {
      guard let udp = packet.at(dynamic: frame.pointee.transport, svs_udp.self), udp.pointee.check != 0 else {
        return false
      }
    }
    // Protocol and length count for as much in both pseudo-headers, and an IPv4 address is one with zeros behind it.
    var change = Checksum()
    change.replace(frame.pointee.flow.src, by: ends.source.pointee)
    change.replace(frame.pointee.flow.dst, by: ends.destination.pointee)
    return exchangePorts(packet, frame, ends, &change)
  }

  /// What becomes of a packet that is too big for the way on the other side, or has come too far.
  @inlinable @inline(__always)
  func refuseCrossing(
    _ packet: Packet, _ frame: UnsafePointer<Frame>, mtu: UInt32, fromServer: Bool,
    _ p: UnsafeMutablePointer<Passage>
  ) -> Step {
    let isLater = p.pointee.part == .later
    if frame.pointee.ttl <= 1 {
      if isLater { return leaving(.drop, .fragmentDropped) }
      return fromServer ? leaving(.pass, .replyTimeExceeded) : answering(.timeExceeded, .timeExceeded, p)
    }
    // As above: none about later fragments.
    if isLater, frame.pointee.flow.family == Family.ipv4 { return leaving(.drop, .fragmentDropped) }
    // As in `forward`: quoted with its time to live counted down.
    if !age(packet, frame) { return .drop }
    return answering(.tooBig, mtu: Crossing.mtu(mtu, frame, p.pointee.part), .tooBig, p)
  }

  /// Makes both ends of a TCP connection send segments that fit the MTU of either link (RFC 9293, section 3.7.1): IPv6's
  /// header is the longer one, of which the other end knows nothing.
  @inlinable @inline(__always)
  func limitSegments(
    _ packet: Packet, _ frame: UnsafePointer<Frame>, _ c: UnsafeMutablePointer<svs_connection>,
    _ hop: UnsafeMutablePointer<svs_hop>, _ reference: FlowReference
  ) {
    let four = frame.pointee.flow.family == Family.ipv4
    let back = Way.hop(c, !reference.fromServer)
    var largest: UInt32 = 0xffff
    let ahead = UInt32(hop.pointee.mtu)
    if ahead > 128 { largest = ahead &- (four ? 60 : 40) }
    let behind = UInt32(back.pointee.mtu)
    if back.pointee.kind_vlan != 0, behind > 128 { largest = min(largest, behind &- (four ? 40 : 60)) }
    if reference.fromServer, c.pointee.tunnel & UInt8(SVS_AMENDS) != 0,
      let exchange = platform.exchanges.find(reference.slot)
    {
      // The client's segments grow by what its server is told.
      largest &-= Disclosure.size(exchange, c.pointee.family)
    }
    if largest < 0xff00 { SegmentSize.limit(packet, frame, to: UInt16(truncatingIfNeeded: largest)) }
  }
}

extension UnsafeMutablePointer<Passage> {
  /// Notes that the frame is of another family now, its headers at its beginning.
  @inlinable @inline(__always)
  func arrives(in family: UInt8, _ proto: UInt8, length: UInt32, header: Int, ttl: UInt8) {
    pointee.frame.network = 14
    pointee.frame.transport = 14 &+ header
    pointee.frame.length = length
    pointee.frame.ttl = ttl
    pointee.frame.flow.kind = svs_flow_key.kind(proto, family)
  }
}
