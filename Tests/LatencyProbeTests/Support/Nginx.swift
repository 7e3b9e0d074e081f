import Glibc
import HostSystem
import Testing

/// nginx on the loopback for one test: in the clear, by TLS with HTTP/2, and HTTP/2 in the clear.
final class Nginx: Sendable {
  let plain: UInt16
  let tls: UInt16
  let plain2: UInt16
  let folder: String
  private let pid: pid_t

  /// A certificate for localhost and 127.0.0.1, by an authority of its own.
  var certificate: String { "\(folder)/cert.pem" }

  init() throws {
    var template = Array("/tmp/svs-nginx-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw SystemError.last("make a folder") }
    let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    self.folder = folder
    let (plain, tls, plain2) = (try freePort(), try freePort(), try freePort())
    (self.plain, self.tls, self.plain2) = (plain, tls, plain2)
    let made = try Command([
      "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
      "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,IP:::1,DNS:localhost", "-keyout",
      "\(folder)/key.pem", "-out", "\(folder)/cert.pem",
    ]).run()
    try #require(made.ending == .exited(code: 0), "\(String(decoding: made.errors, as: UTF8.self))")
    let paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map { "\($0)_temp_path \(folder)/\($0);" }
    try Files.write(
      """
      pid \(folder)/pid; error_log \(folder)/error.log; daemon off; worker_processes 1;
      events {}
      http {
        access_log off; \(paths.joined(separator: " "))
        server {
          listen 127.0.0.1:\(plain); listen [::1]:\(plain);
          location / { return 200 "Welcome\\n"; }
          location /missing { return 404 "none\\n"; }
          location /header { return 200 "$http_x_test,$http_host"; }
          location /large { root \(folder); }
        }
        server {
          listen 127.0.0.1:\(tls) ssl http2; listen [::1]:\(tls) ssl http2;
          ssl_certificate \(folder)/cert.pem; ssl_certificate_key \(folder)/key.pem;
          location / { return 200 "Welcome\\n"; }
          location /header { return 200 "$http_x_test,$http_host"; }
          location /large { root \(folder); }
        }
        server { listen 127.0.0.1:\(plain2) http2; location / { return 200 "Welcome\\n"; } }
      }

      """, to: "\(folder)/nginx.conf")
    try Files.write(String(repeating: "0123456789abcdef", count: 65_536), to: "\(folder)/large")
    // nginx's workers take another user's place.
    chmod(folder, 0o755)
    let nothing = Descriptor(open("/dev/null", O_RDWR | O_CLOEXEC))
    pid = try Command(["nginx", "-p", folder, "-c", "\(folder)/nginx.conf"]).start(
      input: nothing.number, output: nothing.number, errors: nothing.number)
    let deadline = Deadline(in: .seconds(20))
    while !(accepts(plain) && accepts(tls) && accepts(plain2)) {
      try #require(!deadline.hasPassed, "nginx does not serve: \((try? Files.text("\(folder)/error.log")) ?? "")")
      poll(nil, 0, 10)
    }
  }

  deinit {
    kill(pid, SIGTERM)
    var status: CInt = 0
    waitpid(pid, &status, 0)
    try? Files.remove(folder)
  }
}

/// A TCP port of 127.0.0.1 that nobody listens on just now.
func freePort() throws -> UInt16 {
  let listener = try Listener()
  return listener.port
}

func accepts(_ port: UInt16) -> Bool {
  let connection = Descriptor(socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0))
  var address = Listener.address(port)
  return withUnsafePointer(to: &address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      connect(connection.number, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
    }
  }
}

/// A socket that listens on the loopback.
struct Listener: ~Copyable {
  let socket: Descriptor
  let port: UInt16

  init() throws {
    let number = Glibc.socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    socket = Descriptor(number)
    port = try Self.listen(on: number)
  }

  private static func listen(on number: CInt) throws -> UInt16 {
    var address = Self.address(0)
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        bind(number, pointer, size) == 0 && Glibc.listen(number, 64) == 0 && getsockname(number, pointer, &size) == 0
      }
    }
    guard result else { throw SystemError.last("listen on 127.0.0.1") }
    return UInt16(bigEndian: address.sin_port)
  }

  static func address(_ port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return address
  }
}
