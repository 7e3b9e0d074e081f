import Glibc
import Synchronization

/// A web server on loopback that counts what it served by path; `/gone` is not found.
final class Target: Sendable {
  let port: UInt16
  private let listener: CInt
  private let counts = Mutex<[String: Int]>([:])

  var url: String { "http://127.0.0.1:\(port)" }

  func served(_ path: String) -> Int { counts.withLock { $0[path, default: 0] } }

  init() throws {
    let listener = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    self.listener = listener
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let bound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        bind(listener, pointer, length) == 0 && listen(listener, 256) == 0
          && getsockname(listener, pointer, &length) == 0
      }
    }
    guard bound else { throw RealMaster.Failed(description: "cannot listen: \(errno)") }
    port = UInt16(bigEndian: address.sin_port)
    Self.thread { [listener, weak self] in
      while true {
        let connection = accept(listener, nil, nil)
        guard connection >= 0 else { return }
        Self.thread { [weak self] in
          self?.serve(connection)
          close(connection)
        }
      }
    }
  }

  deinit {
    shutdown(listener, CInt(SHUT_RDWR))
    close(listener)
  }

  private func serve(_ connection: CInt) {
    var held: [UInt8] = []
    var room = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = recv(connection, &room, room.count, 0)
      guard count > 0 else { return }
      held += room[..<count]
      let text = String(decoding: held, as: UTF8.self)
      guard let end = text.utf8.firstRange(of: "\r\n\r\n".utf8) else {
        // What speaks another protocol is told so at once.
        if !text.hasPrefix("GET ") && !text.hasPrefix("POST") && held.count >= 4 {
          Self.send("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", connection)
          return
        }
        continue
      }
      let head = text[..<end.lowerBound]
      let hasBody = head.hasPrefix("POST")
      if hasBody, text.utf8.distance(from: end.upperBound, to: text.endIndex) < 1 { continue }
      held = []
      let path = String(head.split(separator: " ")[1])
      counts.withLock { $0[path, default: 0] += 1 }
      let status = path == "/gone" ? "404 Not Found" : "200 OK"
      Self.send("HTTP/1.1 \(status)\r\nContent-Length: 2\r\n\r\nok", connection)
    }
  }

  private static func send(_ text: String, _ connection: CInt) {
    let bytes = Array(text.utf8)
    _ = Glibc.send(connection, bytes, bytes.count, CInt(MSG_NOSIGNAL))
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
