import Glibc
import Measurement

/// Where a Locust master listens for workers.
public struct Master: Hashable, Sendable {
  public var host: String
  /// Locust's `--master-bind-port`.
  public var port: UInt16

  public init(host: String, port: UInt16 = 5557) {
    self.host = host
    self.port = port
  }
}

extension Master: CustomStringConvertible {
  public var description: String { "\(host) port \(port)" }
}

/// Why a worker ended otherwise than its master wished.
public enum WorkerError: Error, Hashable, Sendable {
  case unknownHost(String, why: String)
  case noMaster(Master, code: CInt)
  case lost(Master, code: CInt)
  case notAMaster(Master, why: String)
  case silent(Master)
  /// It takes the connection and says nothing at all.
  case mute(Master)
  /// It speaks, and has never accepted this worker.
  case unanswered(Master, seconds: Double)
  /// Its own operator ended it, and no master knew it then; whether one had known it before.
  case interrupted(Master, wasAccepted: Bool)
  case system(String, code: CInt)

  /// Whether its own operator ended it: no fault, and told by the exit status of an interrupt.
  public var isInterruption: Bool { if case .interrupted = self { true } else { false } }
}

extension WorkerError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .unknownHost(let host, let why): "cannot find the address of the master '\(host)': \(why)"
    case .noMaster(let master, let code): "no Locust master answers at \(master): \(String(cString: strerror(code)))"
    case .lost(let master, let code):
      "the master at \(master) closed the connection" + (code == 0 ? "" : ": \(String(cString: strerror(code)))")
    case .notAMaster(let master, let why): "what answers at \(master) is no Locust master: \(why)"
    case .silent(let master):
      "the master at \(master) has not been heard of for a minute; what was measured since is not reported"
    case .mute(let master):
      "what listens at \(master) takes the connection and says nothing; is it a Locust master's --master-bind-port?"
    case .unanswered(let master, let seconds):
      "the master at \(master) has not accepted this worker within \(Figures.fixed(seconds, places: 0)) s"
    case .interrupted(let master, false): "interrupted before the master at \(master) had accepted this worker"
    case .interrupted(let master, true):
      "interrupted while the master at \(master) was gone; what was measured since is not reported"
    case .system(let action, let code): "cannot \(action): \(String(cString: strerror(code)))"
    }
  }
}
