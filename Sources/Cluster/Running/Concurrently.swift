import Glibc
import Synchronization

/// Work that is done side by side, each piece on a thread of its own.
enum Concurrently {
  /// A piece of work: what it failed of, if it did.
  typealias Piece = @Sendable () -> ClusterError?

  /// Runs all of it and returns when the last piece has ended.
  ///
  /// - Throws: the error of the first piece, in their order, that failed.
  static func run(_ pieces: [Piece]) throws(ClusterError) {
    let works = pieces.map(Work.init)
    var threads: [pthread_t] = []
    // The first on this thread: one less.
    for work in works.dropFirst() {
      if let thread = thread(for: work) { threads.append(thread) }
    }
    works.first?.run()
    for thread in threads { pthread_join(thread, nil) }
    for work in works { if let error = work.error { throw error } }
  }

  /// Runs a closure on a thread of its own, and does not wait; on this one where there can be no other.
  static func start(_ body: @escaping @Sendable () -> Void) {
    let work = Work {
      body()
      return nil
    }
    if let thread = thread(for: work) { pthread_detach(thread) }
  }

  /// A thread that does a piece of work; nothing where there can be none, and the work is done.
  private static func thread(for work: Work) -> pthread_t? {
    let pointer = Unmanaged.passRetained(work)
    var thread = pthread_t()
    let result = pthread_create(
      &thread, nil,
      { pointer in
        if let pointer { Unmanaged<Work>.fromOpaque(pointer).takeRetainedValue().run() }
        return nil
      }, pointer.toOpaque())
    if result == 0 { return thread }
    pointer.takeRetainedValue().run()
    return nil
  }

  private final class Work: Sendable {
    private let body: Piece
    private let failure = Mutex<ClusterError?>(nil)

    var error: ClusterError? { failure.withLock { $0 } }

    init(_ body: @escaping Piece) { self.body = body }

    func run() {
      let error = body()
      failure.withLock { $0 = error }
    }
  }
}
