import ArgumentParser
import Glibc
import HostSystem

/// A command that `svs-instruments` does.
///
/// `svs` knows its words, for help, completion and mistakes, and then hands its own arguments on: a TLS library and
/// Foundation would make every call of `svs` slower, and a director has no use for them.
public protocol InstrumentCommand: ParsableCommand {
  /// The program that does it.
  static var program: String { get }
}

extension InstrumentCommand {
  public static var program: String { Execution.program }

  public func run() throws {
    try Execution.replaceProcess(by: Self.program)
  }
}

public enum Execution {
  public static let program = "svs-instruments"

  /// Becomes another program of ours, which stands beside this one or in `../libexec/svs`.
  static func replaceProcess(by program: String) throws {
    let folder = Self.folder
    precondition(!path.hasSuffix("/\(program)"), "\(program) does all its commands itself")
    let places = ["\(folder)/\(program)", "\(folder)/../libexec/svs/\(program)"]
    let errors = places.map { place -> Int32 in
      withCStrings(["svs"] + CommandLine.arguments.dropFirst()) { _ = execv(place, $0) }
      return errno
    }
    let reason = String(cString: strerror(errors.first { $0 != ENOENT } ?? ENOENT))
    var text = Array("svs: \(program) cannot be started: in \(folder): \(reason)\n".utf8)
    _ = write(STDERR_FILENO, &text, text.count)
    throw ExitCode.failure
  }

  private static var folder: String { path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "." }

  private static var path: String {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = readlink("/proc/self/exe", &buffer, buffer.count)
    return String(decoding: buffer.prefix(max(0, count)), as: UTF8.self)
  }
}
