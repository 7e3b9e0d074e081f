/// One side of a ZeroMQ connection, without its socket: ZMTP 3.0 with the mechanism NULL, as a DEALER.
///
/// ZMTP 3.0 is https://rfc.zeromq.org/spec/23; libzmq 4 speaks 3.1, and 3.0 with whoever announces that. What came is
/// given to `receive`, what is to be sent is in `opening` and what `encode` returns.
package struct ZMTPPeer: Sendable {
  package enum Event: Hashable, Sendable {
    /// The handshake is over; messages may be sent.
    case ready
    /// A message, by its frames.
    case message([[UInt8]])
    /// Bytes to send at once.
    case reply([UInt8])
  }

  /// Why the other side is no ZeroMQ socket that this one can talk to.
  package enum Malformed: Error, Hashable, Sendable {
    case noGreeting
    case version(UInt8)
    case mechanism(String)
    case frame
    case tooLong(UInt64)
    case refused(String)
    case command(String)
  }

  /// The longest frame that is taken, in bytes.
  package static let longestFrame: UInt64 = 16 << 20

  private enum Phase { case greeting, handshake, traffic }

  private let identity: [UInt8]
  private var phase = Phase.greeting
  private var held: [UInt8] = []
  private var start = 0
  private var frames: [[UInt8]] = []
  private var frameBytes = 0

  package init(identity: String) { self.identity = Array(identity.utf8) }

  /// What is sent first: the greeting and READY, neither of which waits for the other side under NULL.
  package var opening: [UInt8] {
    var bytes: [UInt8] = [0xFF] + Array(repeating: 0, count: 8) + [0x7F, 3, 0]
    bytes += Array("NULL".utf8) + Array(repeating: 0, count: 16)
    bytes += Array(repeating: 0, count: 32)
    var body: [UInt8] = [5] + Array("READY".utf8)
    body += ZMTPPeer.property("Socket-Type", Array("DEALER".utf8))
    body += ZMTPPeer.property("Identity", identity)
    return bytes + ZMTPPeer.frame(flags: 4, body)
  }

  /// A message of one frame.
  package static func encode(_ message: [UInt8]) -> [UInt8] { frame(flags: 0, message) }

  private static func frame(flags: UInt8, _ body: [UInt8]) -> [UInt8] {
    if body.count <= 255 { return [flags, UInt8(body.count)] + body }
    let size = UInt64(body.count)
    return [flags | 2] + (0..<8).map { UInt8(truncatingIfNeeded: size >> UInt64(56 - 8 * $0)) } + body
  }

  private static func property(_ name: String, _ value: [UInt8]) -> [UInt8] {
    let size = UInt32(value.count)
    return [UInt8(name.utf8.count)] + Array(name.utf8)
      + (0..<4).map { UInt8(truncatingIfNeeded: size >> UInt32(24 - 8 * $0)) } + value
  }

  /// Takes bytes as they come, in pieces of any size.
  package mutating func receive(_ bytes: some Collection<UInt8>) throws(Malformed) -> [Event] {
    held += bytes
    var events: [Event] = []
    while let event = try next() { events += event }
    if start > 0 {
      held.removeFirst(start)
      start = 0
    }
    return events
  }

  /// Nil when there is not enough yet.
  private mutating func next() throws(Malformed) -> [Event]? {
    if phase == .greeting { return try greeting() }
    let available = held.count - start
    guard available >= 2 else { return nil }
    let flags = held[start]
    guard flags & ~7 == 0 else { throw .frame }
    let isLong = flags & 2 != 0
    var size = UInt64(held[start + 1])
    if isLong {
      guard available >= 9 else { return nil }
      size = held[(start + 1)..<(start + 9)].reduce(0) { $0 << 8 | UInt64($1) }
    }
    guard size <= ZMTPPeer.longestFrame else { throw .tooLong(size) }
    let head = isLong ? 9 : 2
    guard available - head >= Int(size) else { return nil }
    let body = Array(held[(start + head)..<(start + head + Int(size))])
    start += head + Int(size)
    return flags & 4 != 0 ? try command(body, flags) : try message(body, isLast: flags & 1 == 0)
  }

  private mutating func greeting() throws(Malformed) -> [Event]? {
    // A stranger shows itself in the first byte, long before a greeting is complete.
    if let first = held.first, first != 0xFF { throw .noGreeting }
    guard held.count >= 11 else { return nil }
    guard held[9] & 1 == 1 else { throw .noGreeting }
    guard held[10] >= 3 else { throw .version(held[10]) }
    guard held.count >= 64 else { return nil }
    let mechanism = String(decoding: held[12..<32].prefix { $0 != 0 }, as: UTF8.self)
    guard mechanism == "NULL" else { throw .mechanism(mechanism) }
    start = 64
    phase = .handshake
    return []
  }

  private mutating func command(_ body: [UInt8], _ flags: UInt8) throws(Malformed) -> [Event] {
    guard flags & 1 == 0, let count = body.first, body.count > Int(count) else { throw .frame }
    let name = String(decoding: body[1...Int(count)], as: UTF8.self)
    let rest = body[(1 + Int(count))...]
    switch (name, phase) {
    case ("READY", .handshake):
      phase = .traffic
      return [.ready]
    case ("ERROR", _): throw .refused(String(decoding: rest.dropFirst(), as: UTF8.self))
    case ("PING", .traffic):
      // ZMTP 3.1: two bytes of time to live, then a context that goes back.
      return [.reply(ZMTPPeer.frame(flags: 4, [4] + Array("PONG".utf8) + Array(rest.dropFirst(2))))]
    case (_, .traffic): return []
    default: throw .command(name)
    }
  }

  private mutating func message(_ body: [UInt8], isLast: Bool) throws(Malformed) -> [Event] {
    guard phase == .traffic else { throw .frame }
    frameBytes += body.count
    guard frameBytes <= Int(ZMTPPeer.longestFrame) else { throw .tooLong(UInt64(frameBytes)) }
    frames.append(body)
    guard frames.count <= 64 else { throw .frame }
    guard isLast else { return [] }
    defer {
      frames = []
      frameBytes = 0
    }
    return [.message(frames)]
  }
}

extension ZMTPPeer.Malformed: CustomStringConvertible {
  package var description: String {
    switch self {
    case .noGreeting: "it does not speak ZeroMQ; is this a Locust master's --master-bind-port?"
    case .version(let version): "it speaks ZeroMQ's protocol \(version), and 3 or later is needed"
    case .mechanism(let name): "it demands the security mechanism \(name), which Locust does not use"
    case .frame: "it sent a frame that ZeroMQ does not have"
    case .tooLong(let size): "it announced a message of \(size) bytes"
    case .refused(let why): "it refused: \(why)"
    case .command(let name): "it sent the command \(name) out of turn"
    }
  }
}
