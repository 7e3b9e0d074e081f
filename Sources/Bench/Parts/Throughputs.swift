import CSystem
import Glibc
import HostSystem
import Throughput

/// `svs bench throughput` against Debian's iperf3: each program's client at its own server, over the loopback.
struct Throughputs {
  let setting: BenchSetting

  private static let kinds: [(name: String, options: [String])] = [
    ("one stream", []), ("four streams", ["-P", "4"]), ("one stream, reverse", ["-R"]),
  ]

  func run() throws(BenchError) -> Report.Part {
    var part = Report.Part(
      "Throughput over the loopback, against iperf3", unit: "µs per MB",
      method: "two seconds a run, as the receiver counted; the two programs take turns")
    let own = try Service([setting.programs + "/svs", "bench", "throughput"])
    let real = try Service(["/usr/bin/iperf3"])
    for kind in Self.kinds {
      let samples = try interleaved([own, real], repetitions: setting.repetitions) { service throws(BenchError) in
        try service.measure(kind.options)
      }
      let ratio = samples[1].median / samples[0].median
      part.rows.append(Report.Row("\(kind.name): svs to svs", samples[0], ratio: ratio))
      part.rows.append(Report.Row("\(kind.name): iperf3 to iperf3", samples[1]))
      part.goals.append(
        Report.Goal(
          "throughput against iperf3, \(kind.name), medians", ratio, .atLeast, kind.options.contains("4") ? 1 : 0.97))
    }
    return part
  }
}

/// A throughput server of this host, and clients for it; the process ends with its owner.
private final class Service {
  private let program: [String]
  private let port: UInt16
  private let process: Command.Started

  init(_ program: [String]) throws(BenchError) {
    self.program = program
    let port = try Self.freePort()
    self.port = port
    process = try attempt { () throws(SystemError) in
      try Command(program + ["-s", "-p", "\(port)", "-i", "0"]).begin()
    }
    let deadline = Deadline(in: .seconds(10))
    // A connection would be a client: iperf3's server would begin a test with it.
    while !Self.isListening(port) {
      guard !deadline.hasPassed else { throw .invalid("\(program[0]) does not listen on port \(port)") }
      usleep(5_000)
    }
  }

  deinit {
    kill(process.pid, SIGTERM)
    _ = try? process.wait(timeout: .seconds(5))
  }

  /// Microseconds for a megabyte.
  func measure(_ options: [String]) throws(BenchError) -> Double {
    let words = program + ["-c", "127.0.0.1", "-p", "\(port)", "-t", "2", "-i", "0", "-J"] + options
    let result = try attempt { () throws(SystemError) in try Command(words).run(timeout: .seconds(30)) }
    guard let json = try? JSON(parsing: result.output), json["error"] == nil,
      let rate = json["end"]?["sum_received"]?["bits_per_second"]?.real, rate > 0
    else {
      throw .command(words, said: String(decoding: result.output.suffix(200) + result.errors, as: UTF8.self))
    }
    return 8e12 / rate
  }

  private static func freePort() throws(BenchError) -> UInt16 {
    try attempt { () throws(SystemError) in
      let socket = try Descriptor(checking: svs_stream_socket(AF_INET), "make a socket")
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
      var length = socklen_t(MemoryLayout<sockaddr_in>.size)
      let isBound = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(socket.number, $0, length) == 0 && getsockname(socket.number, $0, &length) == 0
        }
      }
      guard isBound else { throw SystemError(code: errno, action: "find a free port") }
      return UInt16(bigEndian: address.sin_port)
    }
  }

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
