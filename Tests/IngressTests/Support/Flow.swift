import Glibc

/// Something that a test waits for and a server's thread brings about, or the other way round.
final class Gate: Sendable {
  private let ends: (read: CInt, write: CInt)

  init() {
    var pair: [CInt] = [-1, -1]
    _ = pipe(&pair)
    for end in pair { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    ends = (pair[0], pair[1])
  }

  deinit {
    close(ends.read)
    close(ends.write)
  }

  /// Lets one waiter through.
  func open() {
    var byte: UInt8 = 0
    _ = write(ends.write, &byte, 1)
  }

  /// - Returns: whether it was opened in time.
  func wait(seconds: CInt = 10) -> Bool {
    var poller = pollfd(fd: ends.read, events: Int16(POLLIN), revents: 0)
    var byte: UInt8 = 0
    return poll(&poller, 1, seconds * 1_000) == 1 && read(ends.read, &byte, 1) == 1
  }
}

/// A stream's end, as far as the speed of its flow goes.
protocol Flowing {
  var descriptor: CInt { get }
}

extension ScriptedServer.Peer: Flowing {}
extension Wire: Flowing {}

extension Flowing {
  /// How long to wait for the other side to take or to send something; zero: for ever.
  func setPatience(milliseconds: Int) {
    var limit = timeval(tv_sec: milliseconds / 1_000, tv_usec: milliseconds % 1_000 * 1_000)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
    }
  }

  func setBuffers(_ size: CInt) {
    var size = size
    for option in [SO_RCVBUF, SO_SNDBUF] { setsockopt(descriptor, SOL_SOCKET, option, &size, 4) }
  }

  /// Sends zeros.
  ///
  /// - Returns: how many the other side's and this side's kernel took before the patience was over or the end came.
  func pour(_ count: Int) -> Int {
    let block = [UInt8](repeating: 0x30, count: 65_536)
    var sent = 0
    while sent < count {
      let now = Glibc.send(descriptor, block, min(block.count, count - sent), CInt(MSG_NOSIGNAL))
      if now <= 0 { break }
      sent += now
    }
    return sent
  }

  /// Reads and counts, to the end or to so many bytes.
  func swallow(_ count: Int = .max) -> Int {
    var block = [UInt8](repeating: 0, count: 65_536)
    var got = 0
    while got < count {
      let now = recv(descriptor, &block, min(block.count, count - got), 0)
      if now <= 0 { break }
      got += now
    }
    return got
  }
}
