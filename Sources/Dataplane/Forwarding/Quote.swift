import DataplaneTypes

/// The packet that an ICMP error is about, as far as the error quotes it.
@usableFromInline struct Quote {
  /// Offset of its IP header in the frame, and of what follows that.
  @usableFromInline var network = 0
  @usableFromInline var transport = 0
  @usableFromInline var dontFragment = true
  /// As it stands in the quote; ports only of TCP, UDP and SCTP.
  @usableFromInline var flow = svs_flow_key.empty

  @inlinable @inline(__always) init() {}

  /// False where too little is quoted, or a later fragment, which has no ports.
  @inlinable @inline(__always)
  mutating func read(_ packet: Packet, at offset: Int, _ family: UInt8) -> Bool {
    network = offset
    var proto: UInt8 = 0
    if family == Family.ipv4 {
      guard let ip = packet.at(dynamic: offset, svs_ipv4.self) else { return false }
      let header = Int(ip.pointee.version_ihl & 15) &* 4
      guard ip.pointee.version_ihl >> 4 == 4, header >= 20,
        ip.pointee.fragment & UInt16(0x1fff).bigEndian == 0
      else { return false }
      transport = offset &+ header
      dontFragment = ip.pointee.fragment & UInt16(0x4000).bigEndian != 0
      flow.src = svs_addr(ipv4: ip.pointee.src)
      flow.dst = svs_addr(ipv4: ip.pointee.dst)
      proto = ip.pointee.proto
    } else {
      guard let ip = packet.at(dynamic: offset, svs_ipv6.self) else { return false }
      guard ip.pointee.version_class_flow & UInt32(0xf000_0000).bigEndian == UInt32(0x6000_0000).bigEndian else {
        return false
      }
      transport = offset &+ 40
      flow.src = ip.pointee.src
      flow.dst = ip.pointee.dst
      proto = ip.pointee.next
    }
    flow.kind = svs_flow_key.kind(proto, family)
    if hasPorts {
      guard let ports = packet.at(dynamic: transport, UInt32.self) else { return false }
      flow.ports = ports.pointee
    }
    return true
  }

  @inlinable var hasPorts: Bool {
    @inline(__always) get {
      flow.proto == IPProtocol.tcp || flow.proto == IPProtocol.udp || flow.proto == IPProtocol.sctp
    }
  }

  /// The key of what travels the other way.
  @inlinable var reversed: svs_flow_key {
    @inline(__always) get {
      svs_flow_key(src: flow.dst, dst: flow.src, ports: flow.ports << 16 | flow.ports >> 16, kind: flow.kind)
    }
  }

  /// Where the packet inside a tunnel's begins, and its family; 0 where this is no tunnel of a kind we make.
  @inlinable @inline(__always)
  func inside(_ packet: Packet, _ family: inout UInt8) -> Int {
    var next = flow.proto
    var offset = transport
    if next == IPProtocol.udp {
      // GUE, variant 0, no control message; its first byte has the options' length in words.
      guard let gue = packet.at(dynamic: transport &+ 8, svs_vlan.self) else { return 0 }
      let first = UInt8(truncatingIfNeeded: gue.pointee.tci)
      if first & 0xe0 != 0 { return 0 }
      next = UInt8(truncatingIfNeeded: gue.pointee.tci >> 8)
      offset = transport &+ 12 &+ Int(first & 31) &* 4
      // What stands farther than headers can be read is not looked at.
      if offset > 420 { return 0 }
    } else if next == IPProtocol.gre {
      guard let gre = packet.at(dynamic: transport, svs_vlan.self) else { return 0 }
      if gre.pointee.tci & ~UInt16(0x8000).bigEndian != 0 { return 0 }
      next = gre.pointee.type == EtherType.ipv4 ? IPProtocol.ipip : 0
      if gre.pointee.type == EtherType.ipv6 { next = IPProtocol.ipv6 }
      offset = transport &+ (gre.pointee.tci == 0 ? 4 : 8)
    }
    if next == IPProtocol.ipip {
      family = Family.ipv4
    } else if next == IPProtocol.ipv6 {
      family = Family.ipv6
    } else {
      return 0
    }
    return offset
  }
}
