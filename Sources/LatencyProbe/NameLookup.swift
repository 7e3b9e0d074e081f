import Glibc
import HostSystem
import Synchronization

/// Finds a host's addresses as other programs do, by getaddrinfo(3).
enum NameLookup {
  /// - Parameter family: `AF_UNSPEC`, `AF_INET` or `AF_INET6`.
  static func addresses(
    of host: String, port: UInt16, family: CInt, until deadline: Deadline
  ) throws(ProbeError) -> [SocketAddress] {
    // Nothing to wait for, so no thread for it.
    if ProbeTarget.isAddress(host) { return try resolve(host, port, family, numeric: true) }
    let job = LookupJob(host: host, port: port, family: family)
    guard let pipe = job.start() else { return try resolve(host, port, family, numeric: false) }
    var watched = [pollfd(fd: pipe, events: Int16(POLLIN), revents: 0)]
    defer { close(pipe) }
    guard try Interruption.wait(for: &watched, until: deadline) else { throw .timedOut("looking up \(host)") }
    return try job.result.withLock { $0 }?.get() ?? []
  }

  fileprivate static func resolve(
    _ host: String, _ port: UInt16, _ family: CInt, numeric: Bool
  ) throws(ProbeError) -> [SocketAddress] {
    // A family that was asked for is looked up even where only the loopback has it.
    let flags = numeric ? CInt(AI_NUMERICHOST) : family == AF_UNSPEC ? CInt(AI_ADDRCONFIG) : 0
    do throws(SocketAddress.LookupFailure) {
      return SocketAddress.alternating(try SocketAddress.lookUp(host, port: port, family: family, flags: flags))
    } catch {
      throw .lookup(host, reason: reason(error, family))
    }
  }

  /// EAI_ADDRFAMILY and EAI_NODATA of netdb.h, which are GNU's own.
  private static let noAddressOfFamily: CInt = -9
  private static let noData: CInt = -5

  private static func reason(_ failure: SocketAddress.LookupFailure, _ family: CInt) -> String {
    if failure.code == noAddressOfFamily || failure.code == noData, family != AF_UNSPEC {
      return "it has no IPv\(family == AF_INET ? 4 : 6) address"
    }
    return failure.reason
  }
}

/// A lookup on a thread of its own, which cannot be called off: one that is late ends by itself.
private final class LookupJob: Sendable {
  private let host: String
  private let port: UInt16
  private let family: CInt
  private let finished = Mutex<CInt>(-1)
  let result = Mutex<Result<[SocketAddress], ProbeError>?>(nil)

  init(host: String, port: UInt16, family: CInt) {
    self.host = host
    self.port = port
    self.family = family
  }

  /// The descriptor that can be read when the result is there; nil where there is no thread to be had.
  func start() -> CInt? {
    var pair: [CInt] = [-1, -1]
    guard pipe(&pair) == 0 else { return nil }
    for end in pair { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    let (reading, writing) = (pair[0], pair[1])
    finished.withLock { $0 = writing }
    var thread = pthread_t()
    let this = Unmanaged.passRetained(self)
    let started = pthread_create(
      &thread, nil,
      { pointer in
        if let pointer { Unmanaged<LookupJob>.fromOpaque(pointer).takeRetainedValue().run() }
        return nil
      }, this.toOpaque())
    guard started == 0 else {
      this.release()
      close(reading)
      close(writing)
      return nil
    }
    pthread_detach(thread)
    return reading
  }

  private func run() {
    let found: Result<[SocketAddress], ProbeError>
    do throws(ProbeError) {
      found = .success(try NameLookup.resolve(host, port, family, numeric: false))
    } catch {
      found = .failure(error)
    }
    result.withLock { $0 = found }
    // The end of the pipe is the message.
    close(finished.withLock { $0 })
  }
}
