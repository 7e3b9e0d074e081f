import Glibc
import Testing

/// The programs under test and those that the tests use.
enum Programs {
  static let svs = built("svs")
  static let ipvsadm = built("ipvsadm")
  /// The system's own: what else is in PATH may be a slow wrapper.
  static let python = access("/usr/bin/python3", X_OK) == 0 ? "/usr/bin/python3" : "python3"

  static func script(_ name: String) -> String { folder(of: folder(of: #filePath)) + "/Scripts/\(name).py" }

  /// A program that the package builds lies in the same folder as the tests, or above it.
  private static func built(_ name: String) -> String {
    var folder = folder(of: CommandLine.arguments[0])
    while folder.contains("/") {
      if access("\(folder)/\(name)", X_OK) == 0 { return "\(folder)/\(name)" }
      folder = Programs.folder(of: folder)
    }
    // The test bundle may have been loaded by a runner that lies elsewhere.
    let package = Programs.folder(of: Programs.folder(of: Programs.folder(of: Programs.folder(of: #filePath))))
    for configuration in ["debug", "release"] where access("\(package)/.build/\(configuration)/\(name)", X_OK) == 0 {
      return "\(package)/.build/\(configuration)/\(name)"
    }
    fatalError("\(name) is not beside \(CommandLine.arguments[0]): build it first, swift build --product \(name)")
  }

  private static func folder(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "" }
    return String(path[..<slash])
  }
}
