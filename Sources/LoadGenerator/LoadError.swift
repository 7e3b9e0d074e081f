import CEvents
import Glibc

/// Why a load cannot be made at all. What goes wrong with single requests is a `Failure`, and is counted.
public enum LoadError: Error, Hashable, Sendable {
  case badURL(String, why: String)
  case badTasks(file: String, why: String)
  case unknownHost(String, why: String)
  case system(String, code: CInt)
  case tls(String)
}

extension LoadError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .badURL(let url, let why): "'\(url)' is no URL to send requests to: \(why)"
    case .badTasks(let file, let why): "\(file): \(why)"
    case .unknownHost(let host, let why): "cannot find the address of '\(host)': \(why)"
    case .system(let action, let code): "cannot \(action): \(String(cString: strerror(code)))"
    case .tls(let what): "TLS: \(what)"
    }
  }
}
