import Glibc
import HostSystem

/// Debian's nginx on loopback, in a folder of its own, with a log of every request.
final class Nginx {
  let plain: UInt16
  let secure: UInt16
  let multiplexed: UInt16
  private let folder: String
  private let process: pid_t

  init() throws {
    var template = Array("/tmp/svs-nginx.XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw Failed(what: "no folder: errno \(errno)") }
    folder = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    (plain, secure, multiplexed) = (try Self.freePort(), try Self.freePort(), try Self.freePort())
    try Self.run([
      "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
      "subjectAltName=DNS:localhost", "-keyout", "\(folder)/key.pem", "-out", "\(folder)/cert.pem",
    ])
    let site =
      "location / { return 200 'Hello\\n'; } location /missing { return 404; } location /slow { return 200 ok; }"
    try Files.write(
      """
      daemon off; worker_processes 1; pid \(folder)/pid; error_log \(folder)/error.log;
      events { worker_connections 512; }
      http { access_log \(folder)/access.log; keepalive_requests 1000000; client_body_temp_path \(folder)/b;
        proxy_temp_path \(folder)/p; fastcgi_temp_path \(folder)/f; uwsgi_temp_path \(folder)/u; scgi_temp_path \(folder)/s;
        server { listen 127.0.0.1:\(plain); \(site) }
        server { listen 127.0.0.1:\(secure) ssl http2; ssl_certificate \(folder)/cert.pem;
          ssl_certificate_key \(folder)/key.pem; \(site) }
        server { listen 127.0.0.1:\(multiplexed) http2; \(site) } }
      """, to: "\(folder)/nginx.conf")
    process = try Self.start(["nginx", "-p", folder, "-c", "\(folder)/nginx.conf"])
    try waitUntilServing()
  }

  deinit {
    kill(process, SIGTERM)
    var status: CInt = 0
    waitpid(process, &status, 0)
    _ = try? Self.run(["rm", "-rf", folder])
  }

  /// Requests that were served, by the log, which nginx writes as it answers.
  func served() throws -> Int { try Files.text("\(folder)/access.log").split(separator: "\n").count }

  struct Failed: Error { var what: String }

  private func waitUntilServing() throws {
    for _ in 0..<500 {
      let socket = Glibc.socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
      defer { close(socket) }
      var address = Self.loopback(plain)
      let isOpen = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
        }
      }
      if isOpen { return }
      usleep(20_000)
    }
    throw Failed(what: "nginx does not serve; is nginx-light installed?")
  }

  private static func loopback(_ port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    address.sin_port = port.bigEndian
    return address
  }

  static func freePort() throws -> UInt16 {
    let server = try ScriptedServer { _ in }
    server.stop()
    return server.port
  }

  private static func start(_ words: [String]) throws -> pid_t {
    let null = open("/dev/null", O_RDWR | O_CLOEXEC)
    defer { close(null) }
    return try Command(words).start(input: null, output: null, errors: null)
  }

  private static func run(_ words: [String]) throws {
    let result = try Command(words).run()
    guard result.ending == .exited(code: 0) else { throw Failed(what: "\(words[0]) failed") }
  }
}
