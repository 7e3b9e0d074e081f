import CSystem

/// Holds a sender to a rate: as much may be sent as the rate allows since the test began.
///
/// What a stall held back is made up for, as iperf3 does; so the mean is the rate that was asked for.
struct Pacer {
  private let bitsPerSecond: Double
  private let start: UInt64
  private let burst: Int
  private var blocksOfBurst = 0
  /// Nanoseconds.
  private static let shortSleep: UInt64 = 2_000_000

  /// - Parameter burst: blocks that go without a pause.
  init(bitsPerSecond: UInt64, burst: Int) {
    self.bitsPerSecond = Double(bitsPerSecond)
    self.burst = max(1, burst)
    start = Clock.now
    if bitsPerSecond > 0 { svs_precise_sleeps() }
  }

  /// Waits until the next block may go after so many octets; a sleep ends early when the test does.
  mutating func wait(sent bytes: UInt64, _ control: TransferControl) {
    guard bitsPerSecond > 0 else { return }
    if blocksOfBurst > 0 {
      blocksOfBurst -= 1
      return
    }
    blocksOfBurst = burst - 1
    let planned = start &+ UInt64(min(Double(bytes) * 8_000_000_000 / bitsPerSecond, 1e18))
    var now = Clock.now
    while now < planned, !control.isStopping {
      // A short sleep is the exacter one; a long one ends with the test, which would overrun its time otherwise.
      if planned - now < Self.shortSleep {
        svs_sleep_until(planned)
      } else {
        _ = svs_wait_readable(control.stopBell.number, planned - now)
      }
      now = Clock.now
    }
  }
}
