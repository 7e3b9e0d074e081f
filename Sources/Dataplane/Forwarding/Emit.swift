import DataplaneTypes

/// How a packet leaves: the link layer's header, a tunnel's, and the hand-over to the kernel.
extension PacketPath {
  /// Bytes of the header that a tunnel puts in front; 0 for other methods.
  @inlinable @inline(__always)
  static func overhead(_ c: UnsafeMutablePointer<svs_connection>) -> UInt32 {
    if c.pointee.method != Method.tunnel { return 0 }
    return c.pointee.server_family == Family.ipv4 ? 20 : 40
  }

  /// Whether requests travel inside IPv6, which routers do not fragment, and nor does the director.
  @inlinable @inline(__always)
  static func isInIPv6(_ c: UnsafeMutablePointer<svs_connection>) -> Bool {
    c.pointee.method == Method.tunnel && c.pointee.server_family != Family.ipv4
  }

  /// Puts all headers in front of the packet and sends it.
  @inlinable @inline(__always)
  func emit(
    _ packet: inout Packet, _ frame: UnsafePointer<Frame>, _ c: UnsafeMutablePointer<svs_connection>,
    _ hop: UnsafeMutablePointer<svs_hop>, plainly: Bool, by way: UnsafeMutablePointer<Way>?, tunnelled: Bool
  ) -> Verdict {
    var leaveBy = hop.pointee.ifindex
    let byKernel = !plainly && way.unsafelyUnwrapped.pointee.isByKernel
    let fragmenting = !plainly && way.unsafelyUnwrapped.pointee.kind == .fragmenting
    if byKernel {
      guard let config = platform.configuration.find(0), config.pointee.handover_ifindex != 0 else {
        platform.note(.handoverFailed)
        return .drop
      }
      leaveBy = config.pointee.handover_ifindex
    }
    var outer = Outer()
    if tunnelled { outer.read(packet, frame) }

    let vlan = hop.pointee.vlan
    let link = byKernel ? 14 &+ MemoryLayout<svs_handover>.size : (vlan != 0 ? 18 : 14)
    let inside = tunnelled && !plainly ? Int(Encapsulation.size(c)) : 0
    let header = tunnelled ? Int(Self.overhead(c)) : 0
    let room = link &+ header &+ inside
    if room != frame.pointee.network {
      let move = Int32(truncatingIfNeeded: frame.pointee.network &- room)
      guard platform.moveStart(&packet, by: move) else {
        platform.note(.noHeadroom)
        return .drop
      }
    }
    guard let ethernet = packet.at(0, svs_eth.self), let macs = packet.at(0, svs_macs.self) else { return .drop }
    // What has crossed is of its server's family, or back in its client's.
    let inner = plainly ? c.pointee.family : frame.pointee.flow.family
    let family = tunnelled ? c.pointee.server_family : inner
    let type = family == Family.ipv4 ? EtherType.ipv4 : EtherType.ipv6
    macs.pointee = hop.pointee.macs
    ethernet.pointee.type = type
    if byKernel, let way {
      guard let note = packet.at(14, svs_handover.self) else { return .drop }
      note.pointee.magic = UInt32(SVS_HANDOVER_MAGIC)
      note.pointee.ifindex = hop.pointee.ifindex
      note.pointee.family = UInt32(way.pointee.nextHopFamily)
      note.pointee.mtu = fragmenting ? hop.pointee.mtu : 0
      note.pointee.sent = 0
      note.pointee.next_hop = way.pointee.nextHop
    } else if vlan != 0 {
      guard let tag = packet.at(14, svs_vlan.self) else { return .drop }
      ethernet.pointee.type = EtherType.vlan
      tag.pointee.tci = vlan.bigEndian
      tag.pointee.type = type
    }
    if tunnelled {
      guard let server = platform.servers.find(c.pointee.server) else { return .drop }
      let source = outer.source(server, c)
      if inside != 0,
        !outer.encapsulate(packet, at: link &+ header, size: inside, from: source, server, c, frame, platform)
      {
        return .drop
      }
      if !outer.write(packet, at: link, from: source, c) { return .drop }
    }
    // Fragments are counted where they are cut.
    if byKernel, !fragmenting { platform.note(.handedOver) }
    // Also where it leaves by the device it came in by: veth does not deliver what an XDP program transmits unless its
    // peer has a program too, but it does deliver what is redirected.
    return platform.redirect(leaveBy)
  }
}

