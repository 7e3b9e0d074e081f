import Glibc

/// The process's own streams; standard output is written in large pieces and at the end.
public struct StandardConsole: Console {
  private var pending: [UInt8] = []
  private var lost = false
  public private(set) var inputFailure: String?

  public init() {}

  public mutating func write(_ text: String) {
    pending += text.utf8
    if pending.count >= 1 << 16 { flush() }
  }

  public mutating func complain(_ line: String) {
    flush()
    _ = Self.write(Array("\(line)\n".utf8), to: STDERR_FILENO)
  }

  public mutating func read() -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = Glibc.read(STDIN_FILENO, &buffer, buffer.count)
      if count > 0 { return Array(buffer[..<count]) }
      if count == 0 { return nil }
      let error = errno
      if error != EINTR {
        inputFailure = String(cString: strerror(error))
        return nil
      }
    }
  }

  /// Writes what is pending; false when standard output could not take all of it.
  @discardableResult
  public mutating func flush() -> Bool {
    if !Self.write(pending, to: STDOUT_FILENO) { lost = true }
    pending.removeAll(keepingCapacity: true)
    return !lost
  }

  private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    var done = 0
    while done < bytes.count {
      let count = bytes[done...].withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0 {
        if errno == EINTR { continue }
        return false
      }
      done += count
    }
    return true
  }
}
