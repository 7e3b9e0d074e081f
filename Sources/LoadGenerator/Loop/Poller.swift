import CEvents
import Glibc
import HostSystem

/// The kernel's list of what a loop waits for: epoll(7), edge-triggered, so that a connection is registered once.
struct Poller: ~Copyable {
  private let epoll: Descriptor
  private let events: UnsafeMutableBufferPointer<epoll_event>

  /// The key that a mailbox reports under; no connection has it.
  static let wakeKey = UInt64.max

  /// - Parameter waker: what `wakeKey` is reported for.
  init(waker: CInt) throws(LoadError) {
    do throws(SystemError) {
      epoll = try Descriptor(checking: epoll_create1(CInt(EPOLL_CLOEXEC)), "make an event queue")
    } catch {
      throw .system(error.action, code: error.code)
    }
    events = .allocate(capacity: 512)
    _ = add(waker, key: Poller.wakeKey)
  }

  deinit { events.deallocate() }

  func add(_ descriptor: CInt, key: UInt64) -> Bool {
    var event = epoll_event()
    event.events = SVS_WATCH_VALUE
    event.data.u64 = key
    return epoll_ctl(epoll.number, EPOLL_CTL_ADD, descriptor, &event) == 0
  }

  /// Waits at most so many nanoseconds (negative: for ever); returns how many events there are.
  func wait(nanoseconds: Int64) -> Int {
    Int(max(0, svs_epoll_wait(epoll.number, events.baseAddress, CInt(events.count), nanoseconds)))
  }

  /// The key and the kinds of an event that the last `wait` found.
  @inline(__always)
  func event(_ index: Int) -> (key: UInt64, kinds: UInt32) { (events[index].data.u64, events[index].events) }
}