/// The outer header of an IP-in-IP tunnel (RFC 2003, RFC 2473, RFC 4213), from what the inner one says.
@usableFromInline struct Outer {
  @usableFromInline var length: UInt16 = 0
  @usableFromInline var id: UInt16 = 0
  @usableFromInline var fragment: UInt16 = 0
  @usableFromInline var ttl: UInt8 = 0
  @usableFromInline var class_: UInt8 = 0
  @usableFromInline var proto: UInt8 = 0

  @inlinable @inline(__always) init() {}

  /// Reads what the outer header copies: time to live, class of service, don't-fragment.
  @inlinable @inline(__always)
  mutating func read(_ packet: Packet, _ frame: UnsafePointer<Frame>) {
    length = UInt16(truncatingIfNeeded: frame.pointee.length)
    if frame.pointee.flow.family == Family.ipv4 {
      guard let ip = packet.at(dynamic: frame.pointee.network, svs_ipv4.self) else { return }
      class_ = ip.pointee.tos
      ttl = ip.pointee.ttl
      fragment = ip.pointee.fragment & UInt16(0x4000).bigEndian
      // RFC 6864: an id means nothing where fragmenting is forbidden.
      // A packet's fragments share theirs; their places in it tell their outer packets apart.
      id = fragment == 0 ? ip.pointee.id ^ 0x5653 ^ ip.pointee.fragment : 0
      proto = IPProtocol.ipip
    } else {
      guard let ip = packet.at(dynamic: frame.pointee.network, svs_ipv6.self) else { return }
      class_ = UInt8(truncatingIfNeeded: UInt32(bigEndian: ip.pointee.version_class_flow) >> 20)
      ttl = ip.pointee.hops
      fragment = UInt16(0x4000).bigEndian
      proto = IPProtocol.ipv6
    }
    // RFC 6040: what has met congestion before the tunnel starts inside it as capable again.
    if class_ & 3 == 3 { class_ = class_ & 0xfc | 2 }
  }

  /// Where user space found no source address yet, the VIP stands in: every decapsulator takes it.
  @inlinable @inline(__always)
  func source(_ server: UnsafeMutablePointer<svs_server>, _ c: UnsafeMutablePointer<svs_connection>) -> svs_addr {
    server.pointee.tunnel_source.isZero ? c.pointee.vip : server.pointee.tunnel_source
  }

  @inlinable @inline(__always)
  func write(
    _ packet: Packet, at offset: Int, from source: svs_addr, _ c: UnsafeMutablePointer<svs_connection>
  ) -> Bool {
    if c.pointee.server_family == Family.ipv4 {
      guard let ip = packet.at(dynamic: offset, svs_ipv4.self) else { return false }
      let from = source.w0
      let total = (length &+ 20).bigEndian
      var check = Checksum()
      check.add(UInt16(0x45) | UInt16(class_) << 8)
      check.add(total)
      check.add(id)
      check.add(fragment)
      check.add(UInt16(ttl) | UInt16(proto) << 8)
      check.add(from)
      check.add(c.pointee.rip.w0)
      ip.pointee.version_ihl = 0x45
      ip.pointee.tos = class_
      ip.pointee.length = total
      ip.pointee.id = id
      ip.pointee.fragment = fragment
      ip.pointee.ttl = ttl
      ip.pointee.proto = proto
      ip.pointee.check = check.field
      ip.pointee.src = from
      ip.pointee.dst = c.pointee.rip.w0
      return true
    }
    guard let ip = packet.at(dynamic: offset, svs_ipv6.self) else { return false }
    ip.pointee.version_class_flow = (UInt32(0x6000_0000) | UInt32(class_) << 20).bigEndian
    ip.pointee.length = length.bigEndian
    ip.pointee.next = proto
    ip.pointee.hops = ttl
    ip.pointee.src = source
    ip.pointee.dst = c.pointee.rip
    return true
  }
}
