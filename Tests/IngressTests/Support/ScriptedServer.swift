import Glibc
import Synchronization

/// A server on loopback that does with each connection what a test says, on a thread of its own.
final class ScriptedServer: Sendable {
  let port: UInt16
  private let listener: CInt
  private let count = Atomic(0)
  private let script: @Sendable (Peer) -> Void

  var connections: Int { count.load(ordering: .sequentiallyConsistent) }
  var url: String { "http://127.0.0.1:\(port)/" }

  /// - Parameter opening: connections to it take until this is open; none: it is at once.
  init(opening: Gate? = nil, _ script: @escaping @Sendable (Peer) -> Void) throws {
    self.script = script
    let listener = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    self.listener = listener
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        bind(listener, pointer, length) == 0 && listen(listener, opening == nil ? 256 : 0) == 0
          && getsockname(listener, pointer, &length) == 0
      }
    }
    guard bound else { throw Failed(what: "cannot listen: \(errno)") }
    port = UInt16(bigEndian: address.sin_port)
    // Where one waits that nobody accepts, the kernel lets the next ones try again.
    let first = opening == nil ? nil : try Wire(port)
    Self.thread { [self] in
      if first != nil {
        _ = opening?.wait(seconds: 50)
        close(accept(listener, nil, nil))
      }
      while true {
        let connection = accept(listener, nil, nil)
        guard connection >= 0 else { return }
        count.add(1, ordering: .sequentiallyConsistent)
        Self.thread { [script] in
          let peer = Peer(connection)
          script(peer)
          peer.end()
        }
      }
    }
  }

  /// No more connections; those there are go on. The accepting thread holds the server until then.
  func stop() { shutdown(listener, CInt(SHUT_RDWR)) }

  deinit { close(listener) }

  struct Failed: Error { var what: String }

  /// One connection, blocking.
  final class Peer: Sendable {
    let descriptor: CInt
    init(_ descriptor: CInt) { self.descriptor = descriptor }

    /// Reads up to a request's empty line; false at the end.
    func request() -> Bool {
      var last: [UInt8] = []
      var byte: UInt8 = 0
      while recv(descriptor, &byte, 1, 0) == 1 {
        last = last.suffix(3) + [byte]
        if last == [13, 10, 13, 10] { return true }
      }
      return false
    }

    /// The head of the next request, with its empty line; nil at the end.
    func head() -> String? {
      var text: [UInt8] = []
      var byte: UInt8 = 0
      while recv(descriptor, &byte, 1, 0) == 1 {
        text.append(byte)
        if text.suffix(4) == [13, 10, 13, 10] { return String(decoding: text, as: UTF8.self) }
      }
      return nil
    }

    /// So many bytes; fewer at the end.
    func read(_ count: Int) -> [UInt8] {
      var bytes = [UInt8](repeating: 0, count: count)
      var filled = 0
      while filled < count {
        let got = bytes[filled...].withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
        if got <= 0 { break }
        filled += got
      }
      return Array(bytes[..<filled])
    }

    /// Answers with a body.
    func answer(_ body: String, _ more: String = "", status: String = "200 OK") {
      send("HTTP/1.1 \(status)\r\nContent-Length: \(body.utf8.count)\r\n\(more)\r\n\(body)")
    }

    func send(_ text: String) {
      let bytes = Array(text.utf8)
      _ = Glibc.send(descriptor, bytes, bytes.count, CInt(MSG_NOSIGNAL))
    }

    /// Ends with RST in place of FIN.
    func reset() {
      var linger = linger(l_onoff: 1, l_linger: 0)
      setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
    }

    func end() { close(descriptor) }
  }

  static func thread(_ body: @escaping @Sendable () -> Void) {
    final class Box: Sendable {
      let body: @Sendable () -> Void
      init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var thread = pthread_t()
    pthread_create(
      &thread, nil,
      { argument in
        if let argument { Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body() }
        return nil
      }, Unmanaged.passRetained(Box(body)).toOpaque())
    pthread_detach(thread)
  }
}
