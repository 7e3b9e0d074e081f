import DataplaneTypes

/// Segments of a FULLNAT connection, amended so that its server learns of its client.
///
/// A PROXY header becomes the first bytes of the stream: it goes with every segment that begins where the client's
/// stream does until the server has acknowledged it, so that nothing has to be kept and sent again. From then on the
/// numbers of both directions are shifted by its length. A TOA option goes with all segments until the server is known
/// to have accepted the connection, since any of them may be the one that it accepts it by.
extension PacketPath {
  @inlinable @inline(__always)
  public func amend(_ packet: inout Packet, _ p: UnsafeMutablePointer<Passage>) -> Step {
    let reference = p.pointee.reference
    let frame = p.parsedFrame
    guard let c = platform.connections.find(reference.slot), let exchange = platform.exchanges.find(reference.slot)
    else { return .drop }
    // What is to be answered stays as it came.
    if frame.pointee.flow.proto != IPProtocol.tcp || frame.pointee.ttl <= 1 { return .forward }
    if p.pointee.part != .whole {
      // Nothing can be put into parts, nor taken out: until the server knows its client they stay here.
      if !reference.fromServer, exchange.pointee.heard == 0 { return leaving(.drop, .disclosureDropped) }
      if p.pointee.part == .later { return .forward }
    } else if !completeChecksum(packet, frame, translating: true) {
      return leaving(.drop, .partialChecksumDropped)
    }
    return reference.fromServer
      ? amendReply(packet, frame, c, exchange, p) : amendRequest(&packet, frame, c, exchange, p)
  }

  // MARK: From the client

  @inlinable @inline(__always)
  func amendRequest(
    _ packet: inout Packet, _ frame: UnsafePointer<Frame>, _ c: UnsafeMutablePointer<svs_connection>,
    _ exchange: UnsafeMutablePointer<svs_exchange>, _ p: UnsafeMutablePointer<Passage>
  ) -> Step {
    guard let tcp = packet.at(dynamic: frame.pointee.transport, svs_tcp.self) else { return .drop }
    let flags = TCPFlags(rawValue: tcp.pointee.flags)
    let sequence = UInt32(bigEndian: tcp.pointee.seq)
    let isProxy = Disclosure.isProxy(exchange.pointee.disclosure)
    if flags.contains(.syn) {
      return amendHeader(&packet, frame, c, exchange, tcp.pointee.offset >> 4, .synchronising, p)
    }
    if !isProxy {
      if flags.contains(.rst) { return .forward }
      return amendHeader(&packet, frame, c, exchange, tcp.pointee.offset >> 4, .disclosing, p)
    }
    // Taken up in the middle: where its stream began is not known.
    if exchange.pointee.begun == 0 { return .forward }
    let shift = Shift(first: exchange.pointee.first, by: 0, isSettled: false)
    let distance = shift.distance(sequence)
    let isLate = distance == 0 && flags.contains(.rst) && exchange.pointee.sent != 0
    if exchange.pointee.heard != 0 || distance > 0 || isLate {
      let shifted = (sequence &+ UInt32(exchange.pointee.greeting)).bigEndian
      var check = Checksum(updating: tcp.pointee.check)
      check.replace(tcp.pointee.seq, by: shifted)
      tcp.pointee.seq = shifted
      tcp.pointee.check = check.field
      return .forward
    }
    if flags.contains(.rst) { return .forward }
    if distance == 0 { return greet(&packet, frame, c, exchange, p) }
    // The server would take what reaches into the stream for its beginning.
    let headers =
      UInt32(truncatingIfNeeded: frame.pointee.transport &- frame.pointee.network)
      &+ UInt32(tcp.pointee.offset >> 4) &* 4
    let end = sequence &+ frame.pointee.length &- headers &+ (flags.contains(.fin) ? 1 : 0)
    return shift.distance(end) > 0 ? leaving(.drop, .disclosureDropped) : .forward
  }

