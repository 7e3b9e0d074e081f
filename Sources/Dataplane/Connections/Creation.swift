import DataplaneTypes

/// What came of the attempt to make a connection.
public enum Creation: UInt8 {
  case created
  /// Another CPU made the same connection first: look it up.
  case exists
  case tableFull
  case noMemory
}

extension ConnectionTable {
  /// Enters a new connection to `server`; its slot and generation are left in `reference`.
  ///
  /// - Parameter rules: the rules' generation before the server was chosen.
  @inlinable @inline(__always)
  func create(
    _ frame: UnsafePointer<Frame>, _ serviceIndex: UInt32, _ serverIndex: UInt32,
    _ server: UnsafeMutablePointer<svs_server>,
    _ config: UnsafeMutablePointer<svs_config>, rules: UInt32, now tick: UInt32, _ reference: inout FlowReference
  ) -> Creation {
    guard let runtime = platform.runtime.find(0) else { return .noMemory }
    var slot: UInt32 = 0
    if !platform.takeSlot(&slot) {
      slot = runtime.pointer(to: \.fresh).unsafelyUnwrapped.fetchAdd(1)
      if slot >= config.pointee.connection_capacity {
        runtime.pointer(to: \.fresh).unsafelyUnwrapped.decrement()
        return .tableFull
      }
    }
    guard let c = platform.connections.find(slot) else { return .tableFull }
    let generation = runtime.pointer(to: \.generation).unsafelyUnwrapped.fetchAdd(1) & 0xff_ffff
    let isTCP = frame.pointee.flow.proto == IPProtocol.tcp
    let nat = server.pointee.method == Method.nat
    let state =
      isTCP
      ? TCPStateMachine.next(State.none, frame.pointee.flags, fromServer: false, inputOnly: !nat)
      : State.udp
    c.pointee.client = frame.pointee.flow.src
    c.pointee.vip = frame.pointee.flow.dst
    c.pointee.rip = server.pointee.addr
    c.pointee.cport = frame.pointee.flow.sport
    c.pointee.vport = frame.pointee.flow.dport
    c.pointee.rport = server.pointee.port
    c.pointee.proto = frame.pointee.flow.proto
    c.pointee.family = frame.pointee.flow.family
    c.pointee.server = serverIndex
    c.pointee.service = serviceIndex
    c.pointee.to_server.kind_vlan = 0
    c.pointee.to_client.kind_vlan = 0
    c.pointee.method = server.pointee.method
    c.pointee.tunnel = server.pointee.tunnel | server.pointee.tunnel_flags << 4
    c.pointee.server_family = server.pointee.family
    c.pointee.refreshes = 0
    c.pointee.rules = rules
    let inactive = !(isTCP && State.isActive(state))
    let word = StateWord(
      expiry: tick &+ timeout(config, state), generation: generation, state: state, inactive: inactive)
    c.pointee.word = word.bits
    reference = FlowReference(slot: slot, generation: generation, fromServer: false)

    let outcome = platform.flows.insert(frame.pointee.flow, svs_flow_ref(bits: reference.bits))
    if outcome != .inserted {
      c.pointee.word = 0
      platform.giveSlot(slot)
      return outcome == .exists ? .exists : .noMemory
    }
    if nat {
      let reply = svs_flow_ref(bits: replyReference(slot, word).bits)
      if platform.flows.replace(Self.replyKey(c), reply) != .inserted {
        platform.flows.remove(frame.pointee.flow)
        c.pointee.word = 0
        platform.giveSlot(slot)
        return .noMemory
      }
    }
    if inactive {
      server.pointer(to: \.inactive).unsafelyUnwrapped.increment()
    } else {
      server.pointer(to: \.active).unsafelyUnwrapped.increment()
    }
    server.noteConnection()
    runtime.pointer(to: \.live).unsafelyUnwrapped.increment()
    return .created
  }
}
