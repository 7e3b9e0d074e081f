import Glibc
import HostSystem

/// What reports say of the program and the system.
enum ProductName {
  static let version = "svs \(Release.version)"

  static var system: String {
    var names = utsname()
    uname(&names)
    func text<T>(_ field: T) -> String {
      withUnsafeBytes(of: field) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }
    return [text(names.sysname), text(names.nodename), text(names.release), text(names.version), text(names.machine)]
      .joined(separator: " ")
  }
}
