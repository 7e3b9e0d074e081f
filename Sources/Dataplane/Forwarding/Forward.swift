import DataplaneTypes

extension PacketPath {
  /// Looks the way of a connection's packets up, and remembers it in the connection.
  @inlinable @inline(__always)
  public func route(_ packet: inout Packet, _ p: UnsafeMutablePointer<Passage>) -> Step {
    let reference = p.pointee.reference
    let tick = p.pointee.tick
    guard let config = platform.configuration.find(0), let c = platform.connections.find(reference.slot),
      let server = platform.servers.find(c.pointee.server)
    else { return .drop }
    if p.pointee.part == .first { rememberFragments(config, p) }
    var query = RouteQuery(family: c.pointee.family, source: c.pointee.vip, destination: c.pointee.client)
    var probe = false
    if reference.fromServer {
      let refreshes = (c.pointee.notes &+ 1) & 15
      c.pointee.notes = c.pointee.notes & ~15 | refreshes
      probe = refreshes == 0 && config.pointee.probe_ticks != 0
    } else {
      query.family = c.pointee.server_family
      query.destination = c.pointee.rip
      query.source = c.pointee.client
      if c.pointee.method == Method.tunnel { query.source = server.pointee.tunnel_source }
      if c.pointee.method == Method.fullNAT, let exchange = platform.exchanges.find(reference.slot) {
        query.source = exchange.pointee.local
      }
      let last = server.pointee.probe_tick
      if config.pointee.probe_ticks != 0, tick &- last >= config.pointee.probe_ticks {
        probe = server.pointer(to: \.probe_tick).unsafelyUnwrapped.compareExchange(last, tick)
      }
    }
    var way = Way()
    way.find(&query, now: tick, platform)
    way.remember(Way.hop(c, reference.fromServer))
    if way.kind == .redirect, !reference.fromServer, c.pointee.method == Method.fullNAT {
      leaveWay(reference.slot, config)
    }
    // Now and then a packet takes the kernel's way, so that its neighbour table sees the address in use, asks
    // after it when it is stale, and notices that its MAC has changed.
    if probe, way.kind == .redirect, config.pointee.handover_ifindex != 0 {
      way.giveToKernel(query.ifindex)
    }
    let frame = p.parsedFrame
    let part = p.pointee.part
    let size =
      Crossing.applies(c)
      ? Crossing.size(frame, part)
      : frame.pointee.length &+ (reference.fromServer ? 0 : Self.overhead(c) &+ Encapsulation.size(c))
    let mayFragment =
      Crossing.applies(c)
      ? Crossing.mayFragment(frame, part, size, c)
      : !frame.pointee.dontFragment && (reference.fromServer || !Self.isInIPv6(c))
    if !frame.isICMP, way.hop.mtu != 0, size > UInt32(way.hop.mtu), mayFragment, config.pointee.handover_ifindex != 0 {
      way.giveToKernel(query.ifindex)
      way.kind = .fragmenting
    }
    p.pointee.way = way
    if frame.pointee.flow.proto == IPProtocol.sctp, Method.translates(c.pointee.method), frame.pointee.ttl > 1,
      way.hop.mtu == 0 || size <= UInt32(way.hop.mtu)
    {
      // Here, where the verifier has few other paths to follow; what is answered instead stays as it came.
      if !translateSCTP(packet, frame, c, reference) { return .drop }
    }
    switch way.kind {
    case .notForwarded where reference.fromServer && c.pointee.notes & UInt8(SVS_OWN) != 0:
      return home(frame, config, c, p)
    case .notForwarded where c.pointee.method == Method.direct:
      // The director is the real server itself, and the packet is addressed to it already.
      return .pass
    case .notForwarded where c.pointee.method == Method.nat && isHere(server, reference, c):
      p.pointee.way.kind = .local
      return .forward
    case .notForwarded where c.pointee.method == Method.tunnel && server.pointee.tunnel_source == c.pointee.rip:
      // A tunnel to the director itself needs none, as with IPVS. Only an own address is its own source.
      return .pass
    case .notForwarded where query.family == Family.ipv4 && UInt8(truncatingIfNeeded: query.destination.w0) == 127:
      // A loopback address is nowhere to go for what came by a wire; the kernel's routing is silent about it too.
      return leaving(.drop, .noRoute)
    case .notForwarded, .unreachable:
      // No error answers an error, or a later fragment (RFC 1122, section 3.2.2).
      return reference.fromServer || p.parsedFrame.isICMP || p.pointee.part == .later
        ? leaving(.drop, .noRoute) : answering(.hostUnreachable, .noRoute, p)
    default: return next(c)
    }
  }

