import ArgumentParser
import Glibc
import KernelDirector

/// Runs a step of the director; what it refuses is told on stderr, and the program exits with 1.
func reporting<Result>(_ body: () throws(DirectorError) -> Result) throws -> Result {
  do {
    return try body()
  } catch {
    complain(error.sentence)
    throw ExitCode.failure
  }
}

/// Runs a step of another module; its errors describe themselves.
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

func complain(_ text: String) { writeToStandardError("svs: \(text)\n") }

func warn(_ text: String) { writeToStandardError("svs: warning: \(text)\n") }

private func writeToStandardError(_ text: String) {
  var bytes = Array(text.utf8)
  _ = write(STDERR_FILENO, &bytes, bytes.count)
}

extension String {
  func padded(_ width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
  func leftPadded(_ width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}
