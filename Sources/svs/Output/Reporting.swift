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
