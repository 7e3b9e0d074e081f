import Glibc
import HostSystem

/// The lines that come and go by a descriptor.
final class LineChannel {
  private let file: Descriptor
  private var rest: [UInt8] = []
  private let limit: Int

  /// - Parameter limit: of a line, in bytes; a longer one ends the channel.
  init(_ file: consuming Descriptor, limit: Int = 16 << 20) {
    self.file = file
    self.limit = limit
  }

  var number: CInt { file.number }

  /// Sends a line; false where nobody takes it.
  @discardableResult
  func send(_ bytes: [UInt8]) -> Bool {
    var left = bytes[...]
    while !left.isEmpty {
      let count = left.withUnsafeBytes { write(file.number, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return false }
      left = left.dropFirst(count)
    }
    return true
  }

  /// The next line without its end; nothing where there are no more.
  ///
  /// - Parameters:
  ///   - interruption: a descriptor that, once readable, has this return nothing; see `isInterrupted`.
  ///   - patience: how long nothing may come before this returns nothing; see `isLate`.
  func next(unless interruption: CInt = -1, patience: Duration? = nil) -> [UInt8]? {
    let deadline = patience.map { Deadline(in: $0) }
    while true {
      if let end = rest.firstIndex(of: 0x0A) {
        let line = Array(rest[..<end])
        rest.removeFirst(end + 1)
        return line
      }
      var watched = [
        pollfd(fd: file.number, events: Int16(POLLIN), revents: 0),
        pollfd(fd: interruption, events: Int16(POLLIN), revents: 0),
      ]
      if poll(&watched, 2, deadline?.milliseconds ?? -1) < 0, errno != EINTR { return nil }
      if watched[1].revents != 0 {
        isInterrupted = true
        return nil
      }
      if watched[0].revents == 0 {
        guard let deadline, deadline.hasPassed else { continue }
        isLate = true
        return nil
      }
      var buffer = [UInt8](repeating: 0, count: 65536)
      let count = read(file.number, &buffer, buffer.count)
      if count < 0, errno == EINTR || errno == EAGAIN { continue }
      guard count > 0, rest.count < limit else { return nil }
      rest += buffer[..<count]
    }
  }

  private(set) var isInterrupted = false
  private(set) var isLate = false
}