  /// What comes when the way is known.
  @inlinable @inline(__always)
  func next(_ c: UnsafeMutablePointer<svs_connection>) -> Step {
    c.pointee.tunnel & UInt8(SVS_AMENDS) != 0 ? .amend : .forward
  }

  /// Whether a server of NAT's is a socket of this host, whose replies the kernel's routing brings to svs1.
  @inlinable @inline(__always)
  func isHere(
    _ server: UnsafeMutablePointer<svs_server>, _ reference: FlowReference, _ c: UnsafeMutablePointer<svs_connection>
  ) -> Bool {
    !reference.fromServer && server.pointee.tunnel_source == c.pointee.rip && c.pointee.notes & UInt8(SVS_OWN) == 0
  }

  /// Replies to the director's own host go to svs1, and come out of svs0: where their connection's requests went in.
  @inlinable @inline(__always)
  func home(
    _ frame: UnsafePointer<Frame>, _ config: UnsafeMutablePointer<svs_config>,
    _ c: UnsafeMutablePointer<svs_connection>, _ p: UnsafeMutablePointer<Passage>
  ) -> Step {
    var way = Way()
    way.kind = .redirect
    way.hop.ifindex = config.pointee.lookup_ifindex
    way.hop.tick = p.pointee.tick
    way.hop.macs = svs_macs(destination: HandoverMAC.outer, source: HandoverMAC.inner)
    way.hop.kind_vlan = UInt16(Way.Kind.redirect.rawValue) << 12
    way.remember(Way.hop(c, true))
    p.pointee.way = way
    return .forward
  }

  /// Sends the packet on whose way was looked up just now.
  @inlinable @inline(__always)
  public func forward(_ packet: inout Packet, _ p: UnsafeMutablePointer<Passage>) -> Step {
    let reference = p.pointee.reference
    guard let c = platform.connections.find(reference.slot) else { return .drop }
    guard let way = p.pointer(to: \.way), let hop = way.pointer(to: \.hop) else { return .drop }
    let frame = p.parsedFrame
    // Errors are of the other family already.
    if Crossing.applies(c), !frame.isICMP { return .cross }
    if frame.isICMP || p.pointee.part != .whole {
      return deliver(&packet, frame, c, way, reference, p)
    }
    return forward(&packet, frame, c, hop, plainly: false, by: way, reference, p)
  }

  /// Puts the headers in front of a packet that is translated, and sends it.
  @inlinable @inline(__always)
  public func emit(_ packet: inout Packet, _ p: UnsafeMutablePointer<Passage>) -> Step {
    let reference = p.pointee.reference
    guard let c = platform.connections.find(reference.slot), let way = p.pointer(to: \.way),
      let hop = way.pointer(to: \.hop)
    else { return .drop }
    if way.pointee.kind == .local { return .pass }
    let tunnelled = c.pointee.method == Method.tunnel && !reference.fromServer
    return Step(emit(&packet, p.parsedFrame, c, hop, plainly: false, by: way, tunnelled: tunnelled))
  }

