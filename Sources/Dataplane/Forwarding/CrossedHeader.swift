import DataplaneTypes

/// What an IP header says that its counterpart of the other family says too (RFC 7915, sections 4.1 and 5.1).
///
/// Options and extension headers stay behind, and so does the flow label.
@usableFromInline struct CrossedHeader {
  /// Type of service, or traffic class.
  @usableFromInline var tos: UInt8 = 0
  /// As it is to be, counted down.
  @usableFromInline var ttl: UInt8 = 0
  @usableFromInline var proto: UInt8 = 0
  /// Of the packet on the other side, without IPv6's header.
  @usableFromInline var length: UInt16 = 0
  /// A fragment's place as the other side has it, or IPv4's don't-fragment; in network order.
  @usableFromInline var place: UInt16 = 0
  /// In network order, as wide as the other side's.
  @usableFromInline var id: UInt32 = 0

  @inlinable @inline(__always) init() {}

  /// - Parameter size: of the packet on the other side.
  @inlinable @inline(__always)
  mutating func read(_ packet: Packet, _ frame: UnsafePointer<Frame>, _ part: Part, _ size: UInt32) -> Bool {
    ttl = frame.pointee.ttl &- 1
    proto = frame.pointee.flow.proto
    if frame.pointee.flow.family == Family.ipv4 {
      guard let ip = packet.at(dynamic: frame.pointee.network, svs_ipv4.self) else { return false }
      tos = ip.pointee.tos
      length = UInt16(truncatingIfNeeded: size &- 40)
      let word = UInt16(bigEndian: ip.pointee.fragment)
      place = (word << 3 | (word >> 13) & 1).bigEndian
      id = UInt32(ip.pointee.id) << 16
      return true
    }
    guard let ip = packet.at(dynamic: frame.pointee.network, svs_ipv6.self) else { return false }
    tos = UInt8(truncatingIfNeeded: UInt32(bigEndian: ip.pointee.version_class_flow) >> 20)
    length = UInt16(truncatingIfNeeded: size)
    if part != .whole {
      guard let fragment = packet.at(dynamic: frame.pointee.transport &- 8, svs_ipv6_fragment.self) else {
        return false
      }
      let word = UInt16(bigEndian: fragment.pointee.place)
      place = (word >> 3 | (word & 1) << 13).bigEndian
      // The lower half, which stands last.
      id = fragment.pointee.id >> 16
    } else if size > Crossing.fragmentable {
      place = UInt16(0x4000).bigEndian
    } else {
      // Packets that might be taken for each other's fragments differ in their checksum, or not at all.
      let sctp = proto == IPProtocol.sctp
      let offset = frame.pointee.transport &+ (proto == IPProtocol.tcp ? 16 : (sctp ? 8 : 6))
      guard let field = packet.at(dynamic: offset, UInt16.self) else { return false }
      id = UInt32(field.pointee)
    }
    return true
  }

  @inlinable @inline(__always)
  func writeIPv4(_ packet: Packet, at offset: Int, _ ends: Ends) -> Bool {
    guard let ip = packet.at(dynamic: offset, svs_ipv4.self) else { return false }
    let total = length.bigEndian
    let id = UInt16(truncatingIfNeeded: id)
    let source = ends.source.pointee.w0
    let destination = ends.destination.pointee.w0
    var check = Checksum()
    check.add(UInt16(0x45) | UInt16(tos) << 8)
    check.add(total)
    check.add(id)
    check.add(place)
    check.add(UInt16(ttl) | UInt16(proto) << 8)
    check.add(source)
    check.add(destination)
    ip.pointee.version_ihl = 0x45
    ip.pointee.tos = tos
    ip.pointee.length = total
    ip.pointee.id = id
    ip.pointee.fragment = place
    ip.pointee.ttl = ttl
    ip.pointee.proto = proto
    ip.pointee.check = check.field
    ip.pointee.src = source
    ip.pointee.dst = destination
    return true
  }

  @inlinable @inline(__always)
  func writeIPv6(_ packet: Packet, at offset: Int, _ ends: Ends, _ part: Part) -> Bool {
    guard let ip = packet.at(dynamic: offset, svs_ipv6.self) else { return false }
    ip.pointee.version_class_flow = (UInt32(0x6000_0000) | UInt32(tos) << 20).bigEndian
    ip.pointee.length = length.bigEndian
    ip.pointee.next = part == .whole ? proto : IPProtocol.fragment
    ip.pointee.hops = ttl
    ip.pointee.src = ends.source.pointee
    ip.pointee.dst = ends.destination.pointee
    if part == .whole { return true }
    guard let fragment = packet.at(dynamic: offset &+ 40, svs_ipv6_fragment.self) else { return false }
    fragment.pointee.next = proto
    fragment.pointee.reserved = 0
    fragment.pointee.place = place
    fragment.pointee.id = id
    return true
  }
}
