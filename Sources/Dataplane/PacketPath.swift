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
      if next == .open { next = open(p) }
      if next == .route { next = route(p) }
      if next == .forward { next = forward(&packet, p) }
      if next == .answer { next = answer(&packet, p) }
      return next.verdict
    }
  }

  /// Parses the frame, finds the connection it belongs to, and sends it on where the way is known: all that most
  /// packets need.
  @inlinable @inline(__always)
  public func receive(_ packet: inout Packet, _ p: UnsafeMutablePointer<Passage>) -> Step {
    var frame = Frame()
    switch frame.parse(packet) {
    case .flow: break
    case .other: return .pass
    case .malformed: return leaving(.pass, .malformed)
    case .fragment: return leaving(.pass, .fragment)
    case .extensionHeader: return leaving(.pass, .extensionHeader)
    }
    frame.merge(platform, p.pointer(to: \.forgotten).unsafelyUnwrapped)
    guard let config = platform.configuration.find(0) else { return .pass }
    let tick = ConnectionTable<P>.tick(platform.now())

    guard let found = platform.flows.find(frame.flow) else { return opening(frame, tick, p) }
    let reference = FlowReference(found.pointee)
    guard let c = platform.connections.find(reference.slot) else { return leaving(.drop, .contention) }
    let word = StateWord(bits: c.pointee.word)
    let clientPort = reference.fromServer ? frame.flow.dport : frame.flow.sport
    guard word.generation == reference.generation, !word.isDead, c.pointee.cport == clientPort else {
      return leaving(.drop, .contention)
    }
    // A client that uses its port again opens a new connection.
    if reopens(frame, reference, word) { return opening(frame, tick, p) }
    guard let server = platform.servers.find(c.pointee.server), server.pointee.status == UInt32(SVS_LIVE),
      ConnectionTable(platform).advance(c, server, reference, frame.flags, config, now: tick)
    else { return leaving(.drop, .serverRemoved) }
    count(c.pointee.server, frame, reference.fromServer)

    var way = Way()
    if way.take(Way.hop(c, reference.fromServer), now: tick) {
      return forward(&packet, frame, c, way, fromServer: reference.fromServer, p)
    }
    p.pointee.reference = reference
    return remembering(.route, frame, tick, p)
  }

  @inlinable @inline(__always)
  func opening(_ frame: Frame, _ tick: UInt32, _ p: UnsafeMutablePointer<Passage>) -> Step {
    remembering(.open, frame, tick, p)
  }

  /// Leaves what is known of the packet to the step that comes next.
  @inlinable @inline(__always)
  func remembering(
    _ step: Step, _ frame: Frame, _ tick: UInt32, _ p: UnsafeMutablePointer<Passage>
  ) -> Step {
    p.pointee.frame = frame
    p.pointee.tick = tick
    return step
  }

  @inlinable @inline(__always)
  func leaving(_ step: Step, _ event: Event) -> Step {
    platform.note(event)
    return step
  }

  @inlinable @inline(__always)
  func answering(
    _ kind: Answer.Kind, mtu: UInt32 = 0, _ event: Event, _ frame: Frame, _ p: UnsafeMutablePointer<Passage>
  ) -> Step {
    platform.note(event)
    p.pointee.frame = frame
    p.pointee.answer = Answer(kind, mtu: mtu)
    return .answer
  }

  @inlinable @inline(__always)
  func reopens(_ frame: Frame, _ reference: FlowReference, _ word: StateWord) -> Bool {
    frame.flow.proto == IPProtocol.tcp && frame.flags.contains(.syn) && !reference.fromServer
      && (word.state == State.timeWait || word.state == State.closed)
  }

  @inlinable @inline(__always)
  func count(_ server: UInt32, _ frame: Frame, _ fromServer: Bool) {
    guard let c = platform.serverCounters.find(server) else { return }
    if fromServer {
      c.pointee.packets_out &+= 1
      c.pointee.bytes_out &+= UInt64(frame.length)
    } else {
      c.pointee.packets_in &+= 1
      c.pointee.bytes_in &+= UInt64(frame.length)
    }
  }
}
