import Glibc
import HostSystem
import Netlink

/// What went wrong with a lab, in words for whoever wrote or started it.
public enum LabError: Error, Sendable {
  /// A description that cannot be read, with the place.
  case description(Position, String)
  /// A description that reads well and makes no sense.
  case topology(String)
  case invalidName(String)
  /// Another lab, alive, has the name.
  case nameTaken(String)
  case noSuchLab(String)
  /// The program that made the lab still runs, and takes it down itself.
  case isOwned(String)
  case noSuchHost(String, lab: String)
  /// The kernel refused part of the network.
  case network(NetlinkError, host: String?)
  /// A file or folder of the lab's state, or a program, could not be used.
  case system(SystemError)
  /// A process of the topology ended, or never listened.
  case process(host: String, name: String, String)
  /// A command that is not there or may not be run; with errno.
  case cannotRun(String, code: Int32)
  /// Conditions that did not come true before the deadline.
  case notReady([String])
  /// A command ran longer than it was allowed to, and was killed.
  case timedOut(host: String, command: String)
  /// Whoever wanted the lab no longer does.
  case abandoned
  /// The real server's preparation failed.
  case realServer(host: String, String)

  /// A place in a description.
  public struct Position: Hashable, Sendable, CustomStringConvertible {
    public var file: String
    /// Both count from 1.
    public var line: Int
    public var column: Int

    public var description: String { "\(file):\(line):\(column)" }
  }
}

extension LabError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .description(let position, let message): "\(position): \(message)"
    case .topology(let message): message
    case .invalidName(let name):
      "\"\(name)\" is no name: use 1 to 24 lower-case letters, digits and hyphens, beginning with a letter"
    case .nameTaken(let name): "a lab \(name) is up; take it down first: svs lab down \(name)"
    case .isOwned(let name): "the lab \(name) belongs to a program that still runs; it goes when that ends"
    case .noSuchLab(let name): "there is no lab \(name); svs lab list shows those that are up"
    case .noSuchHost(let host, let lab): "the lab \(lab) has no host \(host)"
    case .network(let error, let host): host.map { "\($0): \(error)" } ?? "\(error)"
    case .system(let error): "\(error)"
    case .process(let host, let name, let message): "\(host): \(name) \(message)"
    case .cannotRun(let program, let code): "cannot run \(program): \(String(cString: strerror(code)))"
    case .notReady(let what): "not ready in time: " + what.joined(separator: "; ")
    case .timedOut(let host, let command): "\(host): \(command) did not end in time and was killed"
    case .abandoned: "the lab was no longer wanted before it was complete"
    case .realServer(let host, let message): "\(host): \(message)"
    }
  }
}

/// Runs what may fail with a ``SystemError`` where a ``LabError`` is to be thrown.
func attempt<R: ~Copyable>(_ body: () throws(SystemError) -> R) throws(LabError) -> R {
  do { return try body() } catch { throw .system(error) }
}
