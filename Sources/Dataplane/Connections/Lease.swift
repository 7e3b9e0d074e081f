import DataplaneTypes

/// The search for a local address and port that no other connection to the same server has.
///
/// A range counts the places that it has given out, and each try takes the next one: a port that was given back waits
/// for all others before it is used again. Whether it is free is decided by the flow table, which takes each reply's
/// key but once, whatever other CPUs try at the same time.
public struct Lease<P: Platform> {
  public let platform: P
  /// The reply's key; its destination is what is looked for.
  public var key: svs_flow_key
  /// What the flow table is to hold under that key.
  public let reference: svs_flow_ref
  /// The range that is tried, and the one after it (index + 1).
  public var range: UInt32 = 0
  public var next: UInt32
  /// Where the search began, and how often it has come round.
  public let head: UInt32
  public var rounds: UInt32 = 0
  /// How many of the range's places are still to be tried in this round.
  public var left: UInt32 = 0
  public var outcome = LeaseOutcome.exhausted

  @inlinable @inline(__always)
  public init(_ platform: P, _ key: svs_flow_key, _ reference: svs_flow_ref, from next: UInt32) {
    self.platform = platform
    self.key = key
    self.reference = reference
    self.next = next
    head = next
  }

  /// Places that are tried in one range before the next one has its turn.
  @inlinable public static var tries: UInt32 { 256 }
  /// How often each range has its turn: with 99 places of 100 taken, one search in 10^17 finds none in 4,096.
  @inlinable public static var turns: UInt32 { 16 }
  /// The most steps of a search.
  @inlinable public static var steps: UInt32 { 8192 }

  /// Tries one place; false when the search is over.
  @inlinable @inline(__always)
  public static func step(_ lease: UnsafeMutablePointer<Lease>) -> Bool {
    if lease.pointee.left == 0 { return nextRange(lease) }
    lease.pointee.left &-= 1
    guard let range = lease.pointee.platform.localRanges.find(lease.pointee.range) else { return false }
    let place = range.pointer(to: \.cursor).unsafelyUnwrapped.fetchAdd(1)
    let bits = UInt64(range.pointee.bits & 31)
    let host = UInt32(truncatingIfNeeded: place & ((1 << bits) &- 1)).bigEndian
    var address = range.pointee.first
    if range.pointee.family == Family.ipv4 { address.w0 |= host } else { address.w3 |= host }
    let ports = range.pointee.ports
    guard ports != 0 else { return false }
    let offset = UInt32(truncatingIfNeeded: place >> bits) % ports
    let port = range.pointee.first_port &+ UInt16(truncatingIfNeeded: offset)
    lease.pointee.key.dst = address
    lease.pointee.key.ports = svs_flow_key.ports(lease.pointee.key.sport, port.bigEndian)
    let key = UnsafePointer(lease.pointer(to: \.key).unsafelyUnwrapped)
    switch lease.pointee.platform.flows.insert(at: key, lease.pointee.reference) {
    case .exists: return true
    case .inserted: lease.pointee.outcome = .leased
    case .full: lease.pointee.outcome = .noMemory
    }
    return false
  }

  @inlinable @inline(__always)
  static func nextRange(_ lease: UnsafeMutablePointer<Lease>) -> Bool {
    if lease.pointee.next == 0 {
      lease.pointee.rounds &+= 1
      if lease.pointee.rounds >= turns { return false }
      lease.pointee.next = lease.pointee.head
    }
    let next = lease.pointee.next
    guard next != 0, let range = lease.pointee.platform.localRanges.find(next &- 1) else { return false }
    lease.pointee.range = next &- 1
    lease.pointee.next = range.pointee.next
    let fits = range.pointee.family == lease.pointee.key.family && range.pointee.status == UInt8(SVS_LIVE)
    let places = UInt64(range.pointee.ports) << UInt64(range.pointee.bits & 31)
    lease.pointee.left = fits ? UInt32(truncatingIfNeeded: min(places, UInt64(tries))) : 0
    return true
  }
}

public enum LeaseOutcome: UInt8 {
  case exhausted
  case leased
  case noMemory
}

extension ConnectionTable {
  /// Takes a local address and port for a FULLNAT connection that is written, and enters its replies' key.
  @inlinable @inline(__always)
  func lease(
    _ c: UnsafeMutablePointer<svs_connection>, _ server: UnsafeMutablePointer<svs_server>,
    _ reference: FlowReference, now tick: UInt32
  ) -> LeaseOutcome {
    guard let exchange = platform.exchanges.find(reference.slot) else { return .noMemory }
    // A search in vain is a long one: one in each tick will do.
    if server.pointee.exhausted == tick { return .exhausted }
    let key = svs_flow_key(
      src: c.pointee.rip, dst: .zero, sport: c.pointee.rport, dport: 0, proto: c.pointee.proto,
      family: c.pointee.server_family)
    let word = StateWord(bits: c.pointee.word)
    var lease = Lease(
      platform, key, svs_flow_ref(bits: replyReference(reference.slot, word).bits), from: server.pointee.local)
    // The first place of the first range is free as a rule, and found without a loop.
    if !Lease.nextRange(&lease) || Lease.step(&lease) { platform.run(&lease, atMost: Lease<P>.steps) }
    if lease.outcome == .leased {
      exchange.pointee.local = lease.key.dst
      exchange.pointee.port = lease.key.dport
      exchange.pointee.range = lease.range
      disclose(c, server, exchange)
      if let range = platform.localRanges.find(lease.range) {
        range.pointer(to: \.used).unsafelyUnwrapped.increment()
      }
    } else if lease.outcome == .exhausted {
      server.pointee.exhausted = tick
      if let range = platform.localRanges.find(lease.range) {
        _ = range.pointer(to: \.exhausted).unsafelyUnwrapped.fetchAdd(1)
      }
    }
    return lease.outcome
  }

  /// Notes how the server is to learn of the client.
  @inlinable @inline(__always)
  func disclose(
    _ c: UnsafeMutablePointer<svs_connection>, _ server: UnsafeMutablePointer<svs_server>,
    _ exchange: UnsafeMutablePointer<svs_exchange>
  ) {
    exchange.pointee.disclosure = 0
    exchange.pointee.greeting = 0
    exchange.pointee.begun = 0
    exchange.pointee.sent = 0
    exchange.pointee.heard = 0
    guard c.pointee.proto == IPProtocol.tcp, let service = platform.serviceRecords.find(server.pointee.service) else {
      return
    }
    let disclosure = UInt8(truncatingIfNeeded: service.pointee.disclosure)
    exchange.pointee.disclosure = disclosure
    if Disclosure.amends(disclosure) { c.pointee.tunnel |= UInt8(SVS_AMENDS) }
  }

  /// Gives the address and port of a connection back that has ended, or was never entered.
  @inlinable @inline(__always)
  func returnLease(_ slot: UInt32, _ c: UnsafeMutablePointer<svs_connection>, _ word: StateWord) {
    guard let exchange = platform.exchanges.find(slot) else { return }
    let key = svs_flow_key(
      src: c.pointee.rip, dst: exchange.pointee.local, sport: c.pointee.rport, dport: exchange.pointee.port,
      proto: c.pointee.proto, family: c.pointee.server_family)
    guard let found = platform.flows.find(key), found.pointee.bits == replyReference(slot, word).bits else { return }
    platform.flows.remove(key)
    if let range = platform.localRanges.find(exchange.pointee.range) {
      range.pointer(to: \.used).unsafelyUnwrapped.decrement()
    }
  }
}
