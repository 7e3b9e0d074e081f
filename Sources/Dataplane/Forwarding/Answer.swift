import DataplaneTypes

/// An ICMP message sent back in the name of whom the packet was for (RFC 792, RFC 4443): the VIP, or a reply's client.
public struct Answer {
  public enum Kind: UInt8 {
    case none = 0
    case portUnreachable
    case hostUnreachable
    case timeExceeded
    case tooBig
    /// An IPv4 source route failed, or an IPv6 routing header is not to be followed.
    case sourceRoute
  }

  public var kind = Kind.none
  /// What stands behind the checksum: an MTU, or where the fault stands in an IPv6 packet (RFC 4443, section 3.4).
  public var mtu: UInt32 = 0

  @inlinable @inline(__always) public init() {}

  @inlinable @inline(__always) public init(_ kind: Kind, mtu: UInt32 = 0) {
    self.kind = kind
    self.mtu = mtu
  }

  @inlinable @inline(__always)
  func typeAndCode(_ family: UInt8) -> (UInt8, UInt8) {
    let four = family == Family.ipv4
    return switch kind {
    case .timeExceeded: four ? (11, 0) : (3, 0)
    case .hostUnreachable: four ? (3, 1) : (1, 3)
    case .tooBig: four ? (3, 4) : (2, 0)
    case .sourceRoute: four ? (3, 5) : (4, 0)
    default: four ? (3, 3) : (1, 4)
    }
  }
}

extension PacketPath {
  /// Turns the frame into an answer to its sender, quoting as much of it as the RFCs let stand.
  ///
  /// RFC 1812, section 4.3.2.3: an IPv4 message has at most 576 bytes; RFC 4443, section 2.4: an IPv6 one fits 1,280.
  @inlinable @inline(__always)
  public func answer(_ packet: inout Packet, _ p: UnsafeMutablePointer<Passage>) -> Step {
    let frame = p.parsedFrame
    let answer = p.pointee.answer
    guard let device = platform.devices.find(platform.ingress),
      device.pointee.flags & UInt32(SVS_DEVICE_REDIRECT) != 0
    else { return .pass }
    let four = frame.pointee.flow.family == Family.ipv4
    guard isGranted(packet, frame, answer.kind) else { return leaving(.drop, .answerLimited) }
    let header = four ? 28 : 48
    var tos: UInt8 = 0
    if four, let ip = packet.at(dynamic: frame.pointee.network, svs_ipv4.self) { tos = ip.pointee.tos }
    // Precedence 6, internetwork control, as routers mark their errors (RFC 1812, section 4.3.2.5).
    tos = tos & 0x1e | 0xc0
    let quoted = min(Int(frame.pointee.length), four ? 548 : 1232)
    let end = frame.pointee.network &+ quoted
    guard platform.moveEnd(&packet, by: Int32(truncatingIfNeeded: end &- packet.count)),
      let old = packet.at(0, svs_eth.self)
    else { return .drop }
    let to = old.pointee.src
    let from = old.pointee.dst
    var type = old.pointee.type
    var outerTag = svs_vlan(tci: 0, type: 0)
    var innerTag = svs_vlan(tci: 0, type: 0)
    if frame.pointee.network >= 18, let tag = packet.at(14, svs_vlan.self) { outerTag = tag.pointee }
    if frame.pointee.network >= 22, let tag = packet.at(18, svs_vlan.self) { innerTag = tag.pointee }
    guard platform.moveStart(&packet, by: Int32(truncatingIfNeeded: 0 &- header)),
      let ethernet = packet.at(0, svs_eth.self)
    else {
      platform.note(.noHeadroom)
      return .drop
    }
    // What came by the kernel goes back there, out of svs0, to be routed once more.
    let isAtPair = platform.configuration.find(0)?.pointee.lookup_ifindex == platform.ingress
    ethernet.pointee.dst = isAtPair ? HandoverMAC.outer : to
    ethernet.pointee.src = from
    if frame.pointee.network == 14 { type = four ? EtherType.ipv4 : EtherType.ipv6 }
    ethernet.pointee.type = type
    if frame.pointee.network >= 18, let tag = packet.at(14, svs_vlan.self) { tag.pointee = outerTag }
    if frame.pointee.network >= 22, let tag = packet.at(18, svs_vlan.self) { tag.pointee = innerTag }

    let (kind, code) = answer.typeAndCode(frame.pointee.flow.family)
    guard
      writeError(
        packet, at: frame.pointee.network, frame.pointee.flow.family, quoted: quoted,
        from: frame.flow.pointer(to: \.dst).unsafelyUnwrapped, to: frame.flow.pointer(to: \.src).unsafelyUnwrapped,
        ErrorHeader(type: kind, code: code, tos: tos, ttl: isAtPair ? 65 : 64, rest: answer.mtu))
    else { return .drop }
    return Step(platform.redirect(platform.ingress))
  }

