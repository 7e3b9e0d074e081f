import CSystem
import Glibc
import HostSystem
import Synchronization

/// A thread, joined when its owner goes.
final class Worker: Sendable {
  private let thread: pthread_t
  private let isJoined = Atomic<Bool>(false)

  private final class Work {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  init(_ body: @escaping @Sendable () -> Void) throws(ThroughputError) { thread = try Self.start(body) }

  /// A thread that nobody waits for.
  static func detached(_ body: @escaping @Sendable () -> Void) throws(ThroughputError) {
    pthread_detach(try start(body))
  }

  private static func start(_ body: @escaping @Sendable () -> Void) throws(ThroughputError) -> pthread_t {
    let work = Unmanaged.passRetained(Work(body))
    var thread = pthread_t()
    let code = pthread_create(
      &thread, nil,
      { argument in
        if let argument { Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body() }
        return nil
      }, work.toOpaque())
    guard code == 0 else {
      work.release()
      throw .system(SystemError(code: code, action: "start a thread"))
    }
    return thread
  }

  /// Waits until it has ended.
  func join() {
    guard !isJoined.exchange(true, ordering: .acquiringAndReleasing) else { return }
    pthread_join(thread, nil)
  }

  deinit { join() }
}

/// Something that wakes who waits with poll(2).
final class Bell: Sendable {
  private let descriptor: Descriptor
  var number: CInt { descriptor.number }

  init() throws(ThroughputError) {
    let code = svs_event()
    guard code >= 0 else { throw .system(SystemError(code: -code, action: "make an event")) }
    descriptor = Descriptor(code)
  }

  func ring() {
    var one: UInt64 = 1
    _ = write(descriptor.number, &one, 8)
  }

  func quieten() {
    var value: UInt64 = 0
    _ = read(descriptor.number, &value, 8)
  }
}
