import Glibc
import HTTPWire
import HostSystem

/// A connection to a server, in the clear or through TLS, of which every wait has an end.
final class Connection {
  private let socket: Descriptor
  let address: SocketAddress
  private var tls: TLSSession?
  /// One for HTTP/2; nil for HTTP/1.1.
  var http2: HTTP2Session?

  init(_ socket: consuming Descriptor, _ address: SocketAddress) {
    self.socket = socket
    self.address = address
  }

  /// Shakes hands; returns what ALPN agreed on, or nothing.
  func startTLS(_ context: TLSContext, host: String, until deadline: Deadline) throws(ProbeError) -> String {
    guard let session = context.session(on: socket.number, host: host) else { throw .tls("there is no memory for it") }
    while true {
      switch session.handshake() {
      case .bytes:
        tls = session
        return session.agreedProtocol
      case .wouldBlock(let writing): try wait(writing: writing, until: deadline, "shaking hands (TLS)")
      case .closed: throw .tls("the server closed the connection during the handshake")
      case .broken(let code):
        throw .tls("the connection broke during the handshake: \(String(cString: strerror(code)))")
      case .failed(let failure): throw .tls(failure.description)
      }
    }
  }

  func write(_ bytes: [UInt8], until deadline: Deadline) throws(ProbeError) {
    var sent = 0
    while sent < bytes.count {
      switch bytes.withUnsafeBytes({ some(of: UnsafeRawBufferPointer(rebasing: $0[sent...])) }) {
      case .bytes(let count): sent += count
      case .wouldBlock(let writing): try wait(writing: writing, until: deadline, "sending the request")
      case .closed: throw .closed
      case .broken(let code): throw .broken(code)
      case .failed(let failure): throw .tls(failure.description)
      }
    }
  }

  /// Reads what there is, at least a byte; 0 at the end of the connection.
  func read(into room: UnsafeMutableRawBufferPointer, until deadline: Deadline) throws(ProbeError) -> Int {
    while true {
      switch some(into: room) {
      case .bytes(let count): return count
      case .wouldBlock(let writing): try wait(writing: writing, until: deadline, "waiting for the response")
      case .closed: return 0
      case .broken(let code): throw .broken(code)
      case .failed(let failure): throw .tls(failure.description)
      }
    }
  }

  private func some(of bytes: UnsafeRawBufferPointer) -> TLSSession.Outcome {
    if let tls { return tls.write(bytes) }
    let count = send(socket.number, bytes.baseAddress, bytes.count, CInt(MSG_NOSIGNAL))
    if count > 0 { return .bytes(count) }
    return errno == EAGAIN || errno == EINTR ? .wouldBlock(writing: true) : .broken(errno)
  }

  private func some(into room: UnsafeMutableRawBufferPointer) -> TLSSession.Outcome {
    if let tls { return tls.read(into: room) }
    let count = recv(socket.number, room.baseAddress, room.count, 0)
    if count > 0 { return .bytes(count) }
    if count == 0 { return .closed }
    return errno == EAGAIN || errno == EINTR ? .wouldBlock(writing: false) : .broken(errno)
  }

  private func wait(writing: Bool, until deadline: Deadline, _ phase: String) throws(ProbeError) {
    var watched = [pollfd(fd: socket.number, events: Int16(writing ? POLLOUT : POLLIN), revents: 0)]
    guard try Interruption.wait(for: &watched, until: deadline) else { throw .timedOut(phase) }
  }
}

/// Room for what is read at once.
final class ReadBuffer {
  let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 100 << 10, alignment: 16)

  deinit { room.deallocate() }
}
