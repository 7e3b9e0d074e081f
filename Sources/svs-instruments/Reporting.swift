import ArgumentParser
import Glibc
import Measurement

/// Does a module's work; what goes wrong is told on standard error, and the program exits with 1.
func reporting<Result, Failure: Error & CustomStringConvertible>(
  _ body: () throws(Failure) -> Result
) throws -> Result {
  try reporting(.failure, body)
}

/// Judges words of the command line; what is wrong with them is told, and the program exits with 64.
func judging<Result, Failure: Error & CustomStringConvertible>(
  _ body: () throws(Failure) -> Result
) throws -> Result {
  try reporting(.validationFailure, body)
}

private func reporting<Result, Failure: Error & CustomStringConvertible>(
  _ code: ExitCode, _ body: () throws(Failure) -> Result
) throws -> Result {
  do {
    return try body()
  } catch {
    complain(error.description)
    throw code
  }
}

/// Where a result is to be written as data, besides the text.
struct DataFiles {
  var json: String?
  var csv: String?
  /// Whether standard output belongs to data of another form.
  var isOutputTaken = false

  /// To be called before anything is measured: later it would be in vain.
  func check() throws {
    for path in [json, csv].compactMap(\.self) {
      try reporting { () throws(ResultFileError) in try ResultFile.check(path) }
    }
  }

  /// Writes the data. What cannot be written goes to standard output, for it cannot be measured again, or to standard
  /// error where standard output is for other data, whose readers take no more than one document; the program then exits
  /// with 1.
  func write(_ document: @autoclosure () -> some Encodable, _ table: @autoclosure () -> CSV? = nil) throws {
    var isWritten = true
    if let json {
      let text = try reporting { () throws(ResultFileError) in try ResultFile.json(document()) }
      isWritten = keep(text, json)
    }
    if let csv, let table = table() { isWritten = keep(table.text, csv) && isWritten }
    guard isWritten else { throw ExitCode.failure }
  }

  private func keep(_ text: String, _ path: String) -> Bool {
    do throws(ResultFileError) {
      try ResultFile.write(text: text, to: path)
      return true
    } catch {
      guard path != "-" else {
        complain(error.description)
        return false
      }
      guard !isOutputTaken, json != "-", csv != "-" else {
        complain("\(error); the result follows here")
        tell(text)
        return false
      }
      complain("\(error); the result follows on standard output")
      fflush(nil)
      do throws(ResultFileError) { try ResultFile.write(text: text, to: "-") } catch { complain(error.description) }
      return false
    }
  }
}

extension ExitCode {
  /// What was measured is whole, but not all that it was to measure came about.
  static let incomplete = ExitCode(2)
  /// A signal ended it early: partial results were printed, and marked as such. The shell's number for SIGINT, for all of
  /// SIGINT, SIGTERM and SIGHUP.
  static let interrupted = ExitCode(130)
}

func complain(_ text: String) { tell("svs: \(text)\n") }

/// Writes to standard error, as much as anybody reads.
private func tell(_ text: String) {
  var rest = Array(text.utf8)[...]
  while !rest.isEmpty {
    let count = rest.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
    if count < 0, errno == EINTR { continue }
    guard count > 0 else { return }
    rest = rest.dropFirst(count)
  }
}
