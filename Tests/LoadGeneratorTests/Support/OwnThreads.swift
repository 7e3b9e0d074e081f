/// Runs every job on a thread of its own: what waits for a process there does not stop the other tests' clocks.
final class OwnThreads: TaskExecutor {
  static let shared = OwnThreads()

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    ScriptedServer.thread { job.runSynchronously(on: OwnThreads.shared.asUnownedTaskExecutor()) }
  }
}

/// Runs what blocks outside the pool of threads that all tests share.
func aside(_ body: @escaping @Sendable () throws -> Void) async throws {
  try await withTaskExecutorPreference(OwnThreads.shared) { try await blocking(body) }
}

@concurrent private func blocking(_ body: @Sendable () throws -> Void) async throws { try body() }