  /// Writes the IP and ICMP headers of an error in front of the `quoted` bytes that stand behind their place.
  @inlinable @inline(__always)
  func writeError(
    _ packet: Packet, at network: Int, _ family: UInt8, quoted: Int, from: UnsafePointer<svs_addr>,
    to: UnsafePointer<svs_addr>, _ header: ErrorHeader
  ) -> Bool {
    let four = family == Family.ipv4
    let icmpOffset = network &+ (four ? 20 : 40)
    guard let icmp = packet.at(dynamic: icmpOffset, svs_icmp.self) else { return false }
    icmp.pointee.type = header.type
    icmp.pointee.code = header.code
    icmp.pointee.check = 0
    icmp.pointee.rest = header.rest.bigEndian
    var check = Checksum()
    guard platform.sum(packet, from: icmpOffset, length: quoted &+ 8, into: &check.sum) else { return false }
    if four {
      guard let ip = packet.at(dynamic: network, svs_ipv4.self) else { return false }
      let total = UInt16(truncatingIfNeeded: quoted &+ 28).bigEndian
      var sum = Checksum()
      sum.add(UInt16(0x45) | UInt16(header.tos) << 8)
      sum.add(total)
      sum.add(UInt16(header.ttl) | UInt16(IPProtocol.icmp) << 8)
      sum.add(from.pointee.w0)
      sum.add(to.pointee.w0)
      ip.pointee.version_ihl = 0x45
      ip.pointee.tos = header.tos
      ip.pointee.length = total
      ip.pointee.id = 0
      ip.pointee.fragment = 0
      ip.pointee.ttl = header.ttl
      ip.pointee.proto = IPProtocol.icmp
      ip.pointee.check = sum.field
      ip.pointee.src = from.pointee.w0
      ip.pointee.dst = to.pointee.w0
    } else {
      guard let ip = packet.at(dynamic: network, svs_ipv6.self) else { return false }
      let payload = UInt16(truncatingIfNeeded: quoted &+ 8)
      check.add(from.pointee)
      check.add(to.pointee)
      check.add(payload.bigEndian)
      check.add(UInt16(IPProtocol.icmpv6).bigEndian)
      ip.pointee.version_class_flow = UInt32(0x6000_0000).bigEndian
      ip.pointee.length = payload.bigEndian
      ip.pointee.next = IPProtocol.icmpv6
      ip.pointee.hops = header.ttl
      ip.pointee.src = from.pointee
      ip.pointee.dst = to.pointee
    }
    guard let field = packet.at(dynamic: icmpOffset, svs_icmp.self) else { return false }
    field.pointee.check = check.field
    return true
  }
}

/// What differs between the headers of errors.
@usableFromInline struct ErrorHeader {
  @usableFromInline var type: UInt8
  @usableFromInline var code: UInt8
  @usableFromInline var tos: UInt8
  @usableFromInline var ttl: UInt8
  /// The MTU of a packet that is too big.
  @usableFromInline var rest: UInt32

  @inlinable @inline(__always)
  init(type: UInt8, code: UInt8, tos: UInt8, ttl: UInt8, rest: UInt32) {
    self.type = type
    self.code = code
    self.tos = tos
    self.ttl = ttl
    self.rest = rest
  }
}
