import DataplaneTypes

/// Persistence: a template remembers which server a client has, and keeps it for the client's next connections.
///
/// It is an entry of the connection table under a key that no packet has. While it controls connections it does not
/// end: then it is renewed for a minute at a time, as with IPVS.
extension ConnectionTable {
  /// A minute, in ticks.
  @inlinable static var renewal: UInt32 { UInt32(60_000_000_000 >> UInt64(SVS_TICK_SHIFT)) }

  /// The key of the template for a packet's client.
  ///
  /// One template serves all that a mark's packets go to, or all ports of a service for all ports or of FTP.
  @inlinable @inline(__always)
  static func templateKey(
    _ flow: UnsafePointer<svs_flow_key>, _ service: UnsafeMutablePointer<svs_service>
  ) -> svs_flow_key {
    let family = flow.pointee.family
    var key = svs_flow_key(
      src: masked(flow.pointee.src, family, service.pointee.netmask), dst: flow.pointee.dst, ports: 0,
      kind: svs_flow_key.kind(flow.pointee.proto, family) | UInt32(SVS_KIND_TEMPLATE))
    if service.pointee.key.proto == 0 {
      key.dst = svs_addr(ipv4: service.pointee.key.vip.w0.bigEndian)
      key.kind = svs_flow_key.kind(0, family) | UInt32(SVS_KIND_TEMPLATE)
    } else if isForOnePort(flow, service) {
      key.ports = svs_flow_key.ports(0, flow.pointee.dport)
    }
    return key
  }

  /// The kind of a template's key by Call-ID.
  @inlinable @inline(__always)
  static func callKind(_ proto: UInt8, _ family: UInt8) -> UInt32 {
    svs_flow_key.kind(proto, Family.ipv6) | UInt32(SVS_KIND_TEMPLATE) | UInt32(SVS_KIND_CALL) | UInt32(family) << 18
  }

  /// Notes in a template by Call-ID who called first; until now the hash stood for him.
  @inlinable @inline(__always)
  func note(
    client flow: UnsafePointer<svs_flow_key>, _ service: UnsafeMutablePointer<svs_service>, at reference: FlowReference
  ) {
    guard let c = platform.connections.find(reference.slot) else { return }
    let hash = c.pointee.client
    c.pointee.to_server.ifindex = hash.w0
    c.pointee.to_server.tick = hash.w1
    c.pointee.to_client.ifindex = hash.w2
    c.pointee.to_client.tick = hash.w3
    c.pointee.notes = UInt8(SVS_CALL)
    c.pointee.client = Self.masked(flow.pointee.src, flow.pointee.family, service.pointee.netmask)
    c.pointee.family = flow.pointee.family
  }

  /// Whether a template for this packet is for the packet's port alone.
  @inlinable @inline(__always)
  static func isForOnePort(
    _ flow: UnsafePointer<svs_flow_key>, _ service: UnsafeMutablePointer<svs_service>
  ) -> Bool {
    flow.pointee.dport == service.pointee.key.port && service.pointee.key.port != UInt16(21).bigEndian
  }

  /// The part of a client's address that persistence looks at.
  @inlinable @inline(__always)
  static func masked(_ address: svs_addr, _ family: UInt8, _ netmask: UInt32) -> svs_addr {
    if family == Family.ipv4 { return svs_addr(ipv4: address.w0 & netmask) }
    return svs_addr(
      w0: address.w0 & word(netmask, 0), w1: address.w1 & word(netmask, 32), w2: address.w2 & word(netmask, 64),
      w3: address.w3 & word(netmask, 96))
  }

  /// One word of an IPv6 prefix's mask, of the bits from `start` on.
  @inlinable @inline(__always)
  static func word(_ length: UInt32, _ start: UInt32) -> UInt32 {
    if length <= start { return 0 }
    let bits = length &- start
    return bits >= 32 ? ~0 : (~(~UInt32(0) >> bits)).bigEndian
  }

  /// A service's persistence, in ticks.
  @inlinable @inline(__always)
  func persistence(_ service: UnsafeMutablePointer<svs_service>) -> UInt32 {
    UInt32(truncatingIfNeeded: (UInt64(service.pointee.persistence) &* 1_000_000_000) >> UInt64(SVS_TICK_SHIFT))
  }

  /// Enters a template for a server; its slot and generation are left in `reference`.
  @inlinable @inline(__always)
  func createTemplate(
    _ key: svs_flow_key, _ destination: Destination, timeout: UInt32, _ config: UnsafeMutablePointer<svs_config>,
    now tick: UInt32, _ reference: inout FlowReference
  ) -> Creation {
    guard let c = take(config, &reference) else { return .tableFull }
    var key = key
    withUnsafePointer(to: &key) { write(c, $0, destination, rules: timeout, control: 0) }
    c.pointee.method = Method.template
    let word = StateWord(
      expiry: tick &+ timeout, generation: reference.generation, state: TemplateState.none, inactive: false)
    // As with connections: dead until its key stands.
    c.pointee.word = word.dead.bits
    let outcome = platform.flows.insert(key, svs_flow_ref(bits: reference.bits))
    if outcome != .inserted {
      c.pointee.word = 0
      platform.giveSlot(reference.slot)
      return outcome == .exists ? .exists : .noMemory
    }
    destination.server.pointer(to: \.persistent).unsafelyUnwrapped.increment()
    countLive()
    c.pointee.word = word.bits
    return .created
  }