  /// Sends the packet of a connection on: to its server, or back to its client.
  ///
  /// - Parameters:
  ///   - plainly: whether the frame leaves by a device itself, and in no tunnel but IP in IP. What has to be
  ///     fragmented ends in `Step.route`.
  ///   - way: where it is not plain.
  @inlinable @inline(__always)
  func forward(
    _ packet: inout Packet, _ frame: UnsafePointer<Frame>, _ c: UnsafeMutablePointer<svs_connection>,
    _ hop: UnsafeMutablePointer<svs_hop>, plainly: Bool, by way: UnsafeMutablePointer<Way>?,
    _ reference: FlowReference, _ p: UnsafeMutablePointer<Passage>
  ) -> Step {
    let fromServer = reference.fromServer
    if frame.pointee.ttl <= 1 {
      return fromServer
        ? leaving(.pass, .replyTimeExceeded) : answering(.timeExceeded, .timeExceeded, p)
    }
    let overhead = fromServer ? 0 : Self.overhead(c) &+ (plainly ? 0 : Encapsulation.size(c))
    let mtu = UInt32(hop.pointee.mtu)
    if mtu != 0, frame.pointee.length &+ overhead > mtu {
      if !plainly && way.unsafelyUnwrapped.pointee.kind != .fragmenting || frame.pointee.dontFragment {
        // As IPVS quotes it: with its time to live counted down already.
        if !age(packet, frame) { return .drop }
        // A reply's sender is told too, in the client's name, for whom it is on its way: else downloads would stall.
        return answering(.tooBig, mtu: mtu &- overhead, .tooBig, p)
      }
      if plainly { return .route }
    }
    let sums = plainly || frame.pointee.flow.proto != IPProtocol.sctp
    guard !sums || completeChecksum(packet, frame, translating: Method.translates(c.pointee.method)) else {
      return leaving(.drop, .partialChecksumDropped)
    }
    if c.pointee.method == Method.nat {
      let address = fromServer ? c.pointer(to: \.vip) : c.pointer(to: \.rip)
      let port = fromServer ? c.pointee.vport : c.pointee.rport
      if !translate(packet, frame, source: fromServer, address.unsafelyUnwrapped, port, plainly: plainly) {
        return .drop
      }
    } else if c.pointee.method == Method.fullNAT {
      guard let ends = Ends(c, reference, platform), exchange(packet, frame, ends, plainly: plainly) else {
        return .drop
      }
    } else if !age(packet, frame) {
      return .drop
    }
    if !plainly { return .emit }
    let tunnelled = c.pointee.method == Method.tunnel && !fromServer
    return Step(emit(&packet, frame, c, hop, plainly: true, by: nil, tunnelled: tunnelled))
  }

  /// Sends an ICMP error about a connection on, translated already, or a fragment.
  @inlinable @inline(__always)
  func deliver(
    _ packet: inout Packet, _ frame: UnsafePointer<Frame>, _ c: UnsafeMutablePointer<svs_connection>,
    _ way: UnsafeMutablePointer<Way>, _ reference: FlowReference, _ p: UnsafeMutablePointer<Passage>
  ) -> Step {
    let fromServer = reference.fromServer
    guard let hop = way.pointer(to: \.hop) else { return .drop }
    let tunnelled = c.pointee.method == Method.tunnel && !fromServer
    let overhead = tunnelled ? Self.overhead(c) &+ Encapsulation.size(c) : 0
    let mtu = UInt32(hop.pointee.mtu)
    let isTooBig = mtu != 0 && frame.pointee.length &+ overhead > mtu && way.pointee.kind != .fragmenting
    if frame.pointee.ttl <= 1 || isTooBig {
      if frame.isICMP { return leaving(.drop, .errorDropped) }
      return refuseFragment(packet, frame, mtu: mtu &- overhead, isTooBig: isTooBig, fromServer: fromServer, p)
    }
    if frame.isICMP {
      platform.note(.errorForwarded)
    } else if c.pointee.method == Method.nat {
      let address = fromServer ? c.pointer(to: \.vip) : c.pointer(to: \.rip)
      let port = fromServer ? c.pointee.vport : c.pointee.rport
      let isFirst = p.pointee.part == .first
      if !translateFragment(packet, frame, isFirst: isFirst, source: fromServer, address.unsafelyUnwrapped, port) {
        return .drop
      }
    } else if c.pointee.method == Method.fullNAT {
      guard let ends = Ends(c, reference, platform),
        exchangeFragment(packet, frame, ends, isFirst: p.pointee.part == .first)
      else { return .drop }
    }
    if !age(packet, frame) { return .drop }
    return .emit
  }
}
