import CSystem
import Glibc
import HostSystem
import Synchronization

/// Round trips of small messages over a connection of their own, one every few milliseconds.
///
/// Each is timed from the moment at which it was planned to go, so that a stall shows in all that it held up.
final class EchoProbe: Sendable {
  /// Octets of a message; the server sends back whatever it gets.
  static let length = 16
  /// Nanoseconds between two.
  static let gap: UInt64 = 5_000_000
  static let idleCount = 200

  private let descriptor: Descriptor
  private let interrupts: CInt
  private let isUnderLoad = Atomic<Bool>(false)
  private let isOver = Atomic<Bool>(false)
  private let result = Mutex(LatencyUnderLoad())
  private let worker = Mutex<Worker?>(nil)
  private let idleIsMeasured: Bell

  init(_ descriptor: consuming Descriptor, _ cookie: Cookie, interrupts: CInt) throws(ThroughputError) {
    idleIsMeasured = try Bell()
    self.interrupts = interrupts
    let control = ControlConnection(descriptor, peer: "the server's echo")
    try Wire.write(cookie.bytes, to: control.number, control.peer)
    self.descriptor = control.takeDescriptor()
  }

  /// Starts, and waits until there is enough to compare with.
  func measureIdle() throws(ThroughputError) {
    let started = try Worker { self.run() }
    worker.withLock { $0 = started }
    _ = try Wire.wait(for: idleIsMeasured.number, interrupts: interrupts, Deadline(in: .seconds(5)))
  }

  func beginLoad() { isUnderLoad.store(true, ordering: .relaxed) }

  func finish() -> LatencyUnderLoad {
    isOver.store(true, ordering: .relaxed)
    // Over a path that has died the thread may be waiting for room to send in.
    shutdown(descriptor.number, CInt(SHUT_RDWR))
    worker.withLock { $0?.join() }
    return result.withLock { $0 }
  }

  private struct Sent {
    var planned: UInt64
    var isUnderLoad: Bool
  }

  private func run() {
    // Answers come in the order of the messages; what is answered goes, so that a long test keeps no more than what is
    // under way.
    var waiting: [Sent] = []
    var answered = 0
    var idle = 0
    var bytesBack = 0
    var planned = Clock.now
    let message = [UInt8](repeating: 0x5a, count: Self.length)
    var room = [UInt8](repeating: 0, count: 4096)
    while !isOver.load(ordering: .relaxed) {
      var now = Clock.now
      if now >= planned {
        guard send(descriptor.number, message, message.count, CInt(MSG_NOSIGNAL)) == message.count else { break }
        waiting.append(Sent(planned: planned, isUnderLoad: isUnderLoad.load(ordering: .relaxed)))
        planned += Self.gap
        continue
      }
      guard svs_wait_readable(descriptor.number, planned - now) > 0 else { continue }
      let count = recv(descriptor.number, &room, room.count, CInt(MSG_DONTWAIT))
      guard count > 0 else { break }
      now = Clock.now
      bytesBack += count
      while bytesBack >= Self.length, answered < waiting.count {
        bytesBack -= Self.length
        let sent = waiting[answered]
        answered += 1
        let time = Double(now - sent.planned) / 1000
        result.withLock { if sent.isUnderLoad { $0.loaded.append(time) } else { $0.idle.append(time) } }
        idle += 1
        if idle == Self.idleCount { idleIsMeasured.ring() }
      }
      if answered >= 512 {
        waiting.removeFirst(answered)
        answered = 0
      }
    }
    idleIsMeasured.ring()
    result.withLock { $0.unanswered = waiting.count - answered }
  }
}
