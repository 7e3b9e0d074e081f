import ArgumentParser
import Glibc

/// Does a module's work; what goes wrong is told on standard error, and the program exits with 1.
func reporting<Result, Failure: Error & CustomStringConvertible>(
  _ body: () throws(Failure) -> Result
) throws -> Result {
  do {
    return try body()
  } catch {
    complain(error.description)
    throw ExitCode.failure
  }
}

extension ExitCode {
  /// What was measured is whole, but not all that it was to measure came about.
  static let incomplete = ExitCode(2)
  /// A signal ended it early: partial results were printed, and marked as such. The shell's number for SIGINT, for all of
  /// SIGINT, SIGTERM and SIGHUP.
  static let interrupted = ExitCode(130)
}

func complain(_ text: String) {
  let bytes = Array("svs: \(text)\n".utf8)
  _ = write(STDERR_FILENO, bytes, bytes.count)
}
