import DataplaneTypes

/// The director's packet path, in the steps that a packet takes.
///
/// `process` calls them in order, natively; the kernel's entry does the same, each step a function of its own.
public struct PacketPath<P: Platform> {
  public let platform: P

  @inlinable @inline(__always) public init(_ platform: P) { self.platform = platform }

  /// Decides on one frame.
  @inlinable
  public func process(_ packet: inout Packet) -> Verdict {
    var passage = Passage()
    return withUnsafeMutablePointer(to: &passage) { p in
      var next = receive(&packet, p)
      if next == .relate { next = relate(&packet, p) }
      if next == .crossError { next = crossError(&packet, p) }
      if next == .follow { next = follow(&packet, p) }
      if next == .revisit { next = revisit(&packet, p) }
      if next == .open { next = open(&packet, p) }
      if next == .persist { next = persist(&packet, p) }
      if next == .schedule { next = schedule(p) }
      if next == .keep { next = keep(p) }
      if next == .enter { next = enter(p) }
      if next == .lease { next = lease(p) }
      if next == .route { next = route(&packet, p) }
      if next == .amend { next = amend(&packet, p) }
      if next == .forward { next = forward(&packet, p) }
      if next == .cross { next = cross(&packet, p) }
      if next == .emit { next = emit(&packet, p) }
      if next == .answer { next = answer(&packet, p) }
      return next.verdict
    }
  }

  /// Parses the frame, finds the connection it belongs to, and sends it on where the way is known: all that most
  /// packets need.
  @inlinable @inline(__always)
  public func receive(_ packet: inout Packet, _ p: UnsafeMutablePointer<Passage>) -> Step {
    switch p.pointee.frame.parse(packet) {
    case .flow: break
    case .other: return .pass
    case .aside: return .relate
    case .malformed: return malformed()
    case .fragment: return .follow
    case .extensionHeader: return leaving(.pass, .extensionHeader)
    }
    // Before the frame is read from memory anew: what parsing found is in registers still.
    let found = platform.flows.find(at: UnsafePointer(p.pointer(to: \.frame.flow).unsafelyUnwrapped))
    let frame = p.parsedFrame
    guard let config = platform.configuration.find(0) else { return .pass }
    let tick = ConnectionTable<P>.tick(platform.now())
    guard let found else {
      p.pointee.hasFlow = false
      return remembering(.open, tick, p)
    }
    let reference = FlowReference(found.pointee)
    guard let c = platform.connections.find(reference.slot) else { return leaving(.drop, .contention) }
    let word = StateWord(bits: c.pointee.word)
    let clientPort = reference.fromServer ? frame.pointee.flow.dport : frame.pointee.flow.sport
    guard word.generation == reference.generation, !word.isDead,
      c.pointee.cport == clientPort || c.pointee.method == Method.fullNAT && reference.fromServer
    else { return leaving(.drop, .contention) }
    // A client may use its port again, for a new connection.
    if frame.pointee.flags.contains(.syn), !reference.fromServer { return remembering(.revisit, tick, p) }
    if !serverStands(c, reference, config) { return withoutServer(reference, c.pointee.family, config, tick, p) }
    guard ConnectionTable(platform).advance(c, word, reference, frame.pointee.flags, config, now: tick) else {
      return leaving(.drop, .contention)
    }
    count(c.pointee.server, frame, reference.fromServer)

    let hop = Way.hop(c, reference.fromServer)
    let isFresh = hop.pointee.isFresh(at: tick)
    if isFresh, c.pointee.tunnel == 0 {
      let step = forward(&packet, frame, c, hop, plainly: true, by: nil, reference, p)
      if step == .route { p.pointee.reference = reference }
      return step == .route ? remembering(.route, tick, p) : step
    }
    p.pointee.reference = reference
    // 60 bytes are the most that a tunnel adds, 20 that another family does; what may not fit is for the next step to see.
    let amends = c.pointee.tunnel & UInt8(SVS_AMENDS) != 0
    let growth: UInt32 = c.pointee.method == Method.tunnel ? 60 : (Crossing.applies(c) ? 20 : 0)
    if isFresh, hop.pointee.mtu == 0 || frame.pointee.length &+ growth <= UInt32(hop.pointee.mtu) {
      p.pointee.way.hop = hop.pointee
      p.pointee.way.kind = .redirect
      return remembering(amends ? .amend : .forward, tick, p)
    }
    return remembering(.route, tick, p)
  }

  /// Whether the connection's server is still in the rules; replies are forwarded either way, as IPVS does.
  ///
  /// It is looked at only when the rules have changed, since a look at one of many thousand servers costs a cache miss.
  @inlinable @inline(__always)
  func serverStands(
    _ c: UnsafeMutablePointer<svs_connection>, _ reference: FlowReference, _ config: UnsafeMutablePointer<svs_config>
  ) -> Bool {
    let rules = config.pointee.rules_generation
    if c.pointee.rules == rules || reference.fromServer { return true }
    guard let server = platform.servers.find(c.pointee.server), server.pointee.status == UInt32(SVS_LIVE) else {
      return false
    }
    c.pointee.rules = rules
    let drains = c.pointee.proto == IPProtocol.udp && server.pointee.weight == 0
    c.pointee.notes = drains ? c.pointee.notes | UInt8(SVS_DRAINING) : c.pointee.notes & ~UInt8(SVS_DRAINING)
    return true
  }

  /// At svs1 frames that are handed over look so, and are meant for the program behind this one.
  @inlinable @inline(__always)
  func malformed() -> Step {
    if let config = platform.configuration.find(0), platform.ingress == config.pointee.lookup_ifindex { return .pass }
    return leaving(.pass, .malformed)
  }

  /// What becomes of a client's packet whose server was removed.
  @inlinable @inline(__always)
  func withoutServer(
    _ reference: FlowReference, _ family: UInt8, _ config: UnsafeMutablePointer<svs_config>, _ tick: UInt32,
    _ p: UnsafeMutablePointer<Passage>
  ) -> Step {
    // Without any service of its family IPVS steps aside, and the packet meets the director's own sockets.
    let services = family == Family.ipv4 ? config.pointee.services4 : config.pointee.services6
    if services == 0 { return .pass }
    if config.pointee.expire_nodest_conn != 0 {
      p.pointee.hasFlow = true
      return remembering(.open, tick, p)
    }
    return leaving(.drop, .serverRemoved)
  }

  /// Leaves what is known of the packet, beside its frame, to the step that comes next.
  @inlinable @inline(__always)
  func remembering(_ step: Step, _ tick: UInt32, _ p: UnsafeMutablePointer<Passage>) -> Step {
    p.pointee.tick = tick
    p.pointee.part = .whole
    return step
  }

  @inlinable @inline(__always)
  func leaving(_ step: Step, _ event: Event) -> Step {
    platform.note(event)
    return step
  }

  @inlinable @inline(__always)
  func answering(
    _ kind: Answer.Kind, mtu: UInt32 = 0, _ event: Event, _ p: UnsafeMutablePointer<Passage>
  ) -> Step {
    platform.note(event)
    p.pointee.answer = Answer(kind, mtu: mtu)
    return .answer
  }

  @inlinable @inline(__always)
  func count(_ server: UInt32, _ frame: UnsafePointer<Frame>, _ fromServer: Bool) {
    guard let c = platform.serverCounters.find(server) else { return }
    if fromServer {
      c.pointee.packets_out &+= 1
      c.pointee.bytes_out &+= UInt64(frame.pointee.length)
    } else {
      c.pointee.packets_in &+= 1
      c.pointee.bytes_in &+= UInt64(frame.pointee.length)
    }
  }
}
