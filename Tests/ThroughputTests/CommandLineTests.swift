import Glibc
import HostSystem
import Testing

@testable import Throughput

/// `svs bench throughput` as people call it: what it prints, and how it exits.
@Suite struct CommandLineTests {
  /// The program that lies beside the tests, or above them.
  private static let svs: String = {
    var folder = CommandLine.arguments[0]
    while let slash = folder.lastIndex(of: "/") {
      folder = String(folder[..<slash])
      if access("\(folder)/svs", X_OK) == 0 { return "\(folder)/svs" }
    }
    return "svs"
  }()

  private func run(_ words: String) throws -> (ending: Command.Ending, output: String, errors: String) {
    let result = try Command([Self.svs, "bench", "throughput"] + words.split(separator: " ").map(String.init))
      .run(timeout: .seconds(60))
    return (
      result.ending, String(decoding: result.output, as: UTF8.self), String(decoding: result.errors, as: UTF8.self)
    )
  }

  @Test("A test at iperf3's server, and both of its reports") func clientOfIperf3() throws {
    let server = try RealServer()
    let text = try run("-c 127.0.0.1 -p \(server.port) -t1 -P2 -V")
    #expect(text.ending == .exited(code: 0) && text.errors.isEmpty)
    for expected in [
      "Connecting to host 127.0.0.1, port \(server.port)", "TCP MSS: ", "Starting Test: protocol: TCP, 2 streams",
      "[SUM]", "Test Complete. Summary Results:", "CPU Utilization: local/sender ", "\niperf Done.\n",
    ] { #expect(text.output.contains(expected), "\(expected)") }
    let other = try RealServer()
    // iperf3's server may miss what is still under way when the test ends: of one megabyte all of it, at times.
    let json = try run("-J -c 127.0.0.1 -p \(other.port) -n 200M")
    #expect(json.ending == .exited(code: 0))
    #expect(try JSON(parsing: Array(json.output.utf8))["end"]?["sum_received"]?["bytes"]?.whole ?? 0 > 0)
  }

  @Test("A server for one test, for iperf3's client; the old layout") func serverForIperf3() throws {
    let started = try Command([Self.svs, "bench", "throughput", "-s", "-1", "-p", "0", "--layout", "3.1"]).begin()
    defer { kill(started.pid, SIGKILL) }
    let port = try listening(started.pid)
    #expect(try RealIperf3.client(port, "-t 1 -b 10M").ending == .exited(code: 0))
    let result = try started.wait(timeout: .seconds(20))
    #expect(result.ending == .exited(code: 0))
    let output = String(decoding: result.output, as: UTF8.self)
    #expect(output.contains("Server listening on \(port) (test #1)") && output.contains("Bandwidth"))
    #expect(output.split(separator: "\n").allSatisfy { $0.last != " " })
  }

  /// The port on which a process listens, found by its sockets.
  private func listening(_ pid: pid_t) throws -> UInt16 {
    var port: UInt16?
    try waitUntil("the server listens") {
      port = Self.port(of: pid)
      return port != nil
    }
    return try #require(port)
  }

  private static func port(of pid: pid_t) -> UInt16? {
    var inodes: Set<String> = []
    for name in Files.list("/proc/\(pid)/fd") {
      var buffer = [CChar](repeating: 0, count: 256)
      let count = readlink("/proc/\(pid)/fd/\(name)", &buffer, 255)
      let target = String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
      if target.hasPrefix("socket:[") { inodes.insert(String(target.dropFirst(8).dropLast())) }
    }
    for path in ["/proc/net/tcp", "/proc/net/tcp6"] {
      for line in ((try? Files.text(path)) ?? "").split(separator: "\n").dropFirst() {
        let fields = line.split(separator: " ")
        guard fields.count > 9, fields[3] == "0A", inodes.contains(String(fields[9])) else { continue }
        return fields[1].split(separator: ":").last.flatMap { UInt16($0, radix: 16) }
      }
    }
    return nil
  }

  @Test("An interrupted client prints what there was and exits with 130", arguments: [SIGINT, SIGTERM, SIGHUP])
  func interrupted(signal: CInt) throws {
    let server = try RealServer()
    let started = try Command([Self.svs, "bench", "throughput", "-c", "127.0.0.1", "-p", "\(server.port)", "-t", "30"])
      .begin()
    defer { kill(started.pid, SIGKILL) }
    try waitUntil("the test runs") { (try? Files.text("/proc/\(started.pid)/fd/1"))?.contains(" sec ") == true }
    kill(started.pid, signal)
    let result = try started.wait(timeout: .seconds(20))
    #expect(result.ending == .exited(code: 130))
    #expect(String(decoding: result.output, as: UTF8.self).contains("sender"))
    #expect(
      String(decoding: result.errors, as: UTF8.self)
        == "svs: interrupted: the client has ended the test; these are the figures until then\n")
  }

