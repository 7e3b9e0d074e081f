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
    if frame.pointee.flow.proto != IPProtocol.tcp || p.pointee.part == .later || frame.pointee.ttl <= 1 {
      return .forward
    }
    if p.pointee.part == .whole, !completeChecksum(packet, frame, translating: true) {
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
      // A SYN out of nowhere, on a connection that goes on, begins no stream.
      let isHeard = exchange.pointee.progress & UInt8(SVS_GREETING_HEARD) != 0
      if !isHeard || StateWord(bits: c.pointee.word).state == State.synReceived {
        begin(exchange, p.pointee.reference.slot, first: sequence &+ 1)
      }
      return amendHeader(&packet, frame, c, exchange, tcp.pointee.offset >> 4, .synchronising, p)
    }
    let progress = exchange.pointee.progress
    if progress & UInt8(SVS_GREETING_BEGUN) == 0 {
      // Taken up in the middle: where its stream began is not known.
      c.pointee.tunnel &= ~UInt8(SVS_AMENDS)
      return .forward
    }
    if !isProxy {
      if flags.contains(.rst) { return .forward }
      return amendHeader(&packet, frame, c, exchange, tcp.pointee.offset >> 4, .disclosing, p)
    }
    let distance = Shift(first: exchange.pointee.first, by: 0).distance(sequence)
    let isHeard = progress & UInt8(SVS_GREETING_HEARD) != 0
    let isLate = distance == 0 && flags.contains(.rst) && progress & UInt8(SVS_GREETING_SENT) != 0
    if isHeard || distance > 0 || isLate {
      let shifted = (sequence &+ UInt32(exchange.pointee.greeting)).bigEndian
      var check = Checksum(updating: tcp.pointee.check)
      check.replace(tcp.pointee.seq, by: shifted)
      tcp.pointee.seq = shifted
      tcp.pointee.check = check.field
      return .forward
    }
    if distance < 0 || flags.contains(.rst) { return .forward }
    return greet(&packet, frame, c, exchange, p)
  }

  /// Notes where the client's stream begins, and how long what goes before it will be.
  @inlinable @inline(__always)
  func begin(
    _ exchange: UnsafeMutablePointer<svs_exchange>, _ slot: UInt32, first: UInt32
  ) {
    exchange.pointee.greeting = 0
    if Disclosure.isProxy(exchange.pointee.disclosure), let bench = platform.workbench,
      platform.writeGreeting(slot)
    {
      exchange.pointee.greeting = UInt16(truncatingIfNeeded: bench.pointee.length)
    }
    exchange.pointee.first = first
    exchange.pointee.progress = UInt8(SVS_GREETING_BEGUN)
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
    let mtu = Crossing.room(p.pointee.way.hop.mtu, frame, c)
    if p.pointee.part != .whole { return leaving(.drop, .greetingDropped) }
    if mtu != 0, frame.pointee.length &+ growth > mtu {
      if !age(packet, frame) { return .drop }
      return answering(.tooBig, mtu: mtu &- growth, .tooBig, p)
    }
    guard let tcp = packet.at(dynamic: frame.pointee.transport, svs_tcp.self) else { return .drop }
    let size = UInt32(tcp.pointee.offset >> 4) &* 4
    guard let bench = lift(packet, frame, size: size), growth != 0, platform.writeGreeting(p.pointee.reference.slot),
      bench.pointee.length == growth
    else { return leaving(.drop, .greetingDropped) }
    let header = Self.header(bench)
    // Urgent data moves too (RFC 9293, section 3.8.5).
    if header.pointee.flags & 32 != 0 {
      let urgent = UInt16(bigEndian: header.pointee.urgent) &+ UInt16(truncatingIfNeeded: growth)
      header.pointee.urgent = urgent.bigEndian
    }
    let text = UnsafeMutableRawPointer(bench.pointer(to: \.text).unsafelyUnwrapped)
    guard grow(&packet, p, by: growth), lay(packet, frame, bench, size: size, growth: 0),
      platform.store(packet, at: frame.pointee.transport &+ Int(size), length: growth, from: text),
      sumAnew(packet, frame)
    else { return leaving(.drop, .greetingDropped) }
    exchange.pointee.progress |= UInt8(SVS_GREETING_SENT)
    return .forward
  }

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
    if p.pointee.part != .whole { return .forward }
    guard let bench = lift(packet, frame, size: size) else { return .drop }
    bench.pointee.blanks_toa = Disclosure.keepsTOA(disclosure) ? 0 : 1
    bench.pointee.blanks_fast_open = declines ? 1 : 0
    bench.pointee.fills = appends ? 1 : 0
    platform.walk(bench)
    if bench.pointee.erased != 0 { platform.note(.optionBlanked) }
    var growth: UInt32 = 0
    if appends, bench.pointee.found_toa == 0 || !Disclosure.keepsTOA(disclosure) {
      growth = Disclosure.optionSize(c.pointee.family)
      let mtu = Crossing.room(p.pointee.way.hop.mtu, frame, c)
      if size &+ growth > 60 || mtu != 0 && frame.pointee.length &+ growth > mtu {
        platform.note(.optionOmitted)
        growth = 0
      }
    }
    if growth != 0 {
      if !grow(&packet, p, by: growth) { return leaving(.drop, .noHeadroom) }
      append(bench, c, at: size)
      size &+= growth
      Self.header(bench).pointee.offset = UInt8(truncatingIfNeeded: size << 2) | Self.header(bench).pointee.offset & 15
    }
    guard lay(packet, frame, bench, size: size, growth: growth) else { return .drop }
    if declines, data != 0 { return withhold(&packet, p, size: size) }
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

  /// Takes a SYN's data off.
  @inlinable @inline(__always)
  func withhold(_ packet: inout Packet, _ p: UnsafeMutablePointer<Passage>, size: UInt32) -> Step {
    guard let frame = p.pointer(to: \.frame) else { return .drop }
    let length = UInt32(truncatingIfNeeded: frame.pointee.transport &- frame.pointee.network) &+ size
    let end = frame.pointee.network &+ Int(length)
    guard platform.moveEnd(&packet, by: Int32(truncatingIfNeeded: end &- packet.count)),
      resize(packet, frame, to: length), sumAnew(packet, UnsafePointer(frame))
    else { return .drop }
    return .forward
  }

  // MARK: From the server

  @inlinable @inline(__always)
  func amendReply(
    _ packet: Packet, _ frame: UnsafePointer<Frame>, _ c: UnsafeMutablePointer<svs_connection>,
    _ exchange: UnsafeMutablePointer<svs_exchange>, _ p: UnsafeMutablePointer<Passage>
  ) -> Step {
    guard let tcp = packet.at(dynamic: frame.pointee.transport, svs_tcp.self) else { return .drop }
    if exchange.pointee.progress & UInt8(SVS_GREETING_BEGUN) == 0 { return .forward }
    let flags = TCPFlags(rawValue: tcp.pointee.flags)
    let size = UInt32(tcp.pointee.offset >> 4) &* 4
    let segment = frame.pointee.length &- UInt32(truncatingIfNeeded: frame.pointee.transport &- frame.pointee.network)
    let isSYN = flags.contains(.syn)
    let isProxy = Disclosure.isProxy(exchange.pointee.disclosure)
    let greeting = UInt32(exchange.pointee.greeting)
    let shift = Shift(first: exchange.pointee.first, by: greeting)
    let old = UInt32(bigEndian: tcp.pointee.ack)
    let distance = flags.contains(.ack) ? shift.distance(old) : 0
    var acknowledged = old
    if isProxy {
      if distance > 0 { acknowledged = shift.toClient(old) }
      if distance > 0, distance >= Int32(bitPattern: greeting) {
        exchange.pointee.progress |= UInt8(SVS_GREETING_HEARD)
      }
    } else if distance > 0 || !isSYN && (segment > size || flags.contains(.fin)) {
      // It acknowledges data, or sends some: it has accepted the connection.
      c.pointee.tunnel &= ~UInt8(SVS_AMENDS)
      return .forward
    }
    var cut: UInt32 = 0
    if isSYN {
      if isProxy { cut = greeting }
      if Disclosure.kind(exchange.pointee.disclosure) == Disclosure.toa {
        cut = Disclosure.optionSize(c.pointee.family)
      }
    }
    var walks = cut != 0
    if isProxy, !isSYN, size > 20 {
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
    bench.pointee.first = shift.first
    bench.pointee.shift = isProxy && !isSYN ? greeting : 0
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
