import CSystem
import Glibc
import HostSystem
import Netlink

/// What a command did.
public struct ExecutionResult: Sendable {
  public enum Ending: Hashable, Sendable {
    case exited(code: Int32)
    case killed(signal: Int32)
  }

  public var ending: Ending
  public var outputBytes: [UInt8]
  public var errorBytes: [UInt8]

  /// Standard output as text.
  public var output: String { String(decoding: outputBytes, as: UTF8.self) }
  /// Standard error as text.
  public var errors: String { String(decoding: errorBytes, as: UTF8.self) }
  public var succeeded: Bool { ending == .exited(code: 0) }
}

extension Lab {
  /// Runs a command on a host to its end and collects what it wrote.
  ///
  /// - Parameters:
  ///   - input: what it reads from standard input.
  ///   - timeout: after which it, and what it started in its session, is killed.
  /// - Throws: ``LabError/timedOut(host:command:)``, or why it could not be started. A command that fails does not throw.
  public func exec(
    _ host: String, _ arguments: [String], input: [UInt8] = [], timeout: Duration = .seconds(30)
  ) throws(LabError) -> ExecutionResult {
    _ = try running.host(host)
    let command = Command(arguments, folder: running.folder(of: host), etc: Lab.etcFolder(lab: name, host: host))
    let started = try running.inside(host) { () throws(LabError) in
      try attempt { () throws(SystemError) in try command.begin(input: input) }
    }
    let result: Command.Result
    do { result = try started.wait(timeout: timeout) } catch { throw .system(error) }
    let ending: ExecutionResult.Ending
    switch result.ending {
    case .exited(let code): ending = .exited(code: code)
    case .killed(let signal): ending = .killed(signal: signal)
    case .timedOut: throw .timedOut(host: host, command: arguments.joined(separator: " "))
    }
    return ExecutionResult(ending: ending, outputBytes: result.output, errorBytes: result.errors)
  }

  /// Runs a closure inside a host's network namespace, on the calling thread.
  public func inside<R>(_ host: String, _ body: () throws -> R) throws -> R {
    _ = try running.host(host)
    return try running.inside(host) { () throws(LabError) in Result { try body() } }.get()
  }
}