  /// Notes where the client's stream begins, and how long what goes before it will be.
  ///
  /// The server's word counts: a client may say SYN more than once, with different numbers.
  @inlinable @inline(__always)
  func begin(_ exchange: UnsafeMutablePointer<svs_exchange>, _ slot: UInt32, first: UInt32) {
    if Disclosure.isProxy(exchange.pointee.disclosure), let bench = platform.workbench, platform.writeGreeting(slot) {
      exchange.pointee.greeting = UInt16(truncatingIfNeeded: bench.pointee.length)
    }
    exchange.pointee.first = first
    exchange.pointee.sent = 0
    exchange.pointee.heard = 0
    exchange.pointee.begun = 1
  }

  /// Writes the header of a connection's server on the bench.
  @inlinable @inline(__always)
  public func writeGreeting(_ slot: UInt32) -> Bool {
    guard let bench = platform.workbench, let c = platform.connections.find(slot),
      let exchange = platform.exchanges.find(slot)
    else { return false }
    if Disclosure.kind(exchange.pointee.disclosure) == Disclosure.proxy2 {
      ProxyHeader.writeBinary(bench, c)
    } else {
      ProxyHeader.writeLine(bench, c, platform)
    }
    return true
  }

  /// Puts the PROXY header before the segment's data.
  @inlinable @inline(__always)
  func greet(
    _ packet: inout Packet, _ frame: UnsafePointer<Frame>, _ c: UnsafeMutablePointer<svs_connection>,
    _ exchange: UnsafeMutablePointer<svs_exchange>, _ p: UnsafeMutablePointer<Passage>
  ) -> Step {
    let growth = UInt32(exchange.pointee.greeting)
    guard let tcp = packet.at(dynamic: frame.pointee.transport, svs_tcp.self) else { return .drop }
    let size = UInt32(tcp.pointee.offset >> 4) &* 4
    let segment = frame.pointee.length &- UInt32(truncatingIfNeeded: frame.pointee.transport &- frame.pointee.network)
    guard size <= segment, let bench = lift(packet, frame, size: size), growth != 0,
      platform.writeGreeting(p.pointee.reference.slot), bench.pointee.length == growth
    else { return leaving(.drop, .disclosureDropped) }
    let header = Self.header(bench)
    // Where both do not fit, the header goes alone: the client sends the rest again, and it goes without.
    let mtu = Crossing.room(p.pointee.way.hop.mtu, frame, c)
    if mtu != 0 && frame.pointee.length &+ growth > mtu || frame.pointee.length > Self.summable
      || exchange.pointee.disclosure & UInt8(SVS_DISCLOSE_ALONE) != 0
    {
      guard trim(&packet, p, size: size) else { return .drop }
      header.pointee.flags &= ~41
    }
    // Urgent data moves too (RFC 9293, section 3.8.5).
    if header.pointee.flags & 32 != 0 {
      let urgent = UInt16(bigEndian: header.pointee.urgent) &+ UInt16(truncatingIfNeeded: growth)
      header.pointee.urgent = urgent.bigEndian
    }
    let text = UnsafeMutableRawPointer(bench.pointer(to: \.text).unsafelyUnwrapped)
    guard grow(&packet, p, by: growth), lay(packet, frame, bench, size: size, growth: 0),
      platform.store(packet, at: frame.pointee.transport &+ Int(size), length: growth, from: text),
      sumAnew(packet, frame)
    else { return leaving(.drop, .disclosureDropped) }
    exchange.pointee.sent = 1
    return .forward
  }

  /// The largest packet that can be summed anew behind a header.
  @inlinable static var summable: UInt32 { 3900 }

