import Glibc
import Lab

/// Why the demo stopped.
public enum DemoError: Error, Sendable {
  case notRoot
  /// A program of ours is not where it was looked for.
  case missingProgram(String)
  case lab(LabError)
  /// A command on a host failed, with what it said.
  case command(host: String, String, output: String)
  /// The measurement could not be made.
  case measurement(String)
  /// Standard output could not be written, with the reason.
  case outputLost(Int32)
}

extension DemoError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .notRoot: "the demo makes network namespaces and loads BPF programs, and so has to run as root: sudo svs demo"
    case .missingProgram(let path): "\(path) is not there; build the package first: swift build"
    case .lab(let error): "\(error)"
    case .command(let host, let command, let output): "\(host): \(command) failed:\n\(output)"
    case .measurement(let message): message
    case .outputLost(let reason): "standard output could not be written: \(String(cString: strerror(reason)))"
    }
  }
}
