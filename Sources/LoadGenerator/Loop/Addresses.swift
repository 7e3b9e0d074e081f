import Glibc
import HostSystem

extension Target {
  /// Its addresses, in the order in which the system prefers them.
  func addresses(_ family: LoadPlan.Family?) throws(LoadError) -> [SocketAddress] {
    let number =
      switch family {
      case .v4: AF_INET
      case .v6: AF_INET6
      case nil: AF_UNSPEC
      }
    let found: [SocketAddress]
    do throws(SocketAddress.LookupFailure) {
      found = try SocketAddress.lookUp(host, port: port, family: number)
    } catch {
      throw .unknownHost(host, why: error.reason)
    }
    guard !found.isEmpty else { throw .unknownHost(host, why: "it has none") }
    return found
  }
}

extension SocketAddress {
  /// Begins a connection; returns the socket, or the negative errno.
  func beginConnection() -> CInt {
    let socket = Glibc.socket(
      family, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    guard socket >= 0 else { return -errno }
    var one: CInt = 1
    setsockopt(socket, CInt(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<CInt>.size))
    let result = withPointer { Glibc.connect(socket, $0, $1) }
    guard result != 0, errno != EINPROGRESS else { return socket }
    let code = errno
    close(socket)
    return -code
  }
}
