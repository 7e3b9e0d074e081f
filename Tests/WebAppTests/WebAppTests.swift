import Glibc
import HostSystem
import Testing

/// `svs webapp`, asked by Debian's curl.
@Suite("The sample web application")
struct WebAppTests {
  private static let folder: String = {
    let path = CommandLine.arguments[0]
    return String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
  }()

  /// Runs the application on a free port.
  private func serving(
    _ more: [String] = [], files limits: String? = nil, _ body: (_ port: String, _ pid: pid_t) throws -> Void
  ) throws -> (
    status: CInt?, errors: String
  ) {
    let started = try Command(
      (limits.map { ["/usr/bin/prlimit", "--nofile=\($0)"] } ?? []) + [
        "\(Self.folder)/svs", "webapp", "--address", "127.0.0.1", "--port", "0",
      ] + more
    ).begin()
    do {
      let deadline = Deadline(in: .seconds(30))
      var line = ""
      while !line.hasSuffix("\n") {
        try #require(!deadline.hasPassed, "it does not serve: \(line)")
        poll(nil, 0, 20)
        line = try Files.text("/proc/\(started.pid)/fd/1")
      }
      let port = String(line.split(separator: " ").last?.dropLast() ?? "")
      try #require(line == "serving on 127.0.0.1, port \(port)\n")
      try body(port, started.pid)
    } catch {
      kill(started.pid, SIGKILL)
      _ = try started.wait(timeout: .seconds(10))
      throw error
    }
    kill(started.pid, SIGTERM)
    let result = try started.wait(timeout: .seconds(30))
    guard case .exited(let code) = result.ending else { return (nil, String(decoding: result.errors, as: UTF8.self)) }
    return (code, String(decoding: result.errors, as: UTF8.self))
  }

  private func curl(_ words: [String]) throws -> String {
    let result = try Command(["curl", "-sS", "-q", "-m", "20"] + words).run(timeout: .seconds(30))
    try #require(result.ending == .exited(code: 0), "\(String(decoding: result.errors, as: UTF8.self))")
    return String(decoding: result.output, as: UTF8.self)
  }

  private func expect(
    _ expected: String, of words: String..., sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let answer = try curl(words)
    #expect(answer == expected, sourceLocation: sourceLocation)
  }

  private func expect(
    status: String, of words: String..., sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let answer = try curl(["-o", "/dev/null", "-w", "%{response_code}"] + words)
    #expect(answer == status, sourceLocation: sourceLocation)
  }

  @Test("It answers as the original does")
  func answers() throws {
    let end = try serving { port, _ in
      let site = "http://127.0.0.1:\(port)"
      try expect("Welcome to the \"Distributed Load Testing Using Kubernetes\" sample web app\n", of: "\(site)/")
      try expect("/login - device: a b c\n", of: "-d", "deviceid=a%20b+c", "\(site)/login")
      try expect("/login - device: None\n", of: "-X", "POST", "\(site)/login")
      try expect(
        "/metrics - device: x, timestamp: 2026-01-01 00:00\n", of: "-d", "deviceid=x&timestamp=2026-01-01 00:00",
        "\(site)/metrics")
      try expect("/metrics - device: q, timestamp: None\n", of: "\(site)/metrics?deviceid=q")
      let head = try curl(["-I", "\(site)/"])
      #expect(head.contains("Content-Length: 74\r\n"))
    }
    #expect(end.status == 0 && end.errors.isEmpty, "\(end)")
  }

  @Test("What it has not, it refuses by HTTP's statuses, and goes on")
  func refusals() throws {
    let end = try serving { port, _ in
      let site = "http://127.0.0.1:\(port)"
      try expect(status: "404", of: "\(site)/none")
      try expect(status: "405", of: "-X", "DELETE", "\(site)/login")
      try expect(status: "413", of: "-d", "deviceid=" + String(repeating: "x", count: 70_000), "\(site)/login")
      // Not HTTP at all.
      let noise = try Command(["bash", "-c", "printf 'nonsense\\r\\n\\r\\n' >/dev/tcp/127.0.0.1/\(port)"]).run()
      #expect(noise.ending == .exited(code: 0))
      try expect(status: "200", of: "\(site)/")
    }
    #expect(end.status == 0, "\(end)")
  }

