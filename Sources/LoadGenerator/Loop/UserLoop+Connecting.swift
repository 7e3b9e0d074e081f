import Glibc
import HTTPWire
import HostSystem

extension UserLoop {
  /// Begins a connection, on which the user's request goes when it stands.
  func connect(_ user: User) {
    let address = setup.addresses[user.addressIndex % setup.addresses.count]
    let socket = address.beginConnection()
    guard socket >= 0 else {
      noConnection(user, .connect(-socket))
      return
    }
    user.socket = socket
    user.link = .connecting
    guard poller.add(socket, key: user.key) else {
      noConnection(user, .connect(errno))
      return
    }
  }

  func connected(_ user: User) {
    var code: CInt = 0
    var length = socklen_t(MemoryLayout<CInt>.size)
    getsockopt(user.socket, SOL_SOCKET, SO_ERROR, &code, &length)
    guard code == 0 else {
      noConnection(user, .connect(code))
      return
    }
    if let context = setup.tls {
      guard let session = context.session(on: user.socket, host: setup.target.host) else {
        noConnection(user, .tls("there is no memory for a session"))
        return
      }
      user.tls = session
      user.link = .securing
      handshake(user)
    } else {
      opened(user)
    }
  }

  func handshake(_ user: User) {
    guard let session = user.tls else { return }
    switch session.handshake() {
    case .bytes:
      if setup.version == .http2, session.agreedProtocol != "h2" {
        noConnection(user, .tls("the server does not offer HTTP/2"))
        return
      }
      opened(user)
    case .wouldBlock: return
    case .closed: noConnection(user, .tls("the server closed the connection during the handshake"))
    case .broken(let code): noConnection(user, .connect(code))
    case .failed(let failure): noConnection(user, .tls(failure.description))
    }
  }

  private func opened(_ user: User) {
    user.link = .open
    user.failedConnections = 0
    if setup.version == .http2 {
      guard let session = HTTP2Session() else {
        noConnection(user, .malformed("HTTP/2: no memory"))
        return
      }
      user.http2 = session
    }
    if user.isBusy {
      send(user)
      // A TLS session may hold what came with the handshake's last bytes, for which no event will come.
      if user.tls != nil, user.link == .open { receive(user, mayEnd: false) }
    } else if user.isLeaving {
      remove(user)
    }
  }

  /// No connection came about: the host's next address is tried the next time.
  private func noConnection(_ user: User, _ failure: Failure) {
    user.disconnect()
    user.link = .none
    user.failedConnections += 1
    user.addressIndex += 1
    guard user.isBusy else { return }
    if user.failedConnections < setup.addresses.count {
      connect(user)
      return
    }
    now = monotonicNow()
    finish(user, failure, bytes: 0)
  }
}

extension PreparedTask {
  /// Whether a request may be made a second time where the first one's fate is unknown (RFC 9110, section 9.2.2).
  static func isIdempotent(_ method: String) -> Bool {
    switch method {
    case "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE": true
    default: false
    }
  }
}