  /// Changes a segment's options: takes forged ones out, and puts the client's address in.
  @inlinable @inline(__always)
  func amendHeader(
    _ packet: inout Packet, _ frame: UnsafePointer<Frame>, _ c: UnsafeMutablePointer<svs_connection>,
    _ exchange: UnsafeMutablePointer<svs_exchange>, _ words: UInt8, _ phase: RequestPhase,
    _ p: UnsafeMutablePointer<Passage>
  ) -> Step {
    let disclosure = exchange.pointee.disclosure
    let kind = Disclosure.kind(disclosure)
    var size = UInt32(words) &* 4
    let segment = frame.pointee.length &- UInt32(truncatingIfNeeded: frame.pointee.transport &- frame.pointee.network)
    if size > segment { return .forward }
    let data = segment &- size
    let appends = kind == Disclosure.toa && phase == .disclosing
    // Fast open would give the server data before it knows whose they are: it is declined, and the data come again
    // behind the handshake (RFC 7413, section 4.1.3).
    let declines = kind != 0 && phase == .synchronising
    if size == 20, !appends, !declines { return .forward }
    guard let bench = lift(packet, frame, size: size) else { return .drop }
    bench.pointee.blanks_toa = Disclosure.keepsTOA(disclosure) ? 0 : 1
    bench.pointee.blanks_fast_open = declines ? 1 : 0
    bench.pointee.fills = appends ? 1 : 0
    platform.walk(bench)
    if bench.pointee.erased != 0 { platform.note(.optionBlanked) }
    var growth: UInt32 = 0
    var trims = declines && data != 0
    if appends, bench.pointee.found_toa == 0 || !Disclosure.keepsTOA(disclosure) {
      growth = Disclosure.optionSize(c.pointee.family)
      let link = p.pointee.way.hop.mtu
      let path = exchange.pointee.greeting
      let mtu = Crossing.room(path == 0 || link != 0 && link < path ? link : path, frame, c)
      let isFull = size &+ growth > 60
      if isFull || mtu != 0 && frame.pointee.length &+ growth > mtu {
        if exchange.pointee.sent != 0 {
          platform.note(.optionOmitted)
          growth = 0
        } else if isFull {
          return leaving(.drop, .disclosureDropped)
        } else {
          // The option goes alone, so that the server has it before anything else; the client sends the data again.
          Self.header(bench).pointee.flags &= ~41
          trims = true
        }
      }
      if growth != 0 { exchange.pointee.sent = 1 }
    }
    if trims, !trim(&packet, p, size: size) { return .drop }
    if growth != 0 {
      if !grow(&packet, p, by: growth) { return leaving(.drop, .noHeadroom) }
      append(bench, c, at: size)
      size &+= growth
      Self.header(bench).pointee.offset = UInt8(truncatingIfNeeded: size << 2) | Self.header(bench).pointee.offset & 15
    }
    guard lay(packet, frame, bench, size: size, growth: growth) else { return .drop }
    if trims, !sumAnew(packet, frame) { return .drop }
    return .forward
  }

  /// Writes the client's port and address behind the options on the bench.
  @inlinable @inline(__always)
  func append(
    _ bench: UnsafeMutablePointer<svs_workbench>, _ c: UnsafeMutablePointer<svs_connection>, at size: UInt32
  ) {
    let place = UnsafeMutableRawPointer(bench.pointer(to: \.after).unsafelyUnwrapped) + Int(size & 63)
    let head = place.assumingMemoryBound(to: UInt16.self)
    head[1] = c.pointee.cport
    if c.pointee.family == Family.ipv4 {
      head[0] = UInt16(0xfe08).bigEndian
      (place + 4).assumingMemoryBound(to: UInt32.self).pointee = c.pointee.client.w0
    } else {
      head[0] = UInt16(0xfe14).bigEndian
      (place + 4).assumingMemoryBound(to: svs_addr.self).pointee = c.pointee.client
    }
  }

  /// Takes a segment's data off; its checksum is summed later.
  @inlinable @inline(__always)
  func trim(_ packet: inout Packet, _ p: UnsafeMutablePointer<Passage>, size: UInt32) -> Bool {
    guard let frame = p.pointer(to: \.frame) else { return false }
    let length = UInt32(truncatingIfNeeded: frame.pointee.transport &- frame.pointee.network) &+ size
    let end = frame.pointee.network &+ Int(length)
    return platform.moveEnd(&packet, by: Int32(truncatingIfNeeded: end &- packet.count))
      && resize(packet, frame, to: length)
  }