  @Test("An interrupted server says so and exits with 130") func interruptedServer() throws {
    let started = try Command([Self.svs, "bench", "throughput", "-s", "-p", "0"]).begin()
    defer { kill(started.pid, SIGKILL) }
    _ = try listening(started.pid)
    kill(started.pid, SIGTERM)
    let result = try started.wait(timeout: .seconds(20))
    #expect(result.ending == .exited(code: 130))
    #expect(String(decoding: result.errors, as: UTF8.self) == "svs: interrupted: the server has ended\n")
  }

  @Test("iperf3's server that is busy: its client here says so, and exits with 1") func busy() throws {
    let server = try RealServer()
    let first = try Command([RealIperf3.path, "-c", "127.0.0.1", "-p", "\(server.port)", "-t", "30", "--forceflush"])
      .begin()
    defer { kill(first.pid, SIGKILL) }
    try waitUntil("the first test runs") { (try? Files.text("/proc/\(first.pid)/fd/1"))?.contains(" sec ") == true }
    let second = try run("-c 127.0.0.1 -p \(server.port) -t 1")
    #expect(second.ending == .exited(code: 1))
    #expect(second.errors == "svs: the server is busy running a test of somebody else; try again later\n")
  }

  @Test("Names and addresses that lead nowhere: status 1, with the reason") func unreachable() throws {
    let name = try run("-c no-such-host.invalid")
    #expect(name.ending == .exited(code: 1))
    #expect(name.errors.hasPrefix("svs: cannot find the address of no-such-host.invalid: "), "\(name.errors)")
    let address = try run("-c 255.255.255.255")
    #expect(address.ending == .exited(code: 1))
    #expect(address.errors.contains("Network is unreachable"), "\(address.errors)")
  }

