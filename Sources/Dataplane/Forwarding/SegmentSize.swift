import DataplaneTypes

/// The largest segment that a TCP end says it takes (RFC 9293, section 3.7.1).
@usableFromInline enum SegmentSize {
  /// Options that are looked at; SYN has four or five, and this is among the first.
  @inlinable static var options: Int { 10 }

  /// Makes a larger one smaller. Who says nothing takes 536 bytes, or 1,220 in IPv6, which go anywhere.
  @inlinable @inline(__always)
  static func limit(_ packet: Packet, _ frame: UnsafePointer<Frame>, to largest: UInt16) {
    let transport = frame.pointee.transport
    guard let tcp = packet.at(dynamic: transport, svs_tcp.self) else { return }
    let end = transport &+ Int(tcp.pointee.offset >> 4) &* 4
    var at = transport &+ 20
    for _ in 0..<options {
      // Nothing is read beyond what an offset found at run time may be.
      guard at &+ 4 <= end, at < 500, let option = packet.at(dynamic: at, UInt32.self) else { return }
      let kind = UInt8(truncatingIfNeeded: option.pointee)
      let length = UInt8(truncatingIfNeeded: option.pointee >> 8)
      if kind == 0 { return }
      if kind == 2 {
        let old = UInt16(truncatingIfNeeded: option.pointee >> 16)
        if length == 4, UInt16(bigEndian: old) > largest {
          option.pointee = option.pointee & 0xffff | UInt32(largest.bigEndian) << 16
          update(packet, at: transport &+ 16, old, largest.bigEndian, isOdd: (at &- transport) & 1 != 0)
        }
        return
      }
      if kind != 1, length < 2 { return }
      at &+= kind == 1 ? 1 : Int(length)
    }
  }

  /// - Parameter isOdd: whether the word stands across two of those that are summed.
  @inlinable @inline(__always)
  static func update(_ packet: Packet, at offset: Int, _ old: UInt16, _ new: UInt16, isOdd: Bool) {
    guard let field = packet.at(dynamic: offset, UInt16.self) else { return }
    var check = Checksum(updating: field.pointee)
    if isOdd {
      check.replace(old.byteSwapped, by: new.byteSwapped)
    } else {
      check.replace(old, by: new)
    }
    field.pointee = check.field
  }
}
