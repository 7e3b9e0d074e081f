import CSystem
import Glibc
import HostSystem
import Synchronization

/// A moment after which nothing more is to be measured, and a descriptor that becomes readable then.
///
/// Programs are in sessions of their own, so that Ctrl-C on a terminal does not reach them: whoever waits for one waits
/// for this as well.
public final class StopRequest: Sendable {
  private let event: Descriptor
  private let raised = Atomic<Bool>(false)
  private let ignored = Atomic<Bool>(false)

  public init() throws(MeasuringError) {
    do throws(SystemError) {
      event = Descriptor(try SystemError.check(svs_event(), "make an event's descriptor"))
    } catch {
      throw MeasuringError("\(error)")
    }
  }

  public var isRaised: Bool { raised.load(ordering: .acquiring) }

  /// Any thread may call it, any number of times; not a signal's handler.
  public func raise() {
    raised.store(true, ordering: .releasing)
    var one: UInt64 = 1
    _ = write(event.number, &one, 8)
  }

  /// Does what has to be done to its end, as a network's return to what it was before; for one thread at a time.
  public func ignoring<Result>(_ body: () -> Result) -> Result {
    ignored.store(true, ordering: .releasing)
    defer { ignored.store(false, ordering: .releasing) }
    return body()
  }

  /// Whether programs are to be ended now.
  var isHeeded: Bool { isRaised && !ignored.load(ordering: .acquiring) }

  /// Waits for a descriptor; false when the time is over, or nothing more is wanted.
  func wait(for number: CInt, _ deadline: borrowing Deadline) -> Bool {
    var watched = [
      pollfd(fd: number, events: Int16(POLLIN), revents: 0),
      pollfd(fd: event.number, events: Int16(POLLIN), revents: 0),
    ]
    while true {
      let count = poll(&watched, ignored.load(ordering: .acquiring) ? 1 : 2, deadline.milliseconds)
      if count < 0, errno == EINTR { continue }
      return watched[0].revents != 0
    }
  }

  /// Waits in vain for a moment; false if nothing more is wanted.
  func rest(_ duration: Duration) -> Bool {
    var watched = pollfd(fd: event.number, events: Int16(POLLIN), revents: 0)
    let deadline = Deadline(in: duration)
    while !isRaised, !deadline.hasPassed { poll(&watched, 1, deadline.milliseconds) }
    return !isRaised
  }
}

/// Runs a program as ``MeasuredNetwork/run(_:_:input:timeout:)`` is to: to its end, its time-out, or a stop.
public enum InterruptibleCommand {
  /// How long a program that was asked to end may take to print what it has.
  static let grace = Duration.seconds(2)

  /// - Parameters:
  ///   - arguments: the program and its words; the calling thread's network namespace is the program's.
  ///   - etc: a folder whose files stand in /etc for this program alone.
  public static func run(
    _ arguments: [String], input: [UInt8] = [], etc: String? = nil, timeout: Duration, stop: StopRequest?
  ) throws(MeasuringError) -> CommandOutput {
    do throws(SystemError) {
      let started = try Command(arguments, etc: etc).begin(input: input)
      if let stop {
        let handle = Descriptor(try SystemError.check(svs_pidfd_open(started.pid), "watch process \(started.pid)"))
        if !stop.wait(for: handle.number, Deadline(in: timeout)), stop.isHeeded {
          svs_pidfd_signal(handle.number, SIGINT)
          return output(try started.wait(timeout: grace))
        }
        // It has ended, or its time is over.
        return output(try started.wait(timeout: .zero))
      }
      return output(try started.wait(timeout: timeout))
    } catch {
      throw MeasuringError("\(error)")
    }
  }

  private static func output(_ result: Command.Result) -> CommandOutput {
    let ending: CommandOutput.Ending =
      switch result.ending {
      case .exited(let code): .exited(code: code)
      case .killed(let signal): .killed(signal: signal)
      case .timedOut: .timedOut
      }
    return CommandOutput(
      ending: ending, output: String(decoding: result.output, as: UTF8.self),
      errors: String(decoding: result.errors, as: UTF8.self))
  }
}
