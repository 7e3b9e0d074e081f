import CEvents
import Glibc
import HostSystem

/// The kernel's list of what a loop waits for: epoll(7), edge-triggered, so that a connection is registered once.
struct Poller: ~Copyable {
  private let epoll: Descriptor
  private let waker: Descriptor
  private let events: UnsafeMutableBufferPointer<epoll_event>

  /// The key that `wake` reports under; no connection has it.
  static let wakeKey = UInt64.max

  init() throws(LoadError) {
    do throws(SystemError) {
      let epoll = try Descriptor(checking: epoll_create1(CInt(EPOLL_CLOEXEC)), "make an event queue")
      let waker = try Descriptor(checking: eventfd(0, CInt(EFD_CLOEXEC | EFD_NONBLOCK)), "make an event")
      self.epoll = epoll
      self.waker = waker
    } catch {
      throw .system(error.action, code: error.code)
    }
    events = .allocate(capacity: 512)
    _ = add(waker.number, key: Poller.wakeKey)
  }

  deinit { events.deallocate() }

  /// What `Mailbox` writes to when there is something to read.
  var wakeDescriptor: CInt { waker.number }

  func add(_ descriptor: CInt, key: UInt64) -> Bool {
    var event = epoll_event()
    event.events = SVS_WATCH_VALUE
    event.data.u64 = key
    return epoll_ctl(epoll.number, EPOLL_CTL_ADD, descriptor, &event) == 0
  }

  func drainWaker() {
    var count: UInt64 = 0
    _ = read(waker.number, &count, 8)
  }

  /// Waits at most so many nanoseconds (negative: for ever); returns how many events there are.
  func wait(nanoseconds: Int64) -> Int {
    Int(max(0, svs_epoll_wait(epoll.number, events.baseAddress, CInt(events.count), nanoseconds)))
  }

  /// The key and the kinds of an event that the last `wait` found.
  @inline(__always)
  func event(_ index: Int) -> (key: UInt64, kinds: UInt32) { (events[index].data.u64, events[index].events) }
}
