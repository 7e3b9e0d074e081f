import DataplaneTypes

/// ICMP errors about connections between address families: message, quote and all become the other's (RFC 7915, sections
/// 4.2, 4.3, 5.2 and 5.3).
extension PacketPath {
  /// Translates the error that `relate` has found the connection of. What has no counterpart is dropped.
  @inlinable @inline(__always)
  public func crossError(_ packet: inout Packet, _ p: UnsafeMutablePointer<Passage>) -> Step {
    let reference = p.pointee.reference
    let frame = p.parsedFrame
    let six = frame.pointee.flow.family != Family.ipv4
    var quote = Quote()
    guard let c = platform.connections.find(reference.slot), let ends = Ends(c, reference, platform),
      quote.read(packet, at: frame.pointee.transport &+ 8, frame.pointee.flow.family),
      let icmp = packet.at(dynamic: frame.pointee.transport, svs_icmp.self)
    else { return .drop }
    var error = CrossedError(icmp.pointee)
    if six { error.becomeIPv4() } else { error.becomeIPv6(quoted: quote.length(packet)) }
    var inner = CrossedHeader()
    guard error.isKnown, quote.header(packet, &inner) else { return leaving(.drop, .errorDropped) }

    let header = six ? 20 : 40
    let front = header &+ 8 &+ header
    let available = Int(frame.pointee.length) &- (quote.transport &- frame.pointee.network)
    // As much as `answer` quotes.
    let quoted = min(available, (six ? 548 : 1232) &- header)
    let end = quote.transport &+ quoted
    guard quoted >= 8, platform.moveEnd(&packet, by: Int32(truncatingIfNeeded: end &- packet.count)),
      platform.moveStart(&packet, by: Int32(truncatingIfNeeded: quote.transport &- front &- 14))
    else { return leaving(.drop, .errorDropped) }
    guard let ports = packet.at(dynamic: 14 &+ front, UInt32.self) else { return .drop }
    // What is quoted travelled the other way.
    ports.pointee = ends.ports << 16 | ends.ports >> 16
    let turned = Ends(source: ends.destination, destination: ends.source)
    let at = 14 &+ front &- header
    guard six ? inner.writeIPv4(packet, at: at, turned) : inner.writeIPv6(packet, at: at, turned, .whole),
      writeError(
        packet, at: 14, six ? Family.ipv4 : Family.ipv6, quoted: quoted &+ header, from: UnsafePointer(ends.source),
        to: UnsafePointer(ends.destination),
        // Counted down on the way out.
        ErrorHeader(type: error.type, code: error.code, tos: 0xc0, ttl: frame.pointee.ttl, rest: error.rest))
    else { return .drop }
    let length = UInt32(truncatingIfNeeded: quoted &+ front)
    if six {
      p.arrives(in: Family.ipv4, IPProtocol.icmp, length: length, header: 20, ttl: frame.pointee.ttl)
    } else {
      p.arrives(in: Family.ipv6, IPProtocol.icmpv6, length: length, header: 40, ttl: frame.pointee.ttl)
    }
    return .route
  }
}

extension Quote {
  /// Bytes that the quoted packet had, headers and all.
  @inlinable @inline(__always)
  func length(_ packet: Packet) -> UInt32 {
    guard let ip = packet.at(dynamic: network, svs_ipv4.self) else { return 0 }
    return UInt32(UInt16(bigEndian: ip.pointee.length))
  }

  /// What the quoted header says, for one of the other family.
  @inlinable @inline(__always)
  func header(_ packet: Packet, _ crossed: inout CrossedHeader) -> Bool {
    crossed.proto = flow.proto
    if flow.family == Family.ipv4 {
      guard let ip = packet.at(dynamic: network, svs_ipv4.self) else { return false }
      crossed.tos = ip.pointee.tos
      crossed.ttl = ip.pointee.ttl
      let header = UInt16(truncatingIfNeeded: transport &- network)
      crossed.length = UInt16(bigEndian: ip.pointee.length) &- header
      return true
    }
    guard let ip = packet.at(dynamic: network, svs_ipv6.self) else { return false }
    crossed.tos = UInt8(truncatingIfNeeded: UInt32(bigEndian: ip.pointee.version_class_flow) >> 20)
    crossed.ttl = ip.pointee.hops
    crossed.length = UInt16(bigEndian: ip.pointee.length) &+ 20
    crossed.place = UInt16(0x4000).bigEndian
    return true
  }
}

/// Type and code of an error, and what stands behind the checksum, from one version of ICMP to the other.
@usableFromInline struct CrossedError {
  @usableFromInline var type: UInt8
  @usableFromInline var code: UInt8
  /// In host order.
  @usableFromInline var rest: UInt32
  @usableFromInline var isKnown = true

  @inlinable @inline(__always)
  init(_ icmp: svs_icmp) {
    type = icmp.type
    code = icmp.code
    rest = UInt32(bigEndian: icmp.rest)
  }

  @inlinable @inline(__always)
  mutating func become(_ newType: UInt8, _ newCode: UInt8, _ newRest: UInt32 = 0) {
    type = newType
    code = newCode
    rest = newRest
  }

  /// RFC 7915, section 4.2.
  @inlinable @inline(__always)
  mutating func becomeIPv6(quoted length: UInt32) {
    if type == 11 { return become(3, code) }
    guard type == 3 else { return refuse() }
    switch code {
    // Next header is the seventh byte.
    case 2: become(4, 1, 6)
    case 3: become(1, 4)
    case 4: become(2, 0, Self.largerMTU(rest & 0xffff, length))
    case 9, 10, 13, 15: become(1, 1)
    case 14: refuse()
    default: code <= 15 ? become(1, 0) : refuse()
    }
  }

  /// RFC 7915, section 5.2.
  @inlinable @inline(__always)
  mutating func becomeIPv4() {
    switch type {
    case 1:
      if code > 4 { return refuse() }
      if code == 1 { return become(3, 10) }
      become(3, code == 4 ? 3 : 1)
    case 2: become(3, 4, rest > 88 ? min(rest &- 20, 0xffff) : 68)
    case 3: become(11, code)
    case 4 where code == 1: become(3, 2)
    case 4 where code == 0 && rest < 40: become(12, 0, Self.place(rest) << 24)
    default: refuse()
    }
  }

  @inlinable @inline(__always) mutating func refuse() { isKnown = false }

  /// What an IPv6 host is told: routers that name no MTU get an estimate (RFC 1191, section 7, in part).
  @inlinable @inline(__always)
  static func largerMTU(_ mtu: UInt32, _ length: UInt32) -> UInt32 {
    var mtu = mtu
    if mtu == 0 { mtu = length > 1492 ? 1492 : Crossing.fragmentable }
    return max(mtu &+ 20, Crossing.smallest)
  }

  /// Where IPv4's header has what stands at this place in IPv6's (RFC 7915, figure 6).
  @inlinable @inline(__always)
  static func place(_ pointer: UInt32) -> UInt32 {
    if pointer < 2 { return pointer }
    if pointer < 6 { return pointer < 4 ? 1 : 2 }
    if pointer < 8 { return pointer == 6 ? 9 : 8 }
    return pointer < 24 ? 12 : 16
  }
}
