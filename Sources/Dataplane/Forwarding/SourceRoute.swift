import DataplaneTypes

/// A packet's own list of hosts to pass through. One that is not at its end is not to be translated (RFC 7915, sections
/// 4.1 and 5.1): to leave the list out would send the packet where its sender did not mean it to go.
@usableFromInline struct SourceRoute {
  /// Where IPv6's Segments Left stands in the packet; 0 of IPv4.
  @usableFromInline var pointer: UInt32 = 0

  @inlinable @inline(__always) init() {}

  /// Whether there is one.
  @inlinable @inline(__always)
  mutating func find(_ packet: Packet, _ frame: UnsafePointer<Frame>) -> Bool {
    if frame.pointee.flow.family == Family.ipv4 {
      let options = frame.pointee.transport &- frame.pointee.network &- 20
      return options > 0 && Self.isInOptions(packet, at: frame.pointee.network &+ 20, length: options)
    }
    return frame.pointee.transport &- frame.pointee.network > 40 && findHeader(packet, frame.pointee.network)
  }

  /// Loose or strict (RFC 791, section 3.1): at its end where its pointer is greater than its length.
  @inlinable @inline(__always)
  static func isInOptions(_ packet: Packet, at start: Int, length: Int) -> Bool {
    var position = 0
    for _ in 0..<40 {
      // Within bounds that are the same each time, so that the verifier's paths meet again.
      position &= 63
      if position >= length { return false }
      guard let kind = packet.at(dynamic: start &+ position, UInt8.self) else { return false }
      if kind.pointee == 0 { return false }
      if kind.pointee == 1 {
        position &+= 1
        continue
      }
      guard let size = packet.at(dynamic: start &+ position &+ 1, UInt8.self) else { return false }
      if kind.pointee == 131 || kind.pointee == 137 {
        guard let pointer = packet.at(dynamic: start &+ position &+ 2, UInt8.self) else { return false }
        return pointer.pointee <= size.pointee
      }
      // What contradicts itself has no end.
      if size.pointee < 2 || Int(size.pointee) > length &- position { return false }
      position &+= Int(size.pointee)
    }
    return false
  }

  /// As `parseIPv6` goes along the headers (RFC 8200, section 4.1).
  @inlinable @inline(__always)
  mutating func findHeader(_ packet: Packet, _ network: Int) -> Bool {
    guard let ip = packet.at(dynamic: network, svs_ipv6.self) else { return false }
    var next = ip.pointee.next
    var position = 40
    for _ in 0..<4 {
      guard next == IPProtocol.hopByHop || next == IPProtocol.destinationOptions || next == IPProtocol.routing,
        let header = packet.at(dynamic: network &+ position, UInt32.self)
      else { return false }
      // Next header, length, type of routing, segments left.
      let word = UInt32(bigEndian: header.pointee)
      if next == IPProtocol.routing, word & 0xff != 0 {
        pointer = UInt32(truncatingIfNeeded: position &+ 3)
        return true
      }
      next = UInt8(truncatingIfNeeded: word >> 24)
      position &+= (Int((word >> 16) & 0xff) &+ 1) &* 8
    }
    return false
  }
}