  @Test("A refused connection: status 1, and in JSON too the reason") func refused() throws {
    let text = try run("-c 127.0.0.1 -p 1")
    #expect(text.ending == .exited(code: 1))
    #expect(text.errors == "svs: unable to connect to 127.0.0.1 port 1: Connection refused\n")
    let json = try run("-J -c 127.0.0.1 -p 1")
    #expect(json.ending == .exited(code: 1))
    #expect(
      try JSON(parsing: Array(json.output.utf8))["error"]?.text
        == "unable to connect to 127.0.0.1 port 1: Connection refused")
    // iperf3's document stays one where the other has no place.
    let full = try run("-J --json /dev/full -c 127.0.0.1 -p 1")
    #expect(full.ending == .exited(code: 1) && full.errors.contains("svs.bench.throughput"), "\(full)")
    #expect(try JSON(parsing: Array(full.output.utf8))["error"] != nil, "\(full)")
  }

  @Test(
    "Mistakes in the command line",
    arguments: [
      ("", "-s"), ("-s -c x", "both"), ("-c x -R --bidir", "both"), ("-c x -t 1 -n 5", "Only one"),
      ("-c x -P 1000", "-P"), ("-c x -l 10M", "-l"), ("-c x -t 90000", "-t"), ("-s -R", "-R is for clients"),
      ("-c x -i 100", "-i"), ("-c x -O 100", "-O"), ("-c x -M 20000", "-M"), ("-c x -w 3G", "-w"),
      ("-c x -u -l 100000", "-l"), ("-c x -b fast", "-b"), ("-c x -S 300", "-S"), ("-c x -f x", "-f"),
      ("-c x -4 -6", "-6"), ("-c x --layout 2", "--layout"), ("-c x -t -5", "-t takes 1"), ("-c x -P -1", "-P takes 1"),
      ("-c x -i -1", "-i takes"), ("-c x -O -1", "-O takes"), ("-c x -n -5", "not '-5'"), ("-c x -l -5", "-l takes"),
      ("-c x -M -5", "-M takes"), ("-c x -p -5", "a port is 0 to 65535"), ("-c x -b -5", "not '-5'"),
      ("-s --clients -1", "--clients takes"), ("-c x -t-5", "-t takes 1"),
    ])
  func mistakes(_ words: String, _ expected: String) throws {
    let result = try run(words)
    #expect(result.ending == .exited(code: 64), "\(words)")
    #expect(result.errors.contains(expected), "\(result.errors)")
    #expect(!result.errors.contains("Usage: svs <subcommand>"), "\(result.errors)")
  }

  @Test("A place that cannot be written to is told before the test") func places() throws {
    let result = try run("-c 127.0.0.1 -p 1 --json /nowhere/x.json")
    #expect(result.ending == .exited(code: 1) && result.output.isEmpty)
    #expect(result.errors == "svs: cannot write /nowhere/x.json: No such file or directory\n", "\(result.errors)")
  }

  @Test("A result that standard output does not take is told", arguments: ["-J", "-V"])
  func lostOutput(option: String) throws {
    let own = try OwnServer()
    defer { own.stop() }
    let words = "exec \(Self.svs) bench throughput -c 127.0.0.1 -p \(own.port) -n 1M \(option) >/dev/full"
    let result = try Command(["/bin/sh", "-c", words]).run(timeout: .seconds(60))
    #expect(result.ending == .exited(code: 1))
    #expect(
      String(decoding: result.errors, as: UTF8.self)
        == "svs: standard output could not be written: No space left on device\n")
  }

  @Test("More streams than files are refused before anything is connected") func descriptors() throws {
    // Nobody listens there, which would be told otherwise.
    func client(_ limits: String, _ streams: Int) throws -> String {
      let result = try Command(
        ["/usr/bin/prlimit", "--nofile=\(limits)", Self.svs, "bench", "throughput", "-c", "127.0.0.1", "-p", "1"]
          + ["-P", "\(streams)"]
      ).run(timeout: .seconds(60))
      #expect(result.ending == .exited(code: 1) && result.output.isEmpty)
      return String(decoding: result.errors, as: UTF8.self)
    }
    #expect(
      try client("64:64", 100)
        == "svs: 100 streams need 132 open files, and this process may have 64 (ulimit -Hn); "
        + "raise that limit, or take fewer streams\n")
    #expect(try client("64:200", 100).contains("refused"))
  }

  @Test("The result as data, in the envelope of all instruments") func document() throws {
    let server = try RealServer()
    let result = try run("--json - -c 127.0.0.1 -p \(server.port) -t 1 --bidir")
    #expect(result.ending == .exited(code: 0))
    let json = try JSON(parsing: Array(result.output.utf8))
    #expect(json["schema"]?["name"]?.text == "svs.bench.throughput" && json["schema"]?["version"]?.whole == 1)
    #expect(json["partial"] == .bool(false))
    #expect(json["result"]?["directions"]?.elements.count == 2)
    #expect(json["series"]?.elements.first?["samples"]?.elements.isEmpty == false)
    let failed = try run("--json - -c 127.0.0.1 -p 1")
    #expect(failed.ending == .exited(code: 1))
    let partial = try JSON(parsing: Array(failed.output.utf8))
    #expect(partial["partial"] == .bool(true) && partial["error"]?.text?.contains("refused") == true)
  }
}
