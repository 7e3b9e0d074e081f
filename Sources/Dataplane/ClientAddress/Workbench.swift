import DataplaneTypes

/// A TCP header on the bench: taken off its segment, changed, and laid back with the checksum that follows.
extension PacketPath {
  /// Copies the segment's header to the bench, where the walk along its options begins.
  @inlinable @inline(__always)
  func lift(
    _ packet: Packet, _ frame: UnsafePointer<Frame>, size: UInt32
  ) -> UnsafeMutablePointer<svs_workbench>? {
    guard let bench = platform.workbench else { return nil }
    let before = UnsafeMutableRawPointer(bench.pointer(to: \.before).unsafelyUnwrapped)
    let after = UnsafeMutableRawPointer(bench.pointer(to: \.after).unsafelyUnwrapped)
    let clear = before.assumingMemoryBound(to: UInt64.self)
    for i in 0..<16 { clear[i] = 0 }
    guard platform.load(packet, from: frame.pointee.transport, length: size, into: before),
      platform.load(packet, from: frame.pointee.transport, length: size, into: after)
    else { return nil }
    bench.pointee.at = 20
    bench.pointee.end = size
    bench.pointee.erasing = 0
    bench.pointee.edges = 0
    bench.pointee.shift = 0
    bench.pointee.cut = 0
    bench.pointee.erased = 0
    bench.pointee.blanks_toa = 0
    bench.pointee.blanks_fast_open = 0
    bench.pointee.fills = 0
    bench.pointee.found_toa = 0
    bench.pointee.settled = 0
    return bench
  }

  /// Gives the header on the bench the checksum that its changes ask for, and lays it back, `size` bytes of it.
  ///
  /// - Parameter growth: how many bytes longer the segment has become, which its pseudo-header tells.
  @inlinable @inline(__always)
  func lay(
    _ packet: Packet, _ frame: UnsafePointer<Frame>, _ bench: UnsafeMutablePointer<svs_workbench>, size: UInt32,
    growth: UInt32
  ) -> Bool {
    let tcp = Self.header(bench)
    var check = Checksum(updating: tcp.pointee.check)
    platform.addDifference(bench, into: &check.sum)
    check.add(UInt16(truncatingIfNeeded: growth).bigEndian)
    tcp.pointee.check = check.field
    let after = UnsafeMutableRawPointer(bench.pointer(to: \.after).unsafelyUnwrapped)
    return platform.store(packet, at: frame.pointee.transport, length: size, from: after)
  }

  @inlinable @inline(__always)
  static func header(_ bench: UnsafeMutablePointer<svs_workbench>) -> UnsafeMutablePointer<svs_tcp> {
    UnsafeMutableRawPointer(bench.pointer(to: \.after).unsafelyUnwrapped).assumingMemoryBound(to: svs_tcp.self)
  }

  /// Makes room for `growth` bytes behind the headers that stand before the transport's, and tells the IP header so.
  @inlinable @inline(__always)
  func grow(_ packet: inout Packet, _ p: UnsafeMutablePointer<Passage>, by growth: UInt32) -> Bool {
    guard let frame = p.pointer(to: \.frame) else { return false }
    let headers = frame.pointee.transport
    // The rest are extension headers that hardly anybody sends.
    guard headers <= 250, platform.moveStart(&packet, by: 0 &- Int32(bitPattern: growth)),
      platform.copyToStart(packet, from: growth, length: UInt32(truncatingIfNeeded: headers))
    else { return false }
    return resize(packet, frame, to: frame.pointee.length &+ growth)
  }

  /// Writes the packet's length into its IP header.
  @inlinable @inline(__always)
  func resize(_ packet: Packet, _ frame: UnsafeMutablePointer<Frame>, to length: UInt32) -> Bool {
    frame.pointee.length = length
    if frame.pointee.flow.family == Family.ipv4 {
      guard let ip = packet.at(dynamic: frame.pointee.network, svs_ipv4.self) else { return false }
      let field = UInt16(truncatingIfNeeded: length).bigEndian
      var check = Checksum(updating: ip.pointee.check)
      check.replace(ip.pointee.length, by: field)
      ip.pointee.check = check.field
      ip.pointee.length = field
      return true
    }
    guard let ip = packet.at(dynamic: frame.pointee.network, svs_ipv6.self) else { return false }
    ip.pointee.length = UInt16(truncatingIfNeeded: length &- 40).bigEndian
    return true
  }

  /// Sums a segment anew whose data has moved.
  @inlinable @inline(__always)
  func sumAnew(_ packet: Packet, _ frame: UnsafePointer<Frame>) -> Bool {
    let length = frame.pointee.length &- UInt32(truncatingIfNeeded: frame.pointee.transport &- frame.pointee.network)
    guard let field = packet.at(dynamic: frame.pointee.transport &+ 16, UInt16.self) else { return false }
    field.pointee = 0
    var check = Checksum()
    if frame.pointee.flow.family == Family.ipv4 {
      check.add(frame.pointee.flow.src.w0)
      check.add(frame.pointee.flow.dst.w0)
    } else {
      check.add(frame.pointee.flow.src)
      check.add(frame.pointee.flow.dst)
    }
    check.add(UInt16(IPProtocol.tcp).bigEndian)
    check.add(UInt16(truncatingIfNeeded: length).bigEndian)
    guard platform.sum(packet, from: frame.pointee.transport, length: Int(length), into: &check.sum),
      let target = packet.at(dynamic: frame.pointee.transport &+ 16, UInt16.self)
    else { return false }
    target.pointee = check.field
    return true
  }
}
