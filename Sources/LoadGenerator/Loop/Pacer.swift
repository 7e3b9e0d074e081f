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
  /// How many requests this loop's share of the plan has.
  private let planned: UInt64

  /// - Parameter end: the first moment that is not planned for; none where the load goes on until it is stopped.
  init(rate: Double, share index: Int, of count: Int, start: UInt64, end: UInt64? = nil) {
    self.start = start
    interval = 1e9 * Double(count) / rate
    offset = 1e9 * Double(index) / rate
    guard let end else {
      planned = .max
      return
    }
    let exact = rate * (Double(end > start ? end &- start : 0) / 1e9)
    // What lies above a whole number by rounding alone is that number.
    let all = UInt64(max(0, (exact - 4 * exact.ulp).rounded(.up)))
    planned = all > index ? (all &- UInt64(index) &- 1) / UInt64(count) &+ 1 : 0
  }

  /// When the next request is to be sent; nil where the plan has none any more.
  var next: UInt64? { started < planned ? moment(0) : nil }

  /// When the request is to be sent that is so many behind the next one.
  func moment(_ later: UInt64) -> UInt64 { start &+ UInt64(offset + Double(started &+ later) * interval) }

  mutating func take() -> UInt64? {
    guard let next else { return nil }
    started &+= 1
    return next
  }

  /// Requests that should have been sent by now and were not: nobody was free.
  func overdue(at now: UInt64) -> UInt64 {
    let elapsed = Double(now &- start) - offset
    guard now >= start, elapsed >= 0 else { return 0 }
    let due = min(planned, UInt64(elapsed / interval) &+ 1)
    return due > started ? due &- started : 0
  }
}