  // MARK: From the server

  @inlinable @inline(__always)
  func amendReply(
    _ packet: Packet, _ frame: UnsafePointer<Frame>, _ c: UnsafeMutablePointer<svs_connection>,
    _ exchange: UnsafeMutablePointer<svs_exchange>, _ p: UnsafeMutablePointer<Passage>
  ) -> Step {
    guard let tcp = packet.at(dynamic: frame.pointee.transport, svs_tcp.self) else { return .drop }
    let flags = TCPFlags(rawValue: tcp.pointee.flags)
    let size = UInt32(tcp.pointee.offset >> 4) &* 4
    let segment = frame.pointee.length &- UInt32(truncatingIfNeeded: frame.pointee.transport &- frame.pointee.network)
    let isSYN = flags.contains(.syn)
    let isProxy = Disclosure.isProxy(exchange.pointee.disclosure)
    let old = UInt32(bigEndian: tcp.pointee.ack)
    if isSYN, flags.contains(.ack), exchange.pointee.begun == 0 || exchange.pointee.first != old {
      begin(exchange, p.pointee.reference.slot, first: old)
    }
    let greeting = UInt32(exchange.pointee.greeting)
    let distance = Shift(first: exchange.pointee.first, by: 0, isSettled: false).distance(old)
    var acknowledged = old
    if !isSYN, !isProxy {
      // It acknowledges data, or sends some, or goes on with what began before: it has accepted the connection.
      let isPast = flags.contains(.ack) && distance > 0 || segment > size || flags.contains(.fin)
      if isPast || exchange.pointee.begun == 0 { c.pointee.tunnel &= ~UInt8(SVS_AMENDS) }
      return .forward
    }
    if !isSYN, flags.contains(.ack), exchange.pointee.begun != 0 {
      if exchange.pointee.sent != 0, distance >= Int32(bitPattern: greeting) { exchange.pointee.heard = 1 }
      let shift = Shift(first: exchange.pointee.first, by: greeting, isSettled: exchange.pointee.heard != 0)
      acknowledged = shift.toClient(old)
    }
    let cut = isSYN ? Disclosure.size(exchange, c.pointee.family) : 0
    var walks = cut != 0
    if isProxy, !isSYN, size > 20, exchange.pointee.begun != 0 {
      guard let options = packet.at(dynamic: frame.pointee.transport &+ 20, UInt32.self) else { return .drop }
      walks = size != 32 || options.pointee != TCPOption.timestampOnly
    }
    if !walks || size > segment || p.pointee.part != .whole {
      if acknowledged == old { return .forward }
      var check = Checksum(updating: tcp.pointee.check)
      check.replace(tcp.pointee.ack, by: acknowledged.bigEndian)
      tcp.pointee.ack = acknowledged.bigEndian
      tcp.pointee.check = check.field
      return .forward
    }
    guard let bench = lift(packet, frame, size: size) else { return .drop }
    bench.pointee.first = exchange.pointee.first
    bench.pointee.shift = isProxy && !isSYN ? greeting : 0
    bench.pointee.settled = exchange.pointee.heard
    bench.pointee.cut = cut
    let header = Self.header(bench)
    header.pointee.ack = acknowledged.bigEndian
    let window = UInt32(UInt16(bigEndian: header.pointee.window))
    // What the header takes of the server's first window, which has no scale yet.
    if isProxy, isSYN, window > cut {
      header.pointee.window = UInt16(truncatingIfNeeded: window &- cut).bigEndian
    }
    platform.walk(bench)
    return lay(packet, frame, bench, size: size, growth: 0) ? .forward : .drop
  }
}

/// What a segment from the client is, before the server is known to have accepted the connection.
public enum RequestPhase: UInt8 {
  case synchronising
  case disclosing
}
