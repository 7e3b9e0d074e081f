import ArgumentParser
import Glibc

/// Runs a step; what goes wrong is told on standard error, and the program exits with 1.
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

func complain(_ text: String) { tell("svs: \(text)\n") }

/// Prints what was asked for; where its reader has left, this program ends by SIGPIPE, as others do.
func show(_ text: String, terminator: String = "\n") {
  signal(SIGPIPE, SIG_DFL)
  print(text, terminator: terminator)
}

/// What is being done, for whoever watches: where standard error is a terminal.
struct Progress {
  private let isShown: Bool

  init(isQuiet: Bool = false) { isShown = !isQuiet && isatty(STDERR_FILENO) == 1 }

  func callAsFunction(_ text: String) {
    if isShown { tell("  \(text)\n") }
  }
}

private func tell(_ text: String) {
  var rest = Array(text.utf8)[...]
  while !rest.isEmpty {
    let count = rest.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    if count < 0, errno == EINTR { continue }
    guard count > 0 else { return }
    rest = rest.dropFirst(count)
  }
}
