import CSystem
import Glibc
import HostSystem
import Lab

/// The socket by which the holder of a cluster is asked, in the lab's folder; only root may.
enum ControlSocket {
  static let file = "control"

  static func path(_ cluster: String) -> String { "\(Lab.folder(lab: cluster))/\(file)" }

  /// Makes the socket and listens.
  static func listen(_ path: String) throws(SystemError) -> Descriptor {
    let socket = try Descriptor(checking: svs_stream_socket(AF_UNIX), "make a socket")
    let before = umask(0o177)
    defer { umask(before) }
    try withAddress(path) { address, length throws(SystemError) in
      guard bind(socket.number, address, length) == 0 else { throw .last("make the socket \(path)") }
    }
    guard Glibc.listen(socket.number, 128) == 0 else { throw .last("listen on \(path)") }
    return socket
  }

  /// Connects to who listens; EAGAIN where nobody takes connections and the queue of those who wait is full.
  static func connect(_ path: String, milliseconds: UInt32 = 10_000) throws(SystemError) -> Descriptor {
    let socket = try Descriptor(checking: svs_stream_socket(AF_UNIX), "make a socket")
    _ = svs_set_socket_timeouts(socket.number, milliseconds)
    try withAddress(path) { address, length throws(SystemError) in
      guard Glibc.connect(socket.number, address, length) == 0 else { throw .last("connect to \(path)") }
    }
    return socket
  }

  /// The process that listens at the other end of a connection (SO_PEERCRED, unix(7)).
  static func listener(_ socket: CInt) -> pid_t? {
    // struct ucred: a process, a user, a group.
    var credentials: [Int32] = [0, 0, 0]
    var length = socklen_t(12)
    guard getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0, credentials[0] > 0 else {
      return nil
    }
    return credentials[0]
  }

  private static func withAddress(
    _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) throws(SystemError) -> Void
  ) throws(SystemError) {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
      throw SystemError(code: ENAMETOOLONG, action: "use the socket \(path)")
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let result: Result<Void, SystemError> = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
        do throws(SystemError) {
          return .success(try body(pointer, socklen_t(MemoryLayout<sockaddr_un>.size)))
        } catch { return .failure(error) }
      }
    }
    try result.get()
  }
}
