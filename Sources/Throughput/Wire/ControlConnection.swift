import CSystem
import Glibc
import HostSystem

/// The connection over which the two sides agree: octets of state, and JSON behind its length.
struct ControlConnection: ~Copyable {
  let descriptor: Descriptor
  /// Who is at the other end, for messages.
  let peer: String

  /// Octets that one JSON text may have: a server's results with its whole output are the longest.
  static let longestText = 64 << 20
  /// Those of a client have no output. iperf3's with 128 streams are 40 KB; parsed, a text takes 15 times its length.
  static let longestClientResults = 1 << 20
  static let longestParameters = 64 << 10

  init(_ descriptor: consuming Descriptor, peer: String) {
    _ = svs_set_socket_option(descriptor.number, SVS_NO_DELAY, 1)
    _ = svs_set_socket_option(descriptor.number, SVS_KEEP_ALIVE, 1)
    self.descriptor = descriptor
    self.peer = peer
  }

  var number: CInt { descriptor.number }

  func send(_ state: ControlState) throws(ThroughputError) {
    try Wire.write([UInt8(bitPattern: state.rawValue)], to: number, peer)
  }

  /// Tells the client what went wrong, as iperf3 does; a client that is gone does not mind.
  func send(_ error: PeerError, errno number: CInt = 0) {
    let octets =
      [UInt8(bitPattern: ControlState.serverError.rawValue)] + Wire.bigEndian(UInt32(bitPattern: error.rawValue))
      + Wire.bigEndian(UInt32(bitPattern: number))
    try? Wire.write(octets, to: self.number, peer)
  }

  func send(_ json: JSON) throws(ThroughputError) {
    let text = Array(json.compact.utf8)
    try Wire.write(Wire.bigEndian(UInt32(clamping: text.count)) + text, to: number, peer)
  }

  consuming func takeDescriptor() -> Descriptor { descriptor }

  /// Waits for the next state, and says what an error behind it means.
  ///
  /// - Parameter interrupts: a descriptor that ends the wait when it becomes readable.
  func nextState(_ deadline: Deadline, interrupts: CInt) throws(ThroughputError) -> ControlState {
    guard try Wire.wait(for: number, interrupts: interrupts, deadline) else {
      throw .silent("\(peer) did not answer in time")
    }
    let octet = try Wire.read(1, from: number, deadline, peer, interrupts: interrupts)[0]
    guard let state = ControlState(rawValue: Int8(bitPattern: octet)) else {
      throw .protocolViolation("an unknown state, \(Int8(bitPattern: octet))")
    }
    guard state == .serverError else { return state }
    let code = try number(deadline, interrupts)
    throw .peerFailed(code: Int32(bitPattern: code), errno: Int32(bitPattern: try number(deadline, interrupts)))
  }

  /// The state that comes soon, or what is said otherwise.
  func nextState(
    _ deadline: Deadline, interrupts: CInt, otherwise: ControlState?
  ) throws(ThroughputError) -> ControlState? {
    guard try Wire.wait(for: number, interrupts: interrupts, deadline) else { return otherwise }
    return try nextState(deadline, interrupts: interrupts)
  }

  /// Waits for a JSON text of bounded length.
  func json(limit: Int, _ deadline: Deadline, interrupts: CInt) throws(ThroughputError) -> JSON {
    let length = Int(try number(deadline, interrupts))
    guard length <= limit else { throw .protocolViolation("a text of \(length) octets, where \(limit) are the most") }
    let text = try Wire.read(length, from: number, deadline, peer, interrupts: interrupts)
    do {
      return try JSON(parsing: text)
    } catch {
      throw .protocolViolation("\(error)")
    }
  }

  private func number(_ deadline: Deadline, _ interrupts: CInt) throws(ThroughputError) -> UInt32 {
    try Wire.read(4, from: number, deadline, peer, interrupts: interrupts).reduce(0) { $0 << 8 | UInt32($1) }
  }
}

/// Whole messages over a connected socket.
enum Wire {
  static func bigEndian(_ value: UInt32) -> [UInt8] {
    (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) }
  }

  static func write(_ bytes: [UInt8], to number: CInt, _ peer: String) throws(ThroughputError) {
    var rest = bytes[...]
    // A peer that reads nothing must not hold this side for ever.
    let deadline = Deadline(in: .seconds(30))
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes {
        Glibc.send(number, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL) | CInt(MSG_DONTWAIT))
      }
      if count > 0 {
        rest = rest.dropFirst(count)
        continue
      }
      guard errno == EAGAIN || errno == EINTR else { throw .peerVanished(peer) }
      guard wait(for: Int16(POLLOUT), on: number, deadline) else {
        throw .silent("\(peer) does not read what it is sent")
      }
    }
  }

  static func read(
    _ count: Int, from number: CInt, _ deadline: Deadline, _ peer: String, interrupts: CInt
  ) throws(ThroughputError) -> [UInt8] {
    var result: [UInt8] = []
    // The length is what a peer claims: memory grows with what it really sends.
    while result.count < count {
      guard try wait(for: number, interrupts: interrupts, deadline) else {
        throw .silent("\(peer) did not answer in time")
      }
      var part = [UInt8](repeating: 0, count: min(65536, count - result.count))
      let got = recv(number, &part, part.count, CInt(MSG_DONTWAIT))
      if got > 0 {
        result += part[..<got]
      } else if got == 0 || !(errno == EAGAIN || errno == EINTR) {
        throw .peerVanished(peer)
      }
    }
    return result
  }

  /// Whether a descriptor became readable in time.
  ///
  /// - Throws: `ThroughputError.interrupted` if the other descriptor became readable before.
  static func wait(for number: CInt, interrupts: CInt, _ deadline: Deadline) throws(ThroughputError) -> Bool {
    var watched = [
      pollfd(fd: number, events: Int16(POLLIN), revents: 0), pollfd(fd: interrupts, events: Int16(POLLIN), revents: 0),
    ]
    while true {
      let ready = poll(&watched, 2, deadline.milliseconds)
      if ready > 0, watched[0].revents != 0 { return true }
      if ready > 0 { throw .interrupted("this side") }
      if ready == 0, deadline.hasPassed { return false }
    }
  }

  /// Whether a descriptor became ready in time.
  static func wait(for events: Int16, on number: CInt, _ deadline: Deadline) -> Bool {
    var watched = pollfd(fd: number, events: events, revents: 0)
    while true {
      let ready = poll(&watched, 1, deadline.milliseconds)
      if ready > 0 { return true }
      if ready == 0, deadline.hasPassed { return false }
      if ready < 0, errno != EINTR { return false }
    }
  }
}
