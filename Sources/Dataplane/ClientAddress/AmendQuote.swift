import DataplaneTypes

extension PacketPath {
  /// Makes an error about a segment that was amended on its way to the server one about the segment that its client
  /// sent: the number that it quotes, and the size that would have fitted.
  @inlinable @inline(__always)
  func restore(
    _ packet: Packet, _ frame: UnsafeMutablePointer<Frame>, _ quote: Quote,
    _ exchange: UnsafeMutablePointer<svs_exchange>, _ family: UInt8
  ) {
    let size = Disclosure.size(exchange, family)
    if size == 0 || exchange.pointee.begun == 0 { return }
    var change = Checksum()
    // Errors quote eight bytes at least (RFC 792): ports and number.
    if Disclosure.isProxy(exchange.pointee.disclosure),
      let number = packet.at(dynamic: quote.transport &+ 4, UInt32.self)
    {
      let shift = Shift(first: exchange.pointee.first, by: size, isSettled: exchange.pointee.heard != 0)
      let moved = shift.toClient(UInt32(bigEndian: number.pointee)).bigEndian
      change.replace(number.pointee, by: moved)
      number.pointee = moved
    }
    guard let icmp = packet.at(dynamic: frame.pointee.transport, svs_icmp.self) else { return }
    let four = frame.pointee.flow.family == Family.ipv4
    let isTooBig = four ? icmp.pointee.type == 3 && icmp.pointee.code == 4 : icmp.pointee.type == 2
    let mtu = UInt32(bigEndian: icmp.pointee.rest)
    // What tells comes with the first segment, which is as large as any. Less than every link carries is somebody's lie.
    let smallest: UInt32 = four ? 68 : 1280
    // What a client can be brought to send: one of IPv6 does not go below 1,280 bytes, whatever its server's family is.
    let least = four && family == Family.ipv6 ? Crossing.fragmentable : smallest
    if isTooBig, mtu >= smallest {
      if mtu > size &+ least {
        change.replace(icmp.pointee.rest, by: (mtu &- size).bigEndian)
        icmp.pointee.rest = (mtu &- size).bigEndian
      } else if Disclosure.isProxy(exchange.pointee.disclosure) {
        // No host sends segments that would leave room: the header goes without data…
        exchange.pointee.disclosure |= UInt8(SVS_DISCLOSE_ALONE)
      } else {
        // …and data go without the option.
        exchange.pointee.greeting = UInt16(truncatingIfNeeded: mtu)
      }
    }
    var sum = Checksum(updating: icmp.pointee.check)
    sum.add(change)
    icmp.pointee.check = sum.field
  }
}
