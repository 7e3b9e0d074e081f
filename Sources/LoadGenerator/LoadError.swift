import CEvents
import Glibc

/// Why a load cannot be made at all. What goes wrong with single requests is a `Failure`, and is counted.
public enum LoadError: Error, Hashable, Sendable {
  case badURL(String, why: String)
  case badTasks(file: String, why: String)
  /// A word of the command line, with its option.
  case badWord(String, why: String)
  case noHost
  case unreadable(file: String, code: CInt)
  /// More users than this process may have files open.
  case tooManyUsers(Int, files: UInt64, limit: UInt64)
  case unknownHost(String, why: String)
  case system(String, code: CInt)
  case tls(String)
}

extension LoadError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .badURL(let url, let why): "'\(url)' is no URL to send requests to: \(why)"
    case .badTasks(let file, let why): "\(file): \(why)"
    case .badWord(let word, let why): "\(word): \(why)"
    case .noHost: "no host was given: neither by the command, nor in the file of tasks, nor by the master"
    case .unreadable(let file, let code): "cannot read \(file): \(String(cString: strerror(code)))"
    case .tooManyUsers(let users, let files, let limit):
      "\(users) users need \(files) open files, and this process may have \(limit) (ulimit -Hn); "
        + "raise that limit, or take fewer users"
    case .unknownHost(let host, let why): "cannot find the address of '\(host)': \(why)"
    case .system(let action, let code): "cannot \(action): \(String(cString: strerror(code)))"
    case .tls(let what): "TLS: \(what)"
    }
  }
}
