import Glibc
import Synchronization

/// What a loop is told to do.
enum Order: Sendable {
  /// How many users of each class there shall be.
  case users([Int])
  /// Report what was measured since the last report.
  case collect(CheckedContinuation<LoopReport, Never>)
  /// Start no more requests; let those under way end, for so many nanoseconds at most.
  case drain(nanoseconds: UInt64, CheckedContinuation<Void, Never>)
  /// End the thread.
  case quit
}

/// What a loop measured since its last report.
struct LoopReport: Sendable {
  /// By task, all classes' tasks in a row.
  var records: [TaskRecord]
  /// Users there are now, by class.
  var users: [Int]
  /// Requests that are overdue: an open-loop load that found nobody free.
  var overdue: UInt64
  /// Requests that were under way when a stop cut them off.
  var abandoned: UInt64
}

/// Orders on their way to a loop, which is woken for them.
final class Mailbox: Sendable {
  private let orders = Mutex<[Order]>([])
  private let waker: CInt

  init(waker: CInt) { self.waker = waker }

  func post(_ order: Order) {
    orders.withLock { $0.append(order) }
    var one: UInt64 = 1
    _ = write(waker, &one, 8)
  }

  func take() -> [Order] {
    orders.withLock { orders in
      defer { orders = [] }
      return orders
    }
  }
}
