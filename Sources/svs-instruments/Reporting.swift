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

func complain(_ text: String) {
  let bytes = Array("svs: \(text)\n".utf8)
  _ = write(STDERR_FILENO, bytes, bytes.count)
}
