/// The moments at which an open-loop load sends, whatever became of earlier requests.
///
/// Each of several loops takes every n-th moment, so that together they keep the rate.
struct Pacer {
  private let start: UInt64
  private let offset: Double
  private let interval: Double
  /// Nanoseconds that a loop with nothing else to do may sleep past a moment, so that one waking sends several
  /// requests where the rate is high. Corrected latencies contain it; wrk2's contain up to ten times as much.
  static let grain: UInt64 = 100_000

  /// What is later than this was not sent for want of a free user.
  static let tolerance: UInt64 = 5_000_000

  private(set) var started: UInt64 = 0

  init(rate: Double, share index: Int, of count: Int, start: UInt64) {
    self.start = start
    interval = 1e9 * Double(count) / rate
    offset = 1e9 * Double(index) / rate
  }

  /// When the next request is to be sent.
  var next: UInt64 { moment(0) }

  /// When the request is to be sent that is so many behind the next one.
  func moment(_ later: UInt64) -> UInt64 { start &+ UInt64(offset + Double(started &+ later) * interval) }

  mutating func take() -> UInt64 {
    defer { started &+= 1 }
    return next
  }

  /// Requests that should have been sent by now and were not: nobody was free.
  func overdue(at now: UInt64) -> UInt64 {
    let elapsed = Double(now &- start) - offset
    guard now >= start, elapsed >= 0 else { return 0 }
    let due = UInt64(elapsed / interval) &+ 1
    return due > started ? due &- started : 0
  }
}
