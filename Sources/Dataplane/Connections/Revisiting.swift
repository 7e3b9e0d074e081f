import DataplaneTypes

/// What `receive` leaves, so that most packets pay nothing for it: SYN on a flow that is known, and SCTP.
extension PacketPath {
  /// Finds the packet's connection, moves it, and looks its way up; or opens a new one.
  @inlinable @inline(__always)
  public func revisit(_ packet: inout Packet, _ p: UnsafeMutablePointer<Passage>) -> Step {
    guard let header = p.pointer(to: \.frame), let config = platform.configuration.find(0) else { return .pass }
    if header.pointee.flow.proto == IPProtocol.sctp {
      guard header.readNetwork(packet), header.readChunks(packet) else { return leaving(.pass, .malformed) }
      p.pointee.tick = ConnectionTable<P>.tick(platform.now())
    }
    let frame = p.parsedFrame
    let tick = p.pointee.tick
    let known = platform.flows.find(at: frame.flow)
    p.pointee.hasFlow = known != nil
    guard let found = known else { return .open }
    let reference = FlowReference(found.pointee)
    guard let c = connection(reference) else { return leaving(.drop, .contention) }
    let word = StateWord(bits: c.pointee.word)
    if frame.pointee.flags.contains(.syn), reopens(reference, c, word, config) { return .open }
    if !serverStands(c, reference, config) { return withoutServer(reference, c.pointee.family, config, tick, p) }
    let table = ConnectionTable(platform)
    let isLive =
      c.pointee.proto == IPProtocol.sctp
      ? table.advanceSCTP(c, reference, frame.pointee.chunk, now: tick)
      : table.advance(c, word, reference, frame.pointee.flags, config, now: tick)
    guard isLive else { return leaving(.drop, .contention) }
    count(c.pointee.server, frame, reference.fromServer)
    discloseAnew(c, frame, reference)
    p.pointee.reference = reference
    return .route
  }

  /// A stream that begins anew on a connection that stays is told of anew.
  @inlinable @inline(__always)
  func discloseAnew(
    _ c: UnsafeMutablePointer<svs_connection>, _ frame: UnsafePointer<Frame>, _ reference: FlowReference
  ) {
    guard c.pointee.method == Method.fullNAT, !reference.fromServer, c.pointee.proto == IPProtocol.tcp,
      frame.pointee.flags.contains(.syn), let exchange = platform.exchanges.find(reference.slot),
      Disclosure.amends(exchange.pointee.disclosure)
    else { return }
    c.pointee.tunnel |= UInt8(SVS_AMENDS)
  }

  /// Whether a client's SYN, or INIT, ends the connection that its flow has, so that a new one is opened.
  @inlinable @inline(__always)
  func reopens(
    _ reference: FlowReference, _ c: UnsafeMutablePointer<svs_connection>, _ word: StateWord,
    _ config: UnsafeMutablePointer<svs_config>
  ) -> Bool {
    if reference.fromServer { return false }
    if config.pointee.expire_nodest_conn != 0, let server = platform.servers.find(c.pointee.server),
      server.pointee.weight == 0
    {
      return true
    }
    let mode = config.pointee.conn_reuse_mode
    // A template keeps its client's connections where they are.
    guard mode != 0, c.pointee.control == 0 else { return false }
    if c.pointee.proto == IPProtocol.sctp { return word.state == SCTPState.closed }
    return word.state == State.timeWait || word.state == State.closed
      || mode & 2 != 0 && word.state == State.finWait && !Method.translates(c.pointee.method)
  }
}
