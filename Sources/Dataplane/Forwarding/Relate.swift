import DataplaneTypes

/// ICMP errors about connections (RFC 792, RFC 4443): whom they are for, and with which addresses.
extension PacketPath {
  /// Finds the connection that an ICMP error is about and translates it as that connection's packets are.
  ///
  /// Whatever is no error, or quotes no connection of ours, is passed to the kernel untouched.
  @inlinable @inline(__always)
  public func relate(_ packet: inout Packet, _ p: UnsafeMutablePointer<Passage>) -> Step {
    guard let frame = p.pointer(to: \.frame) else { return .pass }
    p.pointee.part = .whole
    if !UnsafePointer(frame).isICMP { return frame.pointee.flow.proto == IPProtocol.sctp ? .revisit : .pass }
    guard readError(packet, frame) else { return .pass }
    let family = frame.pointee.flow.family
    var quote = Quote()
    guard quote.read(packet, at: frame.pointee.transport &+ 8, family) else { return .pass }
    p.pointee.tick = ConnectionTable<P>.tick(platform.now())
    if quote.hasPorts, let found = platform.flows.find(quote.reversed) {
      let reference = FlowReference(found.pointee)
      guard let c = connection(reference) else { return .pass }
      if reference.fromServer {
        // Under FULLNAT the quote's key has told already whom the error is for.
        guard c.pointee.method == Method.fullNAT || frame.pointee.flow.dst == c.pointee.client else { return .pass }
      } else {
        guard frame.pointee.flow.dst == c.pointee.vip else { return .pass }
      }
      if c.pointee.tunnel & UInt8(SVS_AMENDS) != 0, reference.fromServer, quote.flow.proto == IPProtocol.tcp,
        let exchange = platform.exchanges.find(reference.slot)
      {
        restore(packet, frame, quote, exchange, c.pointee.family)
      }
      if Crossing.applies(c) {
        p.pointee.reference = reference
        return .crossError
      }
      if Method.translates(c.pointee.method) {
        guard let ends = Ends(c, reference, platform),
          translate(packet, frame, quote, ends, keepsSender: c.pointee.method == Method.nat && !reference.fromServer)
        else { return .drop }
      }
      p.pointee.reference = reference
      return .route
    }
    return relateTunnel(&packet, frame, quote, p)
  }

  /// Reads the outer header and says whether it is an error; `transport` becomes the message's offset.
  @inlinable @inline(__always)
  func readError(_ packet: Packet, _ frame: UnsafeMutablePointer<Frame>) -> Bool {
    let four = frame.pointee.flow.family == Family.ipv4
    guard frame.readNetwork(packet), let icmp = packet.at(dynamic: frame.pointee.transport, svs_icmp.self) else {
      return false
    }
    let type = icmp.pointee.type
    // Unreachable, source quench, time exceeded; of ICMPv6 all errors (types below 128).
    return four ? type == 3 || type == 4 || type == 11 : type < 128
  }

  @inlinable @inline(__always)
  func connection(_ reference: FlowReference) -> UnsafeMutablePointer<svs_connection>? {
    guard let c = platform.connections.find(reference.slot) else { return nil }
    let word = StateWord(bits: c.pointee.word)
    return word.generation == reference.generation && !word.isDead && !word.isFree ? c : nil
  }

  /// Rewrites the message's own addresses and what it quotes. A checksum inside the quote stays what it was: the quote
  /// may be cut, and nobody checks it; IPVS leaves it too.
  ///
  /// - Parameter keepsSender: whether the server is to see who sent the error: under NAT it sees its clients too.
  @inlinable @inline(__always)
  func translate(
    _ packet: Packet, _ frame: UnsafeMutablePointer<Frame>, _ quote: Quote, _ ends: Ends, keepsSender: Bool
  ) -> Bool {
    // What the changes add to the message's checksum.
    var change = Checksum()
    guard let ports = packet.at(dynamic: quote.transport, UInt32.self) else { return false }
    // What is quoted travelled the other way.
    let reversed = ends.ports << 16 | ends.ports >> 16
    change.replace(ports.pointee, by: reversed)
    ports.pointee = reversed
    if frame.pointee.flow.family == Family.ipv4 {
      guard let inner = packet.at(dynamic: quote.network, svs_ipv4.self) else { return false }
      var check = Checksum(updating: inner.pointee.check)
      var addresses = Checksum()
      addresses.replace(inner.pointee.src, by: ends.destination.pointee.w0)
      addresses.replace(inner.pointee.dst, by: ends.source.pointee.w0)
      check.add(addresses)
      change.add(addresses)
      let field = check.field
      change.replace(inner.pointee.check, by: field)
      inner.pointee.check = field
      inner.pointee.src = ends.destination.pointee.w0
      inner.pointee.dst = ends.source.pointee.w0
      guard let outer = packet.at(dynamic: frame.pointee.network, svs_ipv4.self) else { return false }
      var sum = Checksum(updating: outer.pointee.check)
      let sender = keepsSender ? outer.pointee.src : ends.source.pointee.w0
      sum.replace(outer.pointee.src, by: sender)
      sum.replace(outer.pointee.dst, by: ends.destination.pointee.w0)
      outer.pointee.check = sum.field
      outer.pointee.src = sender
      outer.pointee.dst = ends.destination.pointee.w0
    } else {
      guard let inner = packet.at(dynamic: quote.network, svs_ipv6.self) else { return false }
      change.replace(inner.pointee.src, by: ends.destination.pointee)
      change.replace(inner.pointee.dst, by: ends.source.pointee)
      inner.pointee.src = ends.destination.pointee
      inner.pointee.dst = ends.source.pointee
      guard let outer = packet.at(dynamic: frame.pointee.network, svs_ipv6.self) else { return false }
      // ICMPv6's checksum covers the outer addresses too.
      if !keepsSender {
        change.replace(outer.pointee.src, by: ends.source.pointee)
        outer.pointee.src = ends.source.pointee
      }
      change.replace(outer.pointee.dst, by: ends.destination.pointee)
      outer.pointee.dst = ends.destination.pointee
    }
    guard let icmp = packet.at(dynamic: frame.pointee.transport, svs_icmp.self) else { return false }
    var sum = Checksum(updating: icmp.pointee.check)
    sum.add(change)
    icmp.pointee.check = sum.field
    return true
  }

