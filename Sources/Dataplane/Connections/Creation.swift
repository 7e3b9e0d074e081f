import DataplaneTypes

/// What came of the attempt to make a connection.
public enum Creation: UInt8 {
  case created
  /// Another CPU made the same connection first: look it up.
  case exists
  case tableFull
  case noMemory
  /// Every local address and port that the server may be asked from is taken.
  case noLocalPort
}

/// Where a new connection goes.
@usableFromInline struct Destination {
  @usableFromInline let index: UInt32
  @usableFromInline let server: UnsafeMutablePointer<svs_server>
  /// In network order.
  @usableFromInline let port: UInt16

  @inlinable @inline(__always)
  init(_ index: UInt32, _ server: UnsafeMutablePointer<svs_server>, port: UInt16) {
    self.index = index
    self.server = server
    self.port = port
  }
}

extension ConnectionTable {
  /// Takes a slot for a new entry and gives it a generation. Nil where all are taken.
  @inlinable @inline(__always)
  func take(
    _ config: UnsafeMutablePointer<svs_config>, _ reference: inout FlowReference
  ) -> UnsafeMutablePointer<svs_connection>? {
    guard let runtime = platform.runtime.find(0) else { return nil }
    var slot: UInt32 = 0
    if !platform.takeSlot(&slot) {
      slot = runtime.pointer(to: \.fresh).unsafelyUnwrapped.fetchAdd(1)
      if slot >= config.pointee.connection_capacity {
        runtime.pointer(to: \.fresh).unsafelyUnwrapped.decrement()
        return nil
      }
    }
    var generation = runtime.pointer(to: \.generation).unsafelyUnwrapped.fetchAdd(1) & 0xff_ffff
    // None is 0: a free slot's word is, and must not be taken for anything.
    if generation == 0 { generation = 1 }
    reference = FlowReference(slot: slot, generation: generation, fromServer: false)
    return platform.connections.find(slot)
  }

  /// Counts an entry that is in the table now.
  @inlinable @inline(__always)
  func countLive() {
    if let runtime = platform.runtime.find(0) { runtime.pointer(to: \.live).unsafelyUnwrapped.increment() }
  }

  /// Writes all of a connection but its state.
  @inlinable @inline(__always)
  func write(
    _ c: UnsafeMutablePointer<svs_connection>, _ flow: UnsafePointer<svs_flow_key>, _ destination: Destination,
    rules: UInt32, control: UInt32
  ) {
    let server = destination.server
    c.pointee.client = flow.pointee.src
    c.pointee.vip = flow.pointee.dst
    c.pointee.rip = server.pointee.addr
    c.pointee.cport = flow.pointee.sport
    c.pointee.vport = flow.pointee.dport
    c.pointee.rport = destination.port
    c.pointee.proto = flow.pointee.proto
    c.pointee.family = flow.pointee.family
    c.pointee.server = destination.index
    c.pointee.control = control
    c.pointee.to_server.kind_vlan = 0
    c.pointee.to_client.kind_vlan = 0
    c.pointee.method = server.pointee.method
    c.pointee.tunnel = server.pointee.tunnel | server.pointee.tunnel_flags << 4
    if server.pointee.method == Method.fullNAT, server.pointee.family != flow.pointee.family {
      c.pointee.tunnel = UInt8(SVS_CROSSES)
    }
    c.pointee.server_family = server.pointee.family
    let drains = flow.pointee.proto == IPProtocol.udp && server.pointee.weight == 0
    c.pointee.notes = drains ? UInt8(SVS_DRAINING) : 0
    c.pointee.rules = rules
  }

