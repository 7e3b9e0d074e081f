import DataplaneTypes

/// What every forwarded packet goes through before it leaves: NAT's rewriting, the time to live, checksums.
extension PacketPath {
  /// Completes a partial checksum: a field that holds no more than the pseudo-header's sum, as a local sender with
  /// checksum offload leaves it. False if it cannot be done.
  ///
  /// A UDP packet without a checksum gets one when it is translated, as IPVS gives it one.
  /// A whole checksum that happens to equal that sum comes out unchanged, so taking one for the other does no harm.
  @inlinable @inline(__always)
  func completeChecksum(_ packet: Packet, _ frame: UnsafePointer<Frame>, translating: Bool) -> Bool {
    let length = frame.pointee.length &- UInt32(truncatingIfNeeded: frame.pointee.transport &- frame.pointee.network)
    var pseudo = Checksum()
    if frame.pointee.flow.family == Family.ipv4 {
      pseudo.add(frame.pointee.flow.src.w0)
      pseudo.add(frame.pointee.flow.dst.w0)
    } else {
      pseudo.add(frame.pointee.flow.src)
      pseudo.add(frame.pointee.flow.dst)
    }
    pseudo.add(UInt16(frame.pointee.flow.proto).bigEndian)
    pseudo.add(UInt16(truncatingIfNeeded: length).bigEndian)
    let offset = frame.pointee.transport &+ (frame.pointee.flow.proto == IPProtocol.tcp ? 16 : 6)
    guard let field = packet.at(dynamic: offset, UInt16.self) else { return true }
    let absent = frame.pointee.flow.proto == IPProtocol.udp && field.pointee == 0
    if absent ? !translating : field.pointee != pseudo.folded { return true }
    // A partial field holds the pseudo-header's sum already, so that the sum over the segment is the whole.
    var whole = absent ? pseudo : Checksum()
    guard platform.sum(packet, from: frame.pointee.transport, length: Int(length), into: &whole.sum) else {
      return false
    }
    guard let target = packet.at(dynamic: offset, UInt16.self) else { return false }
    let value = whole.field
    target.pointee = value == 0 ? 0xffff : value
    if !absent { platform.note(.partialChecksum) }
    return true
  }

  /// Counts down the time to live or hop limit of a packet that is not translated, or not forwarded.
  @inlinable @inline(__always)
  func age(_ packet: Packet, _ frame: UnsafePointer<Frame>) -> Bool {
    if frame.pointee.flow.family == Family.ipv4 {
      guard let ip = packet.at(dynamic: frame.pointee.network, svs_ipv4.self) else { return false }
      var check = Checksum(updating: ip.pointee.check)
      // The time to live is the first byte of a word.
      let word = UInt16(ip.pointee.ttl)
      check.replace(word, by: word &- 1)
      ip.pointee.ttl &-= 1
      ip.pointee.check = check.field
      return true
    }
    guard let ip = packet.at(dynamic: frame.pointee.network, svs_ipv6.self) else { return false }
    ip.pointee.hops &-= 1
    return true
  }

  /// Writes another address and port, of the destination or of a reply's source, and counts the time to live down.
  @inlinable @inline(__always)
  func translate(
    _ packet: Packet, _ frame: UnsafePointer<Frame>, source: Bool, _ address: UnsafeMutablePointer<svs_addr>,
    _ port: UInt16, plainly: Bool
  ) -> Bool {
    // What the change adds to every sum that the address is part of.
    var change = Checksum()
    if frame.pointee.flow.family == Family.ipv4 {
      guard let ip = packet.at(dynamic: frame.pointee.network, svs_ipv4.self) else { return false }
      var check = Checksum(updating: ip.pointee.check)
      change.replace(source ? ip.pointee.src : ip.pointee.dst, by: address.pointee.w0)
      check.add(change)
      // The time to live is the first byte of a word.
      let word = UInt16(frame.pointee.ttl)
      check.replace(word, by: word &- 1)
      ip.pointee.ttl = frame.pointee.ttl &- 1
      ip.pointee.check = check.field
      if source { ip.pointee.src = address.pointee.w0 } else { ip.pointee.dst = address.pointee.w0 }
    } else {
      guard let ip = packet.at(dynamic: frame.pointee.network, svs_ipv6.self) else { return false }
      change.replace(source ? ip.pointee.src : ip.pointee.dst, by: address.pointee)
      ip.pointee.hops = frame.pointee.ttl &- 1
      if source { ip.pointee.src = address.pointee } else { ip.pointee.dst = address.pointee }
    }
    if frame.pointee.flow.proto == IPProtocol.tcp {
      guard let tcp = packet.at(dynamic: frame.pointee.transport, svs_tcp.self) else { return false }
      var check = Checksum(updating: tcp.pointee.check)
      check.add(change)
      check.replace(source ? tcp.pointee.sport : tcp.pointee.dport, by: port)
      tcp.pointee.check = check.field
      if source { tcp.pointee.sport = port } else { tcp.pointee.dport = port }
      return true
    }
    // Its ports are translated already, and its checksum covers no addresses.
    if !plainly, frame.pointee.flow.proto == IPProtocol.sctp { return true }
    guard let udp = packet.at(dynamic: frame.pointee.transport, svs_udp.self) else { return false }
    var check = Checksum(updating: udp.pointee.check)
    check.add(change)
    check.replace(source ? udp.pointee.sport : udp.pointee.dport, by: port)
    let field = check.field
    // RFC 768: zero would mean that there is no checksum.
    udp.pointee.check = field == 0 ? 0xffff : field
    if source { udp.pointee.sport = port } else { udp.pointee.dport = port }
    return true
  }
}
