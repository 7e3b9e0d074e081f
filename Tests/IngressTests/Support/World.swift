import Glibc
import Ingress
import IngressModel

/// A proxy in this process, in front of scripted servers.
final class World: Sendable {
  let ingress: Ingress
  let port: UInt16

  /// - Parameters:
  ///   - yaml: in the file provider's form; `{0}`, `{1}`… stand for the servers' URLs.
  ///   - hasStatus: whether the status page is at a port.
  init(
    _ yaml: String, _ servers: [ScriptedServer], settings: ProxySettings = ProxySettings(), point: EntryPoint? = nil,
    log: LogPipe? = nil, hasStatus: Bool = false
  ) async throws {
    let text = Self.filled(yaml, servers)
    let configuration = try IngressConfiguration.read(texts: [ConfigurationText(name: "test.yaml", text: text)])
    let point = point ?? EntryPoint(name: "web", host: "127.0.0.1", port: 0)
    ingress = try Ingress(
      configuration, entryPoints: [point], settings: settings, threads: 1,
      log: log.map { (.common, $0.writing) }, version: "test")
    try await ingress.start(status: hasStatus ? ("127.0.0.1", 0) : nil)
    port = ingress.port(of: point.name) ?? 0
  }

  static func filled(_ yaml: String, _ servers: [ScriptedServer]) -> String {
    var text = yaml
    for (index, server) in servers.enumerated() {
      text = text.split(separator: "{\(index)}", omittingEmptySubsequences: false).joined(
        separator: "http://127.0.0.1:\(server.port)")
    }
    return text
  }

  /// One service with these servers for all that comes.
  static func everything(_ servers: [ScriptedServer], _ more: String = "") -> String {
    let urls = servers.indices.map { "{ url: '{\($0)}' }" }.joined(separator: ", ")
    return """
      http:
        routers: { all: { rule: 'PathPrefix(`/`)', service: s } }
        services: { s: { loadBalancer: { servers: [\(urls)]\(more.isEmpty ? "" : ", \(more)") } } }
      """
  }

  /// Of the first server of the first service.
  var server: ServerStatus? { ingress.status().services.first?.servers.first }
  var entryPoint: EntryPointTotals? { ingress.status().entryPoints.first?.totals }

  func stop() async { await ingress.stop(within: .seconds(5)) }
}

/// A client's connection, blocking; answers that do not come end the wait after ten seconds.
final class Wire: Sendable {
  let descriptor: CInt

  /// - Parameter receiveBuffer: bytes that the kernel keeps for this client; none: as many as it likes.
  init(_ port: UInt16, receiveBuffer: CInt? = nil) throws {
    descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    var limit = timeval(tv_sec: 10, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    if var size = receiveBuffer { setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, 4) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    let isConnected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
    guard isConnected else { throw ScriptedServer.Failed(what: "cannot connect: \(errno)") }
  }

  deinit { close(descriptor) }

  /// This side's.
  var port: UInt16 {
    var address = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(descriptor, $0, &length) }
    }
    return UInt16(bigEndian: address.sin_port)
  }

  func send(_ text: String) { send(Array(text.utf8)) }

  func send(_ bytes: [UInt8]) {
    var sent = 0
    while sent < bytes.count {
      let count = bytes[sent...].withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
      }
      if count <= 0 { return }
      sent += count
    }
  }

  /// Ends this side's stream.
  func finish() { shutdown(descriptor, CInt(SHUT_WR)) }

  /// All that comes until the other side ends.
  func rest() -> String { received().text }

  /// What comes until the other side ends the connection, or breaks it off; that it does neither is an error.
  func untilClosed() throws -> String {
    let (text, error) = received()
    guard error == 0 || error == ECONNRESET else {
      throw ScriptedServer.Failed(what: error == EAGAIN ? "still open after: \(text)" : "receiving: error \(error)")
    }
    return text
  }

  /// With the last call's error; 0 where the other side ended the connection.
  private func received() -> (text: String, error: CInt) {
    var text: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = recv(descriptor, &buffer, buffer.count, 0)
      let error = count < 0 ? errno : 0
      if error == EINTR { continue }
      if count <= 0 { return (String(decoding: text, as: UTF8.self), error) }
      text += buffer[..<count]
    }
  }

  /// The next answer: its head and as many bytes as its length says.
  func answer() -> (head: String, body: String) {
    var text: [UInt8] = []
    var byte: UInt8 = 0
    while text.suffix(4) != [13, 10, 13, 10] {
      guard recv(descriptor, &byte, 1, 0) == 1 else { break }
      text.append(byte)
    }
    let head = String(decoding: text, as: UTF8.self)
    let line = head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }
    var left = line.flatMap { Int($0.drop { $0 != ":" }.dropFirst().drop { $0 == " " }) } ?? 0
    var body: [UInt8] = []
    while left > 0, recv(descriptor, &byte, 1, 0) == 1 {
      body.append(byte)
      left -= 1
    }
    return (head, String(decoding: body, as: UTF8.self))
  }
}
