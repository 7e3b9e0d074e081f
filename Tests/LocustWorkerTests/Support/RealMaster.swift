import Glibc
import HostSystem

/// A real Locust master, run headless, and what it wrote.
final class RealMaster {
  let port: UInt16
  private let folder: String
  private var process: pid_t

  struct Failed: Error, CustomStringConvertible { var description: String }

  /// Two classes of users that the master knows by name only: what they do is the worker's to say.
  static let locustfile = """
    from locust import FastHttpUser, task, constant
    class Buyer(FastHttpUser):
        weight = 2
        wait_time = constant(0)
        @task
        def t(self): self.client.get("/")
    class Looker(FastHttpUser):
        wait_time = constant(0)
        @task
        def t(self): self.client.get("/")
    """

  init(port: UInt16? = nil, host: String, users: Int, seconds: Int, more: [String] = []) throws {
    var template = Array("/tmp/svs-locust.XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Failed(description: "no folder: errno \(errno)") }
    folder = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    self.port = try port ?? Self.freePort()
    try Files.write(Self.locustfile, to: "\(folder)/locustfile.py")
    let log = open("\(folder)/log", O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    let null = open("/dev/null", O_RDWR | O_CLOEXEC)
    defer {
      close(log)
      close(null)
    }
    process = try Command(
      [
        try Self.program(), "-f", "\(folder)/locustfile.py", "--master", "--master-bind-host", "127.0.0.1",
        "--master-bind-port", String(self.port), "--headless", "-u", String(users), "-r", String(users), "-t",
        "\(seconds)s", "--expect-workers", "1", "--host", host, "--json-file", "\(folder)/stats", "--csv",
        "\(folder)/csv", "--stop-timeout", "2",
      ] + more
    ).start(input: null, output: log, errors: log)
  }

  deinit {
    if process > 0 { end(SIGKILL) }
    _ = try? Command(["rm", "-rf", folder]).run()
  }

  /// What the master wrote to its terminal.
  var log: String { (try? Files.text("\(folder)/log")) ?? "" }

  /// What workers reported as exceptions, and as failures, in CSV.
  var exceptions: String { (try? Files.text("\(folder)/csv_exceptions.csv")) ?? "" }
  var failures: String { (try? Files.text("\(folder)/csv_failures.csv")) ?? "" }

  /// The statistics by method and name, as the master added them up.
  func stats() throws -> String { try Files.text("\(folder)/stats.json") }

  func end(_ signal: CInt) {
    kill(process, signal)
    var status: CInt = 0
    waitpid(process, &status, 0)
    process = 0
  }

  /// Waits for its end; returns its exit status, nil where it takes too long.
  func wait(seconds: Int) -> CInt? {
    var status: CInt = 0
    for _ in 0..<(seconds * 20) {
      if waitpid(process, &status, WNOHANG) == process {
        process = 0
        return status >> 8 & 0xFF
      }
      usleep(50_000)
    }
    return nil
  }

  private static func program() throws -> String {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    var folder = String(
      decoding: buffer.prefix(max(0, readlink("/proc/self/exe", &buffer, buffer.count))), as: UTF8.self)
    // The tests' runner is the toolchain's where 'swift test' runs them; the repository is where they were built then.
    for start in [folder, #filePath] {
      folder = start
      while let slash = folder.lastIndex(of: "/") {
        folder = String(folder[..<slash])
        let program = "\(folder)/.build/locust/bin/locust"
        if access(program, X_OK) == 0 { return program }
      }
    }
    throw Failed(description: "there is no Locust: run scripts/locust.sh")
  }

  static func freePort() throws -> UInt16 {
    let socket = Glibc.socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    defer { close(socket) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let found = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(socket, $0, length) == 0 && getsockname(socket, $0, &length) == 0
      }
    }
    guard found else { throw Failed(description: "no free port") }
    return UInt16(bigEndian: address.sin_port)
  }
}
