import Glibc

/// Takes an access log.
final class LogPipe: Sendable {
  let writing: CInt
  private let reading: CInt

  init() {
    var pair: [CInt] = [-1, -1]
    _ = pipe(&pair)
    for end in pair { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    (reading, writing) = (pair[0], pair[1])
  }

  deinit {
    close(reading)
    close(writing)
  }

  /// What has been written since the last time.
  ///
  /// - Parameter patience: how long to wait for the first of it.
  func text(patience: Int = 0) -> String {
    var text: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    var poller = pollfd(fd: reading, events: Int16(POLLIN), revents: 0)
    while poll(&poller, 1, text.isEmpty ? CInt(patience) : 0) == 1 {
      let count = read(reading, &buffer, buffer.count)
      if count <= 0 { break }
      text += buffer[..<count]
    }
    return String(decoding: text, as: UTF8.self)
  }
}
