import DataplaneTypes

/// How a connection is made, kept alive, and ended.
///
/// A connection is a slot of one array; the flow table leads there from both directions. Whoever moves the state
/// word by compare-and-swap accounts for the move, so the counters stay exact on any number of CPUs; whoever moves
/// it to dead removes the flows and gives the slot back.
public struct ConnectionTable<P: Platform> {
  public let platform: P

  @inlinable @inline(__always) public init(_ platform: P) { self.platform = platform }

  /// The clock in ticks.
  @inlinable @inline(__always)
  public static func tick(_ nanoseconds: UInt64) -> UInt32 {
    UInt32(truncatingIfNeeded: nanoseconds >> UInt64(SVS_TICK_SHIFT))
  }

  /// The key by which a server's replies are found, where the director sees them: under NAT, and where it is the client.
  @inlinable @inline(__always)
  static func replyKey(_ c: UnsafeMutablePointer<svs_connection>) -> svs_flow_key {
    let nat = Method.translates(c.pointee.method)
    return svs_flow_key(
      src: nat ? c.pointee.rip : c.pointee.vip, dst: c.pointee.client, sport: nat ? c.pointee.rport : c.pointee.vport,
      dport: c.pointee.cport, proto: c.pointee.proto, family: c.pointee.family)
  }

  /// The key by which its client's packets are found; of a template, that by which new connections find it.
  @inlinable @inline(__always)
  static func requestKey(_ c: UnsafeMutablePointer<svs_connection>) -> svs_flow_key {
    svs_flow_key(
      src: c.pointee.client, dst: c.pointee.vip, sport: c.pointee.cport, dport: c.pointee.vport,
      proto: c.pointee.proto, family: c.pointee.family)
  }

  /// Moves the state by what the packet says and lets it live on. False if the connection ended meanwhile.
  ///
  /// - Parameter seen: the state's word as it was when the connection was found.
  @inlinable @inline(__always)
  func advance(
    _ c: UnsafeMutablePointer<svs_connection>, _ seen: StateWord, _ reference: FlowReference, _ flags: TCPFlags,
    _ config: UnsafeMutablePointer<svs_config>, now tick: UInt32
  ) -> Bool {
    // Most packets change nothing: they come in the same tick as the one before.
    let settled =
      c.pointee.proto == IPProtocol.tcp ? seen.state == State.established && flags.isPlainACK : true
    if settled, seen.expiry == tick &+ timeout(config, seen.state) { return true }
    return platform.move(reference, flags, now: tick)
  }

  /// What `advance` does with the others.
  @inlinable @inline(__always)
  public func move(_ reference: FlowReference, _ flags: TCPFlags, now tick: UInt32) -> Bool {
    guard let c = platform.connections.find(reference.slot), let config = platform.configuration.find(0) else {
      return false
    }
    let isTCP = c.pointee.proto == IPProtocol.tcp
    let inputOnly = !Method.translates(c.pointee.method)
    let drains = c.pointee.notes & UInt8(SVS_DRAINING) != 0
    // What drains for too long is left to expire, whatever its client goes on to send.
    if drains, hasDrained(c, config, now: tick) { return true }
    for _ in 0..<2 {
      let word = StateWord(bits: c.pointee.word)
      if word.generation != reference.generation || word.isDead { return false }
      var state = drains ? State.udpDraining : State.udp
      if isTCP {
        state = TCPStateMachine.next(word.state, flags, fromServer: reference.fromServer, inputOnly: inputOnly)
      }
      let inactive = isTCP ? !State.isActive(state) : true
      let new = StateWord(
        expiry: tick &+ timeout(config, state), generation: word.generation, state: state, inactive: inactive)
      if new.bits == word.bits { return true }
      if c.pointer(to: \.word).unsafelyUnwrapped.compareExchange(word.bits, new.bits) {
        if word.isInactive != inactive, let server = platform.servers.find(c.pointee.server) {
          recount(server, fromInactive: word.isInactive)
        }
        if c.pointee.control != 0, isTCP ? state == State.established : reference.fromServer {
          assure(c.pointee.control)
        }
        return true
      }
    }
    // Others moved it twice while we looked: it lives, and the next packet will tell its state.
    return true
  }