  /// Takes a slot for a new connection and writes it, state and all; no packet finds it yet.
  ///
  /// - Parameters:
  ///   - rules: the rules' generation before the server was chosen.
  ///   - control: the slot of its persistence template + 1, 0 without one.
  ///   - isOwn: whether its client is the director's own host.
  @inlinable @inline(__always)
  func prepare(
    _ frame: UnsafePointer<Frame>, _ destination: Destination, _ config: UnsafeMutablePointer<svs_config>,
    rules: UInt32, control: UInt32, isOwn: Bool, now tick: UInt32, _ reference: inout FlowReference
  ) -> UnsafeMutablePointer<svs_connection>? {
    guard let c = take(config, &reference) else { return nil }
    let proto = frame.pointee.flow.proto
    let inputOnly = !Method.translates(destination.server.pointee.method)
    var state = State.udp
    var inactive = true
    var lifetime = timeout(config, state)
    if proto == IPProtocol.tcp {
      state = TCPStateMachine.next(State.none, frame.pointee.flags, fromServer: false, inputOnly: inputOnly)
      inactive = !State.isActive(state)
      lifetime = timeout(config, state)
    } else if proto == IPProtocol.sctp {
      state = SCTPStateMachine.next(SCTPState.none, frame.pointee.chunk, fromServer: false, inputOnly: inputOnly)
      inactive = state != SCTPState.established
      lifetime = SCTPState.timeout(state)
    }
    write(c, frame.flow, destination, rules: rules, control: control)
    if isOwn { c.pointee.notes |= UInt8(SVS_OWN) }
    let word = StateWord(
      expiry: tick &+ lifetime, generation: reference.generation, state: state, inactive: inactive)
    // Dead until all of it stands: the sweep would end what it finds alive, and its flow, entered after that, would lead
    // to nothing for ever.
    c.pointee.word = word.dead.bits
    return c
  }

  /// Enters a connection that is prepared, and of FULLNAT leased; gives its slot back where that fails.
  @inlinable @inline(__always)
  func publish(
    _ flow: UnsafePointer<svs_flow_key>, _ c: UnsafeMutablePointer<svs_connection>,
    _ server: UnsafeMutablePointer<svs_server>, _ reference: FlowReference
  ) -> Creation {
    let word = StateWord(bits: c.pointee.word).alive
    let isLeased = c.pointee.method == Method.fullNAT
    let outcome = platform.flows.insert(at: flow, svs_flow_ref(bits: reference.bits))
    if outcome != .inserted {
      if isLeased { returnLease(reference.slot, c, word) }
      discard(reference.slot, c)
      return outcome == .exists ? .exists : .noMemory
    }
    // Replies that go past other directors' clients come back to a client that is the director itself.
    if !isLeased, c.pointee.method == Method.nat || c.pointee.notes & UInt8(SVS_OWN) != 0 {
      let reply = svs_flow_ref(bits: replyReference(reference.slot, word).bits)
      if platform.flows.replace(Self.replyKey(c), reply) != .inserted {
        platform.flows.remove(flow.pointee)
        discard(reference.slot, c)
        return .noMemory
      }
    }
    if word.isInactive {
      server.pointer(to: \.inactive).unsafelyUnwrapped.increment()
    } else {
      server.pointer(to: \.active).unsafelyUnwrapped.increment()
    }
    server.noteConnection()
    countLive()
    c.pointee.word = word.bits
    return .created
  }

  /// Gives the slot of a connection back that no packet has found.
  @inlinable @inline(__always)
  func discard(_ slot: UInt32, _ c: UnsafeMutablePointer<svs_connection>) {
    c.pointee.word = 0
    platform.giveSlot(slot)
  }

  /// Writes a connection that lives for one packet: it stands in no table, behind those that do, one for each CPU.
  @inlinable @inline(__always)
  func createForOnePacket(
    _ flow: UnsafePointer<svs_flow_key>, _ destination: Destination, _ config: UnsafeMutablePointer<svs_config>,
    rules: UInt32
  ) -> FlowReference? {
    let slot = config.pointee.connection_capacity &+ platform.cpu
    guard let c = platform.connections.find(slot) else { return nil }
    write(c, flow, destination, rules: rules, control: 0)
    return FlowReference(slot: slot, generation: 0, fromServer: false)
  }
}