  /// Makes the template live on and control one connection more. False if it has ended meanwhile.
  @inlinable @inline(__always)
  func hold(_ reference: FlowReference, now tick: UInt32) -> Bool {
    guard let c = platform.connections.find(reference.slot) else { return false }
    for _ in 0..<4 {
      let word = StateWord(bits: c.pointee.word)
      if word.generation != reference.generation || word.isDead { return false }
      let new = StateWord(
        expiry: tick &+ c.pointee.rules, generation: word.generation, state: word.state, inactive: false)
      if c.pointer(to: \.word).unsafelyUnwrapped.compareExchange(word.bits, new.bits) {
        // Only now: before, the slot might be another's, to whom this word means something else. The sweep leaves a
        // template alone that was held a moment ago (`wasHeld`).
        c.pointer(to: \.control).unsafelyUnwrapped.increment()
        return true
      }
    }
    return false
  }

  /// Whether a template was held so lately that who holds it may not have counted its connection yet.
  @inlinable @inline(__always)
  func wasHeld(_ c: UnsafeMutablePointer<svs_connection>, _ word: StateWord, now tick: UInt32) -> Bool {
    let left = word.expiry &- tick
    return Int32(bitPattern: left &+ Self.holding &- c.pointee.rules) >= 0
  }

  /// Ticks within which a packet that has found its template is done with it.
  @inlinable static var holding: UInt32 { 6 }

  /// Tells a template that it controls one connection less.
  ///
  /// - Parameter control: the template's slot + 1, or 0.
  @inlinable @inline(__always)
  func release(_ control: UInt32) {
    guard control != 0, let template = platform.connections.find(control &- 1) else { return }
    template.pointer(to: \.control).unsafelyUnwrapped.decrement()
  }

  /// Notes that a connection under the template has been answered.
  @inlinable @inline(__always)
  func assure(_ control: UInt32) {
    guard let template = platform.connections.find(control &- 1) else { return }
    let word = StateWord(bits: template.pointee.word)
    // Whoever moves the word at the same time comes again, or knows already.
    if word.state == TemplateState.none, !word.isFree, !word.isDead {
      _ = template.pointer(to: \.word).unsafelyUnwrapped.compareExchange(
        word.bits, word.bits | UInt64(TemplateState.assured))
    }
  }

  /// Takes a template out of its clients' way, for its server takes no more of them. What it controls goes on.
  @inlinable @inline(__always)
  func invalidate(_ c: UnsafeMutablePointer<svs_connection>, _ key: svs_flow_key) {
    platform.flows.remove(key)
    c.pointee.vport = 0xffff
    c.pointee.rport = 0xffff
  }

  /// Renews a template that still controls connections though its time is over. True if it did.
  @inlinable @inline(__always)
  func renew(_ c: UnsafeMutablePointer<svs_connection>, _ word: StateWord, now tick: UInt32) -> Bool {
    guard c.pointee.method == Method.template, c.pointee.control != 0 else { return false }
    c.pointee.rules = Self.renewal
    let new = StateWord(
      expiry: tick &+ Self.renewal, generation: word.generation, state: word.state, inactive: false)
    _ = c.pointer(to: \.word).unsafelyUnwrapped.compareExchange(word.bits, new.bits)
    return true
  }

  /// Clears what a template leaves when it ends; its word is dead already.
  @inlinable @inline(__always)
  func endTemplate(_ slot: UInt32, _ c: UnsafeMutablePointer<svs_connection>, _ word: StateWord) {
    if let server = platform.servers.find(c.pointee.server) {
      server.pointer(to: \.persistent).unsafelyUnwrapped.decrement()
    }
    var key = Self.requestKey(c)
    key.kind |= UInt32(SVS_KIND_TEMPLATE)
    if c.pointee.notes & UInt8(SVS_CALL) != 0 {
      key.src = svs_addr(
        w0: c.pointee.to_server.ifindex, w1: c.pointee.to_server.tick, w2: c.pointee.to_client.ifindex,
        w3: c.pointee.to_client.tick)
      key.kind = Self.callKind(c.pointee.proto, c.pointee.family)
    }
    let own = FlowReference(slot: slot, generation: word.generation, fromServer: false)
    // An invalid one has no key any more, and another may have that which it seems to have.
    if let found = platform.flows.find(key), found.pointee.bits == own.bits { platform.flows.remove(key) }
    giveBack(slot, c)
  }
}

/// States of a template: whether a connection under it has been answered.
public enum TemplateState {
  @inlinable public static var none: UInt8 { 0 }
  @inlinable public static var assured: UInt8 { 1 }
}