  /// Whether a UDP connection has stayed long enough with a server that is to get no more.
  @inlinable @inline(__always)
  func hasDrained(
    _ c: UnsafeMutablePointer<svs_connection>, _ config: UnsafeMutablePointer<svs_config>, now tick: UInt32
  ) -> Bool {
    let limit = config.pointee.udp_drain_limit
    guard limit != 0, let server = platform.servers.find(c.pointee.server) else { return false }
    return server.pointee.weight == 0 && tick &- server.pointee.quiesced >= limit
  }

  @inlinable @inline(__always)
  func timeout(_ config: UnsafeMutablePointer<svs_config>, _ state: UInt8) -> UInt32 {
    withUnsafeMutablePointer(to: &config.pointee.timeout) {
      UnsafeMutableRawPointer($0).assumingMemoryBound(to: UInt32.self)[Int(state & 15)]
    }
  }

  @inlinable @inline(__always)
  func recount(_ server: UnsafeMutablePointer<svs_server>, fromInactive: Bool) {
    let active = server.pointer(to: \.active).unsafelyUnwrapped
    let inactive = server.pointer(to: \.inactive).unsafelyUnwrapped
    if fromInactive {
      inactive.decrement()
      active.increment()
    } else {
      active.decrement()
      inactive.increment()
    }
  }

  /// Ends a connection whose word was `word`: true if this call, and no other, did it.
  @inlinable @inline(__always)
  func end(_ slot: UInt32, _ c: UnsafeMutablePointer<svs_connection>, _ word: StateWord) -> Bool {
    let wordPointer = c.pointer(to: \.word).unsafelyUnwrapped
    guard wordPointer.compareExchange(word.bits, word.dead.bits) else { return false }
    if c.pointee.method == Method.template {
      endTemplate(slot, c, word)
      return true
    }
    if let server = platform.servers.find(c.pointee.server) {
      if word.isInactive {
        server.pointer(to: \.inactive).unsafelyUnwrapped.decrement()
      } else {
        server.pointer(to: \.active).unsafelyUnwrapped.decrement()
      }
      server.noteEnd()
    }
    release(c.pointee.control)
    if c.pointee.method == Method.fullNAT {
      returnLease(slot, c, word)
    } else if c.pointee.method == Method.nat || c.pointee.notes & UInt8(SVS_OWN) != 0 {
      let reply = Self.replyKey(c)
      // A later connection may have taken the reply's key over.
      if let found = platform.flows.find(reply), found.pointee.bits == replyReference(slot, word).bits {
        platform.flows.remove(reply)
      }
    }
    // Last: the next connection of this flow makes its own reply key once this one is gone.
    platform.flows.remove(Self.requestKey(c))
    giveBack(slot, c)
    return true
  }

  @inlinable @inline(__always)
  func giveBack(_ slot: UInt32, _ c: UnsafeMutablePointer<svs_connection>) {
    c.pointee.word = 0
    platform.giveSlot(slot)
    if let runtime = platform.runtime.find(0) { runtime.pointer(to: \.live).unsafelyUnwrapped.decrement() }
  }

  @inlinable @inline(__always)
  func replyReference(_ slot: UInt32, _ word: StateWord) -> FlowReference {
    FlowReference(slot: slot, generation: word.generation, fromServer: true)
  }
}

/// Forwarding methods by the numbers of their records.
public enum Method {
  @inlinable public static var nat: UInt8 { 0 }
  @inlinable public static var direct: UInt8 { 1 }
  @inlinable public static var tunnel: UInt8 { 2 }
  /// Both ends are translated: the server sees an address of the director's.
  @inlinable public static var fullNAT: UInt8 { 4 }
  /// Of a persistence template, which forwards nothing itself.
  @inlinable public static var template: UInt8 { 0xff }

  /// Whether packets are translated, and replies come back through the director: NAT and FULLNAT.
  @inlinable @inline(__always) public static func translates(_ method: UInt8) -> Bool { method & 3 == 0 }
}
