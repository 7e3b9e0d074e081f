import Glibc
import HostSystem

/// The worker's TCP connection to a master; a thread of its own makes and reads it.
final class MasterSocket: Sendable {
  enum News: Sendable {
    case ready(MasterSocket)
    case message([UInt8])
    /// The connection is over, or never was, and why; the last one.
    case closed(WorkerError)
  }

  private let descriptor: CInt

  private init(_ descriptor: CInt) { self.descriptor = descriptor }

  deinit { close(descriptor) }

  /// Connects to a master and hands on what comes.
  static func open(_ master: Master, identity: String, news: @escaping @Sendable (News) -> Void) throws(WorkerError) {
    let reading = Unmanaged.passRetained(Reading(master, ZMTPPeer(identity: identity), news))
    var thread = pthread_t()
    let result = pthread_create(
      &thread, nil,
      { argument in
        if let argument { Unmanaged<Reading>.fromOpaque(argument).takeRetainedValue().run() }
        return nil
      }, reading.toOpaque())
    guard result == 0 else {
      reading.release()
      throw .system("start a thread", code: result)
    }
    pthread_detach(thread)
  }

  fileprivate static func connect(_ master: Master) throws(WorkerError) -> MasterSocket {
    var hints = addrinfo()
    hints.ai_socktype = CInt(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let result = getaddrinfo(master.host, String(master.port), &hints, &list)
    guard result == 0 else { throw .unknownHost(master.host, why: String(cString: gai_strerror(result))) }
    defer { freeaddrinfo(list) }
    var next = list
    var problem: CInt = ECONNREFUSED
    while let entry = next {
      next = entry.pointee.ai_next
      let descriptor = socket(entry.pointee.ai_family, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
      guard descriptor >= 0 else { throw .system("make a socket", code: errno) }
      let connection = MasterSocket(descriptor)
      // Bounds both connecting and sending: a master that takes nothing for so long is gone.
      connection.set(SOL_SOCKET, SO_SNDTIMEO, timeval(tv_sec: 5, tv_usec: 0))
      connection.set(CInt(IPPROTO_TCP), TCP_NODELAY, CInt(1))
      connection.set(SOL_SOCKET, SO_KEEPALIVE, CInt(1))
      connection.set(CInt(IPPROTO_TCP), TCP_KEEPIDLE, CInt(30))
      if Glibc.connect(descriptor, entry.pointee.ai_addr, entry.pointee.ai_addrlen) == 0 { return connection }
      problem = errno == EINPROGRESS ? ETIMEDOUT : errno
    }
    throw .noMaster(master, code: problem)
  }

  private func set<Value: BitwiseCopyable>(_ level: CInt, _ option: CInt, _ value: Value) {
    var value = value
    setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<Value>.size))
  }

  /// Sends all of it; false where the connection is broken.
  func send(_ bytes: [UInt8]) -> Bool {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes { bytes in
        Glibc.send(descriptor, bytes.baseAddress.map { $0 + sent }, bytes.count - sent, CInt(MSG_NOSIGNAL))
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        hangUp()
        return false
      }
      sent += count
    }
    return true
  }

  /// Ends the connection; its thread says so.
  func hangUp() { shutdown(descriptor, CInt(SHUT_RDWR)) }

  /// Bytes as they come; empty at the end.
  fileprivate func receive(into room: inout [UInt8]) -> Int {
    while true {
      let count = recv(descriptor, &room, room.count, 0)
      if count >= 0 || errno != EINTR { return count }
    }
  }
}

/// What the thread of a connection does.
private final class Reading {
  let master: Master
  var peer: ZMTPPeer
  let news: @Sendable (MasterSocket.News) -> Void

  init(_ master: Master, _ peer: ZMTPPeer, _ news: @escaping @Sendable (MasterSocket.News) -> Void) {
    self.master = master
    self.peer = peer
    self.news = news
  }

  func run() {
    do throws(WorkerError) {
      try read(try MasterSocket.connect(master))
    } catch {
      news(.closed(error))
    }
  }

  private func read(_ socket: MasterSocket) throws(WorkerError) -> Never {
    var room = [UInt8](repeating: 0, count: 64 << 10)
    _ = socket.send(peer.opening)
    while true {
      let count = socket.receive(into: &room)
      guard count > 0 else { throw .lost(master, code: count == 0 ? 0 : errno) }
      do throws(ZMTPPeer.Malformed) {
        for event in try peer.receive(room[..<count]) {
          switch event {
          case .ready: news(.ready(socket))
          case .message(let frames): news(.message(frames.last ?? []))
          case .reply(let bytes): _ = socket.send(bytes)
          }
        }
      } catch {
        socket.hangUp()
        throw .notAMaster(master, why: error.description)
      }
    }
  }
}
