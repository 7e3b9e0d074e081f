import CSystem
import Glibc
import HostSystem
import Synchronization
import Testing

@testable import Throughput

/// A server of this product on a free port of the loopback, and what it printed.
final class OwnServer: Sendable {
  let server: ThroughputServer
  private let printed: Printed
  private let worker: Worker

  final class Printed: Sendable {
    private let lines = Mutex<[String]>([])
    func add(_ more: [String]) { lines.withLock { $0 += more } }
    var text: String { lines.withLock { $0.joined(separator: "\n") } }
  }

  init(_ change: (inout ThroughputServer.Settings) -> Void = { _ in }) throws {
    var settings = ThroughputServer.Settings()
    settings.port = 0
    change(&settings)
    let printed = Printed()
    let server = try ThroughputServer(settings) { printed.add($0) }
    self.printed = printed
    self.server = server
    worker = try Worker {
      guard let interrupts = try? Interrupts(Descriptor(checking: svs_event(), "make an event")) else { return }
      _ = server.run(interrupts: interrupts)
    }
  }

  var port: UInt16 { server.port }
  var text: String { printed.text }

  /// Ends it, and waits until it has ended.
  func stop() {
    server.stop()
    worker.join()
  }

  func waitToEnd() { worker.join() }
  deinit { server.stop() }
}

/// Debian's iperf3.
enum RealIperf3 {
  static let path = "/usr/bin/iperf3"

  /// Runs its client against a server of this host.
  static func client(
    _ port: UInt16, _ options: String, timeout: Duration = .seconds(40)
  ) throws -> (ending: Command.Ending, output: String, errors: String) {
    let words = options.split(separator: " ").map(String.init)
    let address = words.contains("-6") ? "::1" : "127.0.0.1"
    let result = try Command([path, "-c", address, "-p", "\(port)", "--connect-timeout", "5000"] + words)
      .run(timeout: timeout)
    return (
      result.ending, String(decoding: result.output, as: UTF8.self), String(decoding: result.errors, as: UTF8.self)
    )
  }

  /// Its client's report as JSON, which must tell of no error.
  static func report(_ port: UInt16, _ options: String) throws -> JSON {
    let (ending, output, errors) = try client(port, "-J " + options)
    let json = try JSON(parsing: Array(output.utf8))
    try #require(json["error"] == nil, "\(json["error"]?.compact ?? "") \(errors)")
    #expect(ending == .exited(code: 0))
    return json
  }
}

/// Debian's iperf3 as a server, ended with its owner.
final class RealServer {
  let port: UInt16
  let pid: pid_t
  private let started: Command.Started

  init() throws {
    port = try Self.freePort()
    started = try Command([RealIperf3.path, "-s", "-p", "\(port)", "--forceflush"]).begin()
    pid = started.pid
    try waitUntil("iperf3 listens") { [port] in Self.isListening(port) }
  }

  func kill(_ signal: CInt) { Glibc.kill(pid, signal) }

  deinit {
    Glibc.kill(pid, SIGKILL)
    _ = try? started.wait(timeout: .seconds(5))
  }

  private static func freePort() throws -> UInt16 {
    let socket = try Descriptor(checking: svs_stream_socket(AF_INET), "make a socket")
    let address = try SocketAddress.resolve("127.0.0.1", port: 0, family: AF_INET)[0]
    guard address.withPointer({ bind(socket.number, $0, $1) }) == 0, let bound = SocketAddress.local(of: socket.number)
    else { throw SystemError.last("find a free port") }
    return bound.port
  }

  /// Looks into the kernel's list: a connection would be a client.
  private static func isListening(_ port: UInt16) -> Bool {
    let hex = String(port, radix: 16, uppercase: true)
    let suffix = ":" + String(repeating: "0", count: 4 - hex.count) + hex
    return ["/proc/net/tcp", "/proc/net/tcp6"].contains { path in
      ((try? Files.text(path)) ?? "").split(separator: "\n").contains { line in
        let fields = line.split(separator: " ")
        return fields.count > 3 && fields[1].hasSuffix(suffix) && fields[3] == "0A"
      }
    }
  }
}

struct TookTooLong: Error, CustomStringConvertible {
  var description: String
}

/// Looks every few milliseconds whether a condition holds.
func waitUntil(_ what: String, within limit: Duration = .seconds(15), _ condition: () -> Bool) throws {
  let deadline = Deadline(in: limit)
  while !condition() {
    guard !deadline.hasPassed else { throw TookTooLong(description: "not within \(limit): \(what)") }
    svs_sleep_until(Clock.now + 5_000_000)
  }
}

/// Runs this product's client in this process.
func runClient(
  _ port: UInt16, style: ReportStyle = ReportStyle(), lines: OwnServer.Printed = OwnServer.Printed(),
  interrupt: Bell? = nil, _ change: (inout ThroughputClient.Settings) -> Void = { _ in }
) throws -> TestRecord {
  var settings = ThroughputClient.Settings(host: "127.0.0.1")
  settings.port = port
  settings.parameters.duration = 1
  settings.connectTimeout = .seconds(5)
  change(&settings)
  let number = interrupt.map { dup($0.number) } ?? svs_event()
  let interrupts = Interrupts(try Descriptor(checking: number, "make an event"))
  return ThroughputClient(settings, style: style).run(interrupts: interrupts) { lines.add($0) }
}
