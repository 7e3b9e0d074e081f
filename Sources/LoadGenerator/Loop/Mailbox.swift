import CEvents
import Glibc
import HostSystem
import Synchronization

/// What a loop is told to do.
enum Order: Sendable {
  /// How many users of each class there shall be.
  case users([Int])
  /// Report what was measured since the last report.
  case collect(CheckedContinuation<LoopReport, Never>)
  /// Start no more requests; let those under way end, for so many nanoseconds at most. Whether the rest, and what was
  /// planned and never sent, has failed.
  case drain(nanoseconds: UInt64, reckons: Bool, CheckedContinuation<Void, Never>)
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
  /// Requests that were planned and never sent, where a stop reckoned them up.
  var unsent: TaskRecord
}

/// Orders on their way to a loop, which is woken for them.
///
/// The event belongs to the mailbox, not to the loop: a loop may be gone while somebody still posts, and its number
/// would by then be another file's.
final class Mailbox: Sendable {
  private let orders = Mutex<[Order]>([])
  private let waker: Descriptor

  init() throws(LoadError) {
    do throws(SystemError) {
      waker = try Descriptor(checking: eventfd(0, CInt(EFD_CLOEXEC | EFD_NONBLOCK)), "make an event")
    } catch {
      throw .system(error.action, code: error.code)
    }
  }

  /// What becomes readable when there is an order.
  var wakeDescriptor: CInt { waker.number }

  func post(_ order: Order) {
    orders.withLock { $0.append(order) }
    var one: UInt64 = 1
    _ = write(waker.number, &one, 8)
  }

  func quieten() {
    var count: UInt64 = 0
    _ = read(waker.number, &count, 8)
  }

  func take() -> [Order] {
    orders.withLock { orders in
      defer { orders = [] }
      return orders
    }
  }
}
