import CSystem
import Glibc

/// A program to be run in a session of its own, with only its three standard descriptors.
package struct Command: Sendable {
  /// The program, found along PATH, and its arguments.
  package var arguments: [String]
  package var folder: String?
  /// A folder whose files stand in /etc for this program alone.
  package var etc: String?

  package init(_ arguments: [String], folder: String? = nil, etc: String? = nil) {
    self.arguments = arguments
    self.folder = folder
    self.etc = etc
  }

  /// What a command did.
  package struct Result: Sendable {
    package var ending: Ending
    package var output: [UInt8]
    package var errors: [UInt8]
  }

  package enum Ending: Hashable, Sendable {
    case exited(code: Int32)
    case killed(signal: Int32)
    /// It ran too long and was killed with its whole session.
    case timedOut
  }

  /// Starts the program in the calling thread's network namespace.
  package func start(input: CInt, output: CInt, errors: CInt) throws(SystemError) -> pid_t {
    guard let program = arguments.first else { throw SystemError(code: EINVAL, action: "run a program without a name") }
    var pid: pid_t = 0
    let result = withCStrings(arguments) { list in
      withOptionalCString(folder) { folder in
        withOptionalCString(etc) { etc in
          var options = svs_spawn_options(input: input, output: output, errors: errors, folder: folder, etc: etc)
          return svs_spawn(&pid, list, &options)
        }
      }
    }
    try SystemError.check(result, "run \(program)")
    return pid
  }

  /// Runs the program to its end and collects what it wrote.
  package func run(input: [UInt8] = [], timeout: Duration = .seconds(30)) throws(SystemError) -> Result {
    try begin(input: input).wait(timeout: timeout)
  }

  /// Starts the program with its input and outputs in files without a name.
  ///
  /// They take the place of pipes: no side can block the other, and nothing needs to be read in time.
  package func begin(input: [UInt8] = []) throws(SystemError) -> Started {
    let standard = try memoryFile("input")
    try Files.append(input, to: standard, "a command's input")
    lseek(standard.number, 0, SEEK_SET)
    let output = try memoryFile("output")
    let errors = try memoryFile("errors")
    // Several processes of a shell may write at once, and files in memory do not lock their position.
    for file in [output.number, errors.number] { _ = fcntl(file, F_SETFL, O_APPEND) }
    let pid = try start(input: standard.number, output: output.number, errors: errors.number)
    return Started(pid: pid, output: output, errors: errors)
  }

  private func memoryFile(_ name: String) throws(SystemError) -> Descriptor {
    Descriptor(try SystemError.check(svs_memory_file(name), "make a file in memory"))
  }

  /// A program that runs, and the files that its output goes to.
  package struct Started: ~Copyable {
    package let pid: pid_t
    fileprivate let output: Descriptor
    fileprivate let errors: Descriptor

    package func wait(timeout: Duration) throws(SystemError) -> Result {
      Result(
        ending: try ending(Deadline(in: timeout)), output: try Files.read(output, "a command's output"),
        errors: try Files.read(errors, "a command's errors"))
    }

    private func ending(_ deadline: Deadline) throws(SystemError) -> Ending {
      let handle = Descriptor(try SystemError.check(svs_pidfd_open(pid), "watch process \(pid)"))
      var watched = pollfd(fd: handle.number, events: Int16(POLLIN), revents: 0)
      var isLate = false
      while poll(&watched, 1, isLate ? -1 : deadline.milliseconds) <= 0 {
        if !isLate, deadline.hasPassed {
          isLate = true
          // Not collected yet, so that the number still stands for this session.
          killpg(pid, SIGKILL)
        }
      }
      var wasSignalled: CInt = 0
      var code: CInt = 0
      try SystemError.check(svs_collect(pid, &wasSignalled, &code), "collect process \(pid)")
      if isLate { return .timedOut }
      return wasSignalled != 0 ? .killed(signal: code) : .exited(code: code)
    }
  }
}

private func withOptionalCString<R>(_ text: String?, _ body: (UnsafePointer<CChar>?) -> R) -> R {
  guard let text else { return body(nil) }
  return text.withCString { body($0) }
}

/// Runs a closure with a null-terminated array of C strings.
package func withCStrings<R>(_ texts: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> R) -> R {
  var pointers: [UnsafeMutablePointer<CChar>?] = texts.map { strdup($0) }
  pointers.append(nil)
  defer { for pointer in pointers { free(pointer) } }
  return pointers.withUnsafeBufferPointer { buffer in
    guard let base = buffer.baseAddress else { fatalError("an array with an element has storage") }
    return body(base)
  }
}
