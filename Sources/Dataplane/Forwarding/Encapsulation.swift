import DataplaneTypes

/// What stands between a tunnel's outer IP header and the packet inside: nothing for IP in IP, or GUE's or GRE's header.
public enum Encapsulation {
  /// Kinds by the numbers of their records; a connection keeps the flags in the upper half of the same byte.
  @inlinable static var gue: UInt8 { 1 }
  @inlinable static var gre: UInt8 { 2 }
  @inlinable static var checksumFlag: UInt8 { 1 << 4 }

  /// Bytes of it.
  @inlinable @inline(__always)
  static func size(_ c: UnsafeMutablePointer<svs_connection>) -> UInt32 {
    if c.pointee.method != Method.tunnel { return 0 }
    let kind = c.pointee.tunnel & 15
    if kind == gue { return 12 }
    if kind == gre { return c.pointee.tunnel & checksumFlag != 0 ? 8 : 4 }
    return 0
  }
}

extension Outer {
  /// Writes the header of GUE (draft-ietf-intarea-gue, variant 0, behind UDP) or GRE (RFC 2784) at `offset`, and makes
  /// the outer IP header's length and protocol tell of it.
  ///
  /// A remote checksum is offloaded only where the inner checksum is not complete yet; here it always is, so that, as
  /// with IPVS for forwarded packets, the flag gives an outer checksum and no option.
  @inlinable @inline(__always)
  mutating func encapsulate<P: Platform>(
    _ packet: Packet, at offset: Int, size: Int, from source: svs_addr, _ server: UnsafeMutablePointer<svs_server>,
    _ c: UnsafeMutablePointer<svs_connection>, _ frame: UnsafePointer<Frame>, _ platform: P
  ) -> Bool {
    let whole = Int(length) &+ size
    let inner = proto
    length = UInt16(truncatingIfNeeded: whole)
    if c.pointee.tunnel & 15 == Encapsulation.gue {
      proto = IPProtocol.udp
      guard let udp = packet.at(dynamic: offset, svs_udp.self) else { return false }
      // The flow chooses the port, so that routers and cards spread flows (RFC 7510, section 3); 49152 and above.
      let mixed = (frame.pointee.flow.ports ^ frame.pointee.flow.src.fold) &* 0x9e37_79b1
      udp.pointee.sport = (UInt16(truncatingIfNeeded: mixed >> 16) | 0xc000).bigEndian
      udp.pointee.dport = server.pointee.tunnel_port
      udp.pointee.length = length.bigEndian
      udp.pointee.check = 0
      guard let gue = packet.at(dynamic: offset &+ 8, UInt32.self) else { return false }
      // Variant 0, no options, then the protocol inside, no flags.
      gue.pointee = UInt32(inner) << 8
      if c.pointee.tunnel >> 4 & 3 == 0 { return true }
      var check = Checksum()
      if c.pointee.server_family == Family.ipv4 {
        check.add(source.w0)
        check.add(c.pointee.rip.w0)
      } else {
        check.add(source)
        check.add(c.pointee.rip)
      }
      check.add(UInt16(IPProtocol.udp).bigEndian)
      check.add(length.bigEndian)
      guard platform.sum(packet, from: offset, length: whole, into: &check.sum),
        let target = packet.at(dynamic: offset, svs_udp.self)
      else { return false }
      let field = check.field
      target.pointee.check = field == 0 ? 0xffff : field
      return true
    }
    proto = IPProtocol.gre
    guard let gre = packet.at(dynamic: offset, svs_vlan.self) else { return false }
    // Flags and the protocol inside: the layout of a VLAN's tag.
    gre.pointee.tci = size == 8 ? UInt16(0x8000).bigEndian : 0
    gre.pointee.type = inner == IPProtocol.ipip ? EtherType.ipv4 : EtherType.ipv6
    if size != 8 { return true }
    guard let field = packet.at(dynamic: offset &+ 4, UInt32.self) else { return false }
    field.pointee = 0
    var check = Checksum()
    guard platform.sum(packet, from: offset, length: whole, into: &check.sum),
      let target = packet.at(dynamic: offset &+ 4, UInt16.self)
    else { return false }
    target.pointee = check.field
    return true
  }
}
