import Foundation
import Glibc
import Synchronization

/// Runs every job on a thread of its own, so that tests that wait for other processes do not stop each other.
///
/// A thread may also enter a network namespace without taking others along.
final class OwnThreads: TaskExecutor {
  static let shared = OwnThreads()

  private final class Work {
    let job: UnownedJob
    init(_ job: UnownedJob) { self.job = job }
  }

  func enqueue(_ job: consuming ExecutorJob) {
    let work = Unmanaged.passRetained(Work(UnownedJob(job))).toOpaque()
    let attributes = UnsafeMutablePointer<pthread_attr_t>.allocate(capacity: 1)
    defer { attributes.deallocate() }
    pthread_attr_init(attributes)
    pthread_attr_setdetachstate(attributes, Int32(PTHREAD_CREATE_DETACHED))
    pthread_attr_setstacksize(attributes, 1 << 20)
    var thread = pthread_t()
    let result = pthread_create(
      &thread, attributes,
      { argument in
        if let argument {
          let work = Unmanaged<Work>.fromOpaque(argument).takeRetainedValue()
          work.job.runSynchronously(on: OwnThreads.shared.asUnownedTaskExecutor())
        }
        return nil
      }, work)
    pthread_attr_destroy(attributes)
    precondition(result == 0, "no thread to be had: \(result)")
  }
}

/// How many labs may stand at once: enough to use the time that they wait, few enough not to wait for each other.
///
/// An emulated machine takes fewer: SVS_LABS_AT_ONCE says how many.
private let places = Places(
  ProcessInfo.processInfo.environment["SVS_LABS_AT_ONCE"].flatMap(UInt32.init).map { max($0, 1) } ?? 6)

/// Runs a test's blocking part on a thread of its own, when there is a place.
func inOwnThread<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
  try await withTaskExecutorPreference(OwnThreads.shared) { try await blocking(body) }
}

@concurrent private func blocking<R: Sendable>(_ body: @Sendable () throws -> R) async throws -> R {
  places.take()
  defer { places.give() }
  return try body()
}

/// A counting semaphore.
private final class Places: @unchecked Sendable {
  private let semaphore: UnsafeMutablePointer<sem_t>

  init(_ count: UInt32) {
    semaphore = .allocate(capacity: 1)
    sem_init(semaphore, 0, count)
  }

  func take() { while sem_wait(semaphore) != 0 {} }
  func give() { sem_post(semaphore) }
}