  /// An error about a tunnel of ours becomes one about the packet inside, for the client that sent it.
  @inlinable @inline(__always)
  func relateTunnel(
    _ packet: inout Packet, _ frame: UnsafeMutablePointer<Frame>, _ outer: Quote, _ p: UnsafeMutablePointer<Passage>
  ) -> Step {
    var family: UInt8 = 0
    let offset = outer.inside(packet, &family)
    var quote = Quote()
    guard offset != 0, quote.read(packet, at: offset, family), quote.hasPorts,
      let found = platform.flows.find(quote.flow)
    else { return .pass }
    let reference = FlowReference(found.pointee)
    guard !reference.fromServer, let c = connection(reference), c.pointee.method == Method.tunnel,
      c.pointee.server_family == outer.flow.family, outer.flow.dst == c.pointee.rip,
      let icmp = packet.at(dynamic: frame.pointee.transport, svs_icmp.self)
    else { return .pass }
    var type = icmp.pointee.type
    var code = icmp.pointee.code
    let four = outer.flow.family == Family.ipv4
    var rest = UInt32(bigEndian: icmp.pointee.rest)
    let tooBig = four ? type == 3 && code == 4 : type == 2
    if tooBig {
      // A packet that may be fragmented needs no smaller MTU, but inside IPv6, where it may not.
      if four, !quote.dontFragment { return leaving(.drop, .errorDropped) }
      let overhead = Self.overhead(c) &+ Encapsulation.size(c)
      let mtu = four ? rest & 0xffff : rest
      rest = mtu > overhead &+ 68 ? mtu &- overhead : mtu
    } else {
      rest = 0
    }
    if family != outer.flow.family {
      let expired = type == (four ? 11 : 3)
      let kind: Answer.Kind = tooBig ? .tooBig : (expired ? .timeExceeded : .hostUnreachable)
      (type, code) = Answer(kind).typeAndCode(family)
    }
    let message = family == Family.ipv4 ? 28 : 48
    let available = Int(frame.pointee.length) &- (offset &- frame.pointee.network)
    let quoted = min(available, family == Family.ipv4 ? 548 : 1232)
    let trimmed = offset &+ quoted &- packet.count
    guard quoted > 0, platform.moveEnd(&packet, by: Int32(truncatingIfNeeded: trimmed)),
      platform.moveStart(&packet, by: Int32(truncatingIfNeeded: offset &- message &- 14))
    else { return leaving(.drop, .errorDropped) }
    frame.pointee.network = 14
    frame.pointee.transport = 14 &+ message &- 8
    frame.pointee.length = UInt32(truncatingIfNeeded: quoted &+ message)
    // Counted down on the way out.
    frame.pointee.ttl = 65
    frame.pointee.flow.kind = svs_flow_key.kind(
      family == Family.ipv4 ? IPProtocol.icmp : IPProtocol.icmpv6, family)
    guard
      writeError(
        packet, at: 14, family, quoted: quoted, from: c.pointer(to: \.vip).unsafelyUnwrapped,
        to: c.pointer(to: \.client).unsafelyUnwrapped,
        ErrorHeader(type: type, code: code, tos: 0xc0, ttl: 65, rest: rest))
    else { return .drop }
    p.pointee.reference = FlowReference(slot: reference.slot, generation: reference.generation, fromServer: true)
    return .route
  }
}
