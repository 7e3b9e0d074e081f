import CEvents
import CSystem
import Glibc
import HostSystem
import Netlink
import Synchronization

/// The event loop of one thread of ``ManySockets``: some of the clients, and as many of the server's ends.
final class EchoLoop {
  struct Result {
    /// The addresses and ports that the server was asked from here.
    var peers: [UInt64] = []
    /// When all connections stood, in nanoseconds.
    var stood: UInt64 = 0
    var failure: SystemError?
  }

  private(set) var result = Result()

  private let listener: CInt
  /// The clients of this thread, and how many all have.
  private let numbers: Range<Int>
  private let total: Int
  private let target: (address: UInt32, port: UInt16)
  private let progress: ManySockets.Progress
  private var poller: CInt = -1
  /// What a descriptor is: `server`, or a client's number; `none` where it is not ours.
  private var role: [Int32] = []
  private var clients: [CInt] = []
  private var decided = 0
  private var answered = 0

  private static let server: Int32 = -1
  private static let none: Int32 = -2
  /// Connections of one thread that are on their way at once: all together fewer than a veth's
  /// queue of 256 takes, or what is lost there is waited for.
  private static let window = 12

  init(
    listener: CInt, numbers: Range<Int>, of total: Int, to target: (UInt32, UInt16), _ progress: ManySockets.Progress
  ) {
    self.listener = listener
    self.numbers = numbers
    self.total = total
    self.target = target
    self.progress = progress
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

  /// Opens all connections, and when all threads' stand sends a number over each and waits until it comes back.
  func run() {
    do throws(SystemError) {
      try SystemError.check(svs_own_descriptors(), "have descriptors of this thread's own")
      poller = epoll_create1(0)
      guard poller >= 0 else { throw .last("make an epoll") }
      try watch(listener, EPOLLIN)
      try open()
      try echo()
    } catch { result.failure = error }
    // The thread's descriptors go with it, and with them the connections.
  }

  private func open() throws(SystemError) {
    func count() -> Int {
      progress.standing.load(ordering: .acquiring) + progress.failed.load(ordering: .acquiring)
    }
    while count() < total || progress.accepted.load(ordering: .acquiring) < progress.standing.load(ordering: .acquiring)
    {
      while clients.count < numbers.count, clients.count - decided < Self.window { try openNext() }
      try turn()
      if progress.hasStopped { break }
    }
    result.stood = Clock.now
  }

  private func echo() throws(SystemError) {
    var next = 0
    var sent = 0
    while true {
      // In lots, so that no queue in between has to hold all of them.
      while next < clients.count, sent - answered < Self.window {
        var number = UInt32(numbers.lowerBound + next)
        if send(clients[next], &number, 4, CInt(MSG_NOSIGNAL)) == 4 {
          sent += 1
          progress.add(progress.sent)
        } else {
          progress.add(progress.unsent)
        }
        next += 1
      }
      let tried = progress.sent.load(ordering: .acquiring) + progress.unsent.load(ordering: .acquiring)
      if tried >= total, progress.echoed.load(ordering: .acquiring) >= progress.sent.load(ordering: .acquiring) {
        return
      }
      try turn()
      if progress.hasStopped { return }
    }
  }

  private func openNext() throws(SystemError) {
    let number = numbers.lowerBound + clients.count
    let socket = try Self.makeSocket()
    clients.append(socket)
    note(socket, Int32(number))
    let perAddress = Int(FramePlan.flowsPerAddress)
    let source = (FramePlan.firstClient(.ipv4).words.0.bigEndian + UInt32(number / perAddress)).bigEndian
    var from = Self.socketAddress(source, FramePlan.firstPort + UInt16(number % perAddress))
    var to = Self.socketAddress(target.address, target.port)
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

  /// Takes what has happened, or waits a moment for it: other threads may be done meanwhile.
  private func turn() throws(SystemError) {
    var events = [epoll_event](repeating: epoll_event(), count: 256)
    let number = epoll_wait(poller, &events, CInt(events.count), 20)
    guard number >= 0 || errno == EINTR else { throw .last("wait for sockets") }
    for event in events.prefix(Int(max(number, 0))) {
      let socket = event.data.fd
      if socket == listener { try accept() } else { try serve(socket, event.events) }
    }
  }

  /// Takes connections, whoever's clients they are: all threads together have room for all.
  private func accept() throws(SystemError) {
    while true {
      if result.peers.count == numbers.count {
        epoll_ctl(poller, EPOLL_CTL_DEL, listener, nil)
        return
      }
      var peer = sockaddr_in()
      var size = socklen_t(MemoryLayout<sockaddr_in>.size)
      let socket = withUnsafeMutablePointer(to: &peer) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.accept(listener, $0, &size) }
      }
      if socket < 0 {
        if errno == EAGAIN || errno == ECONNABORTED { return }
        throw .last("take a connection")
      }
      guard fcntl(socket, F_SETFL, O_NONBLOCK) == 0 else { throw .last("take a connection") }
      note(socket, Self.server)
      result.peers.append(UInt64(peer.sin_addr.s_addr) << 16 | UInt64(peer.sin_port))
      progress.add(progress.accepted)
      try watch(socket, EPOLLIN)
    }
  }

  private func serve(_ socket: CInt, _ events: UInt32) throws(SystemError) {
    let role = role[Int(socket)]
    if role >= 0, events & EPOLLOUT.rawValue != 0 {
      var error: CInt = 0
      var size = socklen_t(MemoryLayout<CInt>.size)
      getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size)
      decided += 1
      if error != 0 {
        progress.add(progress.failed)
        epoll_ctl(poller, EPOLL_CTL_DEL, socket, nil)
        return
      }
      progress.add(progress.standing)
      try watch(socket, EPOLLIN, again: true)
      return
    }
    var number: UInt32 = 0
    let length = recv(socket, &number, 4, 0)
    if length < 0, errno == EAGAIN { return }
    guard length == 4 else {
      // It was cut off: whoever counts will miss it.
      epoll_ctl(poller, EPOLL_CTL_DEL, socket, nil)
      return
    }
    if role == Self.server {
      _ = send(socket, &number, 4, CInt(MSG_NOSIGNAL))
    } else if Int32(bitPattern: number) == role {
      answered += 1
      progress.add(progress.echoed)
    }
  }

  private func note(_ socket: CInt, _ what: Int32) {
    while role.count <= Int(socket) { role.append(Self.none) }
    role[Int(socket)] = what
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
