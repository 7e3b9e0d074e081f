import Glibc
import IngressModel

/// Lines of the access log on their way into a file, of one event loop.
final class LogBuffer {
  private var log: AccessLog
  private let descriptor: CInt
  private var bytes: [UInt8] = []

  /// - Parameter descriptor: stays open for the program's life; lines of several loops do not mix, since each write
  ///   has whole lines and the file is opened to append.
  init(_ format: AccessLog.Format, descriptor: CInt) {
    log = AccessLog(format: format)
    self.descriptor = descriptor
  }

  func add(_ entry: AccessLogEntry) {
    log.write(entry, to: &bytes)
    if bytes.count > 32_768 { flush() }
  }

  /// Called at least once a second.
  func flush() {
    guard !bytes.isEmpty else { return }
    // What cannot be written is lost. A pipe that nobody empties stops the loop: a file, or a reader that keeps up, is
    // what a log is written to.
    bytes.withUnsafeBytes { buffer in
      var rest = UnsafeRawBufferPointer(rebasing: buffer[...])
      while !rest.isEmpty {
        let count = write(descriptor, rest.baseAddress, rest.count)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { break }
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      }
    }
    bytes.removeAll(keepingCapacity: true)
  }
}