  @Test("A second one on the same port says why it does not serve")
  func taken() throws {
    let end = try serving { port, _ in
      let second = try Command(["\(Self.folder)/svs", "webapp", "--address", "127.0.0.1", "--port", port]).run()
      #expect(second.ending == .exited(code: 1))
      #expect(
        String(decoding: second.errors, as: UTF8.self)
          == "svs: cannot listen on 127.0.0.1, port \(port): Address already in use\n")
    }
    #expect(end.status == 0)
  }

  @Test("After a signal idle connections are closed at once, and a request under way is answered")
  func endsInOrder() throws {
    let end = try serving(["--grace", "20"]) { port, pid in
      // The first connection stays idle; the second has sent half of its request.
      let talk = try Command([
        "bash", "-c",
        """
        exec 3<>/dev/tcp/127.0.0.1/\(port) 4<>/dev/tcp/127.0.0.1/\(port)
        printf 'GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' >&3
        IFS= read -r first <&3
        printf 'POST /login HTTP/1.1\\r\\nHost: x\\r\\nContent-Type: application/x-www-form-urlencoded\\r\\n' >&4
        printf 'Content-Length: 12\\r\\n\\r\\ndevice' >&4
        printf 'GET / HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n' >&3
        while IFS= read -r line <&3; do case "$line" in Welcome*) (( ++seen == 2 )) && break;; esac; done
        kill -TERM \(pid)
        cat <&3 >/dev/null
        printf 'id=abc' >&4
        cat <&4
        """,
      ]).run(timeout: .seconds(25))
      #expect(talk.ending == .exited(code: 0))
      #expect(String(decoding: talk.output, as: UTF8.self).hasSuffix("/login - device: abc\n"))
    }
    #expect(end.status == 0, "\(end)")
  }

  /// Connects so often; whoever calls closes.
  private func connections(_ count: Int, to port: String) throws -> [CInt] {
    let addresses = try SocketAddress.lookUp("127.0.0.1", port: UInt16(port) ?? 0)
    let address = try #require(addresses.first)
    return try (0..<count).map { _ in
      let number = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
      try #require(number >= 0 && address.withPointer { connect(number, $0, $1) } == 0)
      return number
    }
  }

  @Test("More connections than files: it says so once, and takes them when others are closed")
  func full() throws {
    let end = try serving(files: "30:30") { port, pid in
      for _ in 0..<2 {
        let many = try connections(40, to: port)
        defer { many.forEach { close($0) } }
        let deadline = Deadline(in: .seconds(30))
        while try Files.text("/proc/\(pid)/fd/2").isEmpty {
          try #require(!deadline.hasPassed, "it says nothing")
          poll(nil, 0, 20)
        }
      }
      try expect(status: "200", of: "http://127.0.0.1:\(port)/")
    }
    #expect(end.status == 0)
    #expect(
      end.errors
        == "svs: connections cannot be taken: Too many open files; they wait until others are closed. This process "
        + "may have 30 files open (ulimit -Hn): raise that limit, or let fewer clients come\n")
  }

  @Test("It has as many files as it may have, and no more threads than those allow")
  func files() throws {
    let end = try serving(files: "30:300") { port, _ in
      let many = try connections(40, to: port)
      defer { many.forEach { close($0) } }
      try expect(status: "200", of: "http://127.0.0.1:\(port)/")
    }
    #expect(end.status == 0 && end.errors.isEmpty, "\(end)")
    let refused = try Command(["/usr/bin/prlimit", "--nofile=30:30", "\(Self.folder)/svs", "webapp", "--threads", "64"])
      .run(timeout: .seconds(30))
    #expect(refused.ending == .exited(code: 1))
    #expect(String(decoding: refused.errors, as: UTF8.self).hasPrefix("svs: 64 threads need 208 open files, and this "))
  }

  @Test("An address that there is not is told in words")
  func noSuchAddress() throws {
    let result = try Command(["\(Self.folder)/svs", "webapp", "--address", "no-such-host.invalid", "--port", "0"]).run()
    #expect(result.ending == .exited(code: 1))
    let errors = String(decoding: result.errors, as: UTF8.self)
    #expect(errors.hasPrefix("svs: cannot listen on no-such-host.invalid, port 0: ") && !errors.contains("Error"))
  }
}
