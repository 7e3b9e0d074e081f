import Glibc
import Simulation

/// Files that are read whole; `-` is standard input.
enum InputFile {
  static func name(_ path: String) -> String { path == "-" ? "standard input" : path }

  static func text(_ path: String) throws(SimulationError) -> String {
    let bytes = try bytes(path, limit: longestText)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw SimulationError(file: name(path), "this is no text")
    }
    return text
  }

  /// In bytes: millions of rules or events, and an end for files that have none, as /dev/zero.
  private static let longestText = 1 << 28
  private static let longestCapture = 1 << 32

  static func bytes(_ path: String, limit: Int = longestCapture) throws(SimulationError) -> [UInt8] {
    let descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure(path) }
    defer { if descriptor != STDIN_FILENO { close(descriptor) } }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let count = read(descriptor, &buffer, buffer.count)
      if count == 0 { return bytes }
      if count > 0 { bytes += buffer[..<count] } else if errno != EINTR { throw failure(path) }
      if bytes.count > limit { throw SimulationError(file: name(path), "this is larger than \(limit >> 20) MiB") }
    }
  }

  private static func failure(_ path: String) -> SimulationError {
    SimulationError(file: name(path), String(cString: strerror(errno)))
  }
}
