import CEvents
import Glibc
import HostSystem
import Netlink

/// The event loop of ``ManySockets``.
final class EchoLoop {
  private let listener: CInt
  private let count: Int
  private let poller: CInt
  /// What a descriptor is: `server`, or a client's number; `none` where it is not ours.
  private var role: [Int32]
  private var clients: [CInt] = []
  private var standing = 0
  /// Connections that were refused.
  private var failed = 0
  private var echoed = 0
  private var peers: Set<UInt64> = []
  private var sockets: [CInt] = []

  private static let server: Int32 = -1
  private static let none: Int32 = -2
  /// Connections on their way at once: fewer than the listener's queue takes.
  private static let window = 512
  /// Seconds without any event after which what is missing is missing.
  private static let patience: CInt = 10_000

  /// - Parameter listener: it is closed with the rest.
  init(listener: CInt, count: Int) throws(SystemError) {
    self.listener = listener
    self.count = count
    poller = epoll_create1(0)
    role = [Int32](repeating: Self.none, count: 2 * count + 1024)
    guard poller >= 0 else { throw .last("make an epoll") }
    try watch(listener, EPOLLIN)
  }

  deinit {
    // A reset costs neither end a wait.
    var abort = linger(l_onoff: 1, l_linger: 0)
    for socket in sockets {
      setsockopt(socket, SOL_SOCKET, SO_LINGER, &abort, socklen_t(MemoryLayout<linger>.size))
      close(socket)
    }
    close(listener)
    close(poller)
  }

  static func listen(_ address: UInt32, port: UInt16) throws(SystemError) -> CInt {
    let socket = try makeSocket()
    var name = socketAddress(address, port)
    let bound = withUnsafePointer(to: &name) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard bound == 0, Glibc.listen(socket, 4096) == 0 else {
      let error = SystemError.last("listen at port \(port)")
      close(socket)
      throw error
    }
    return socket
  }

  /// Opens all connections, then sends a number over each and waits for it to come back.
  func run(to address: UInt32, port: UInt16) throws(SystemError) -> ManySockets.Outcome {
    var outcome = ManySockets.Outcome()
    let started = Clock.now
    var moves = true
    while moves, standing + failed < count || peers.count < standing {
      while clients.count < count, clients.count - standing - failed < Self.window { try open(to: address, port) }
      moves = try turn()
    }
    outcome.secondsToStand = Clock.seconds(since: started)
    outcome.standing = standing
    outcome.peers = peers.count
    var sent = 0
    // In lots, so that no queue in between has to hold all of them.
    for first in stride(from: 0, to: clients.count, by: Self.window) {
      let last = min(first + Self.window, clients.count)
      for number in first..<last {
        var number = UInt32(number)
        if send(clients[Int(number)], &number, 4, CInt(MSG_NOSIGNAL)) == 4 { sent += 1 }
      }
      while echoed < sent, try turn() {}
    }
    outcome.echoed = echoed
    return outcome
  }

  private func open(to address: UInt32, _ port: UInt16) throws(SystemError) {
    let number = clients.count
    let socket = try Self.makeSocket()
    sockets.append(socket)
    clients.append(socket)
    role[Int(socket)] = Int32(number)
    let perAddress = Int(FramePlan.flowsPerAddress)
    let source = (FramePlan.firstClient(.ipv4).words.0.bigEndian + UInt32(number / perAddress)).bigEndian
    var from = Self.socketAddress(source, FramePlan.firstPort + UInt16(number % perAddress))
    var to = Self.socketAddress(address, port)
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let result = withUnsafePointer(to: &from) { from in
      withUnsafePointer(to: &to) { to in
        from.withMemoryRebound(to: sockaddr.self, capacity: 1) { from in
          to.withMemoryRebound(to: sockaddr.self, capacity: 1) { to in
            bind(socket, from, size) == 0 ? connect(socket, to, size) : -2
          }
        }
      }
    }
    guard result == 0 || result == -1 && errno == EINPROGRESS else { throw .last("open connection \(number)") }
    try watch(socket, EPOLLOUT)
  }

  /// Takes what has happened; false if nothing has for a long time.
  private func turn() throws(SystemError) -> Bool {
    var events = [epoll_event](repeating: epoll_event(), count: 1024)
    let number = epoll_wait(poller, &events, CInt(events.count), Self.patience)
    guard number >= 0 || errno == EINTR else { throw .last("wait for sockets") }
    for event in events.prefix(Int(max(number, 0))) {
      let socket = event.data.fd
      if socket == listener { try accept() } else { try serve(socket, event.events) }
    }
    return number != 0
  }

  private func accept() throws(SystemError) {
    while true {
      var peer = sockaddr_in()
      var size = socklen_t(MemoryLayout<sockaddr_in>.size)
      let socket = withUnsafeMutablePointer(to: &peer) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          Glibc.accept(listener, $0, &size)
        }
      }
      if socket < 0 {
        if errno == EAGAIN { return }
        throw .last("take a connection")
      }
      sockets.append(socket)
      // A reset that comes before the number would leave nothing to read.
      guard fcntl(socket, F_SETFL, O_NONBLOCK) == 0 else { throw .last("take a connection") }
      role[Int(socket)] = Self.server
      peers.insert(UInt64(peer.sin_addr.s_addr) << 16 | UInt64(peer.sin_port))
      try watch(socket, EPOLLIN)
    }
  }

  private func serve(_ socket: CInt, _ events: UInt32) throws(SystemError) {
    var number: UInt32 = 0
    let role = role[Int(socket)]
    if role >= 0, events & EPOLLOUT.rawValue != 0 {
      var error: CInt = 0
      var size = socklen_t(MemoryLayout<CInt>.size)
      getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size)
      if error != 0 {
        failed += 1
        epoll_ctl(poller, EPOLL_CTL_DEL, socket, nil)
        return
      }
      standing += 1
      try watch(socket, EPOLLIN, again: true)
      return
    }
    let length = recv(socket, &number, 4, 0)
    if length < 0, errno == EAGAIN { return }
    guard length == 4 else {
      throw length < 0 ? .last("keep a connection") : SystemError(code: ECONNRESET, action: "keep a connection")
    }
    if role == Self.server {
      _ = send(socket, &number, 4, CInt(MSG_NOSIGNAL))
    } else if Int32(bitPattern: number) == role {
      echoed += 1
    }
  }

  private func watch(_ socket: CInt, _ events: EPOLL_EVENTS, again: Bool = false) throws(SystemError) {
    var event = epoll_event()
    event.events = events.rawValue
    event.data.fd = socket
    guard epoll_ctl(poller, again ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, socket, &event) == 0 else {
      throw .last("watch a socket")
    }
  }

  private static func makeSocket() throws(SystemError) -> CInt {
    let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let socket = Glibc.socket(AF_INET, type, 0)
    guard socket >= 0 else { throw .last("make a socket") }
    return socket
  }

  private static func socketAddress(_ address: UInt32, _ port: UInt16) -> sockaddr_in {
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    name.sin_port = port.bigEndian
    name.sin_addr.s_addr = address
    return name
  }
}
