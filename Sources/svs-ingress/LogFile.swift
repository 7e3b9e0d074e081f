import Glibc
import Ingress

/// The file of the access log.
struct LogFile {
  private let path: String
  /// The same number for the program's life, whatever file is behind it.
  let descriptor: CInt

  /// - Parameter path: `-` is standard output.
  /// - Throws: why it cannot be opened.
  init(_ path: String) throws(EntryPointError) {
    self.path = path
    descriptor = path == "-" ? STDOUT_FILENO : try Self.open(path)
  }

  /// Goes on in a new file of that name, if the old one was renamed or deleted, as log rotation does.
  ///
  /// - Throws: why it cannot be opened; then the old one is written on.
  func reopen() throws(EntryPointError) {
    if path == "-" { return }
    let new = try Self.open(path)
    // In one step: whoever writes at this moment writes into the one or the other.
    _ = dup2(new, descriptor)
    close(new)
  }

  private static func open(_ path: String) throws(EntryPointError) -> CInt {
    let descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
    guard descriptor >= 0 else {
      throw EntryPointError(description: "the access log \(path) cannot be opened: \(String(cString: strerror(errno)))")
    }
    return descriptor
  }
}
