import CSystem
import Glibc
import HostSystem
import Netlink
import Synchronization

/// Real TCP connections, all open at once, from sockets of the client's host to one socket of the servers'.
///
/// Threads with an epoll each serve both ends. A socket stays in the namespace in which it was made; and since a process
/// may have but so many descriptors, each thread has a table of its own (unshare(2), CLONE_FILES).
struct ManySockets {
  let count: Int

  struct Outcome {
    /// Connections that were open at the end.
    var standing = 0
    /// Of them, those whose client got its own number back while all of them stood.
    var echoed = 0
    /// Different addresses and ports that the server was asked from.
    var peers = 0
    var secondsToStand = 0.0
  }

  /// What the threads tell each other.
  final class Progress: Sendable {
    /// Clients that are connected, and those that were refused.
    let standing = Atomic(0)
    let failed = Atomic(0)
    /// Connections that the server has taken.
    let accepted = Atomic(0)
    /// Clients whose number was sent, could not be sent, and has come back.
    let sent = Atomic(0)
    let unsent = Atomic(0)
    let echoed = Atomic(0)
    /// When the last of them moved, in nanoseconds.
    let moved = Atomic(Clock.now)

    func add(_ counter: borrowing Atomic<Int>) {
      counter.add(1, ordering: .acquiringAndReleasing)
      moved.store(Clock.now, ordering: .relaxed)
    }

    /// Whether nothing has moved for so long that what is missing is missing.
    var hasStopped: Bool { Clock.seconds(since: moved.load(ordering: .relaxed)) > 10 }
  }

  func run(
    _ network: borrowing BenchNetwork, server: IPAddress, vip: IPAddress
  ) throws(BenchError) -> Outcome {
    let perThread = try attempt { () throws(SystemError) in try connectionsPerThread() }
    let number = try network.inside("servers") { () throws(BenchError) in
      try attempt { () throws(SystemError) in try EchoLoop.listen(server.words.0, port: 80) }
    }
    let listener = Descriptor(number)
    let progress = Progress()
    let started = Clock.now
    // A new thread is where the thread is that makes it: among the clients.
    let loops = try network.inside("client") { () throws(BenchError) in
      stride(from: 0, to: count, by: perThread).map { first in
        EchoThread(
          EchoLoop(
            listener: listener.number, numbers: first..<min(first + perThread, count), of: count,
            to: (vip.words.0, 80), progress))
      }
    }
    var outcome = Outcome()
    var peers: Set<UInt64> = []
    var failure: SystemError?
    for loop in loops {
      let result = loop.join()
      peers.formUnion(result.peers)
      outcome.secondsToStand = max(outcome.secondsToStand, Double(result.stood - min(started, result.stood)) / 1e9)
      failure = failure ?? result.failure
    }
    if let failure { throw .system(failure) }
    outcome.standing = progress.standing.load(ordering: .acquiring)
    outcome.echoed = progress.echoed.load(ordering: .acquiring)
    outcome.peers = peers.count
    return outcome
  }

  /// Both ends of a connection take a descriptor, and something has to be left for the rest.
  private func connectionsPerThread() throws(SystemError) -> Int {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
      throw .last("ask for the limit of files")
    }
    let room = (Int(clamping: limit.rlim_cur) - 512) / 2
    guard room >= 256 else { throw SystemError(code: EMFILE, action: "open many sockets") }
    return min(room, 16_384)
  }
}

/// A thread that runs a loop.
private final class EchoThread {
  private let loop: EchoLoop
  private var thread = pthread_t()

  init(_ loop: EchoLoop) {
    self.loop = loop
    let made = pthread_create(
      &thread, nil,
      { argument in
        if let argument { Unmanaged<EchoLoop>.fromOpaque(argument).takeRetainedValue().run() }
        return nil
      }, Unmanaged.passRetained(loop).toOpaque())
    precondition(made == 0, "no thread to be had: \(made)")
  }

  func join() -> EchoLoop.Result {
    pthread_join(thread, nil)
    return loop.result
  }
}
