import DataplaneTypes

/// What the kernel knew of a packet that it sent into svs0: the firewall mark, and whether this host sent it.
///
/// XDP runs before the rules that set marks, and does not see what the host itself sends. So such packets take the
/// kernel's way into svs0, whose egress program writes this into the frame's source address, and meet the director at
/// svs1.
@usableFromInline struct Stamp {
  @usableFromInline var kind: UInt16 = 0
  @usableFromInline var mark: UInt32 = 0

  @inlinable @inline(__always) init() {}

  @inlinable @inline(__always)
  mutating func read(_ packet: Packet) {
    guard let ethernet = packet.at(0, svs_eth.self) else { return }
    let source = ethernet.pointee.src
    kind = source.a
    mark = UInt32(source.b) | UInt32(source.c) << 16
  }

  @inlinable var isOwn: Bool { @inline(__always) get { kind == UInt16(SVS_STAMP_OWN) } }
  @inlinable var isForwarded: Bool { @inline(__always) get { kind == UInt16(SVS_STAMP_FORWARDED) } }
  @inlinable var isDiverted: Bool { @inline(__always) get { kind == UInt16(SVS_STAMP_DIVERTED) } }
  @inlinable var isValid: Bool { @inline(__always) get { isOwn || isForwarded || isDiverted } }
}

extension PacketPath {
  /// Takes back what the kernel took from the time to live where it forwarded: the director does it once, for both.
  @inlinable @inline(__always)
  func rejuvenate(_ packet: Packet, _ p: UnsafeMutablePointer<Passage>) -> Bool {
    guard let frame = p.pointer(to: \.frame) else { return false }
    frame.pointee.ttl &+= 1
    if frame.pointee.flow.family == Family.ipv4 {
      guard let ip = packet.at(dynamic: frame.pointee.network, svs_ipv4.self) else { return false }
      var check = Checksum(updating: ip.pointee.check)
      let word = UInt16(ip.pointee.ttl)
      check.replace(word, by: word &+ 1)
      ip.pointee.ttl &+= 1
      ip.pointee.check = check.field
      return true
    }
    guard let ip = packet.at(dynamic: frame.pointee.network, svs_ipv6.self) else { return false }
    ip.pointee.hops &+= 1
    return true
  }
}

/// The addresses of the pair's ends.
public enum HandoverMAC {
  /// Of svs0.
  @inlinable public static var outer: svs_mac {
    svs_mac(a: UInt16(SVS_OUTER_MAC_A), b: UInt16(SVS_OUTER_MAC_B), c: UInt16(SVS_OUTER_MAC_C))
  }
  /// Of svs1.
  @inlinable public static var inner: svs_mac {
    svs_mac(a: UInt16(SVS_OUTER_MAC_A), b: UInt16(SVS_OUTER_MAC_B), c: UInt16(SVS_INNER_MAC_C))
  }
}
