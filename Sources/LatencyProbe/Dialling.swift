import Glibc
import HostSystem

/// Connects to the first of several addresses that answers (RFC 8305): each has 200 ms before the next is tried beside it.
struct Dialling: ~Copyable {
  private static let headStart = Duration.milliseconds(200)

  private var attempts: [(socket: CInt, address: SocketAddress)] = []
  private var code = ENETUNREACH

  private init() {}

  deinit { for attempt in attempts { close(attempt.socket) } }

  /// The caller owns the socket.
  ///
  /// - Parameter place: host and port, for errors.
  static func connect(
    to addresses: [SocketAddress], place: String, until deadline: Deadline
  ) throws(ProbeError) -> (socket: CInt, address: SocketAddress) {
    var dialling = Dialling()
    var rest = addresses[...]
    while true {
      if let next = rest.popFirst() {
        dialling.begin(next)
      } else if dialling.attempts.isEmpty {
        throw .connect(place, code: dialling.code)
      }
      let turn = Deadline(in: headStart)
      while !dialling.attempts.isEmpty {
        if let winner = try dialling.wait(until: rest.isEmpty ? deadline : turn) { return winner }
        if deadline.hasPassed { throw .timedOut("connecting to \(place)") }
        if !rest.isEmpty, turn.hasPassed { break }
      }
    }
  }

  private mutating func begin(_ address: SocketAddress) {
    let socket = Glibc.socket(
      address.family, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    guard socket >= 0 else {
      code = errno
      return
    }
    var one: CInt = 1
    setsockopt(socket, CInt(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<CInt>.size))
    let result = address.withPointer { Glibc.connect(socket, $0, $1) }
    guard result == 0 || errno == EINPROGRESS else {
      code = errno
      close(socket)
      return
    }
    attempts.append((socket, address))
  }

  /// Waits for one of the attempts; those that failed are gone afterwards.
  private mutating func wait(
    until deadline: Deadline
  ) throws(ProbeError) -> (socket: CInt, address: SocketAddress)? {
    var watched = attempts.map { pollfd(fd: $0.socket, events: Int16(POLLOUT), revents: 0) }
    guard try Interruption.wait(for: &watched, until: deadline) else { return nil }
    for index in watched.indices.reversed() where watched[index].revents != 0 {
      let attempt = attempts.remove(at: index)
      var failure: CInt = 0
      var size = socklen_t(MemoryLayout<CInt>.size)
      getsockopt(attempt.socket, SOL_SOCKET, SO_ERROR, &failure, &size)
      if failure == 0 { return attempt }
      code = failure
      close(attempt.socket)
    }
    return nil
  }
}
