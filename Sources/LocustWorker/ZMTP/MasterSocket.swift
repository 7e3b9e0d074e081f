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
  ///
  /// - Parameter patience: seconds that the other side may take for its part of the handshake.
  static func open(
    _ master: Master, identity: String, patience: Double, news: @escaping @Sendable (News) -> Void
  ) throws(WorkerError) {
    let reading = Unmanaged.passRetained(Reading(master, ZMTPPeer(identity: identity), patience, news))
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
    let addresses: [SocketAddress]
    do throws(SocketAddress.LookupFailure) {
      addresses = try SocketAddress.lookUp(master.host, port: master.port)
    } catch {
      throw .unknownHost(master.host, why: error.reason)
    }
    var problem: CInt = ECONNREFUSED
    for address in addresses {
      let descriptor = socket(address.family, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
      guard descriptor >= 0 else { throw .system("make a socket", code: errno) }
      let connection = MasterSocket(descriptor)
      // Bounds both connecting and sending: a master that takes nothing for so long is gone.
      connection.set(SOL_SOCKET, SO_SNDTIMEO, timeval(tv_sec: 5, tv_usec: 0))
      connection.set(CInt(IPPROTO_TCP), TCP_NODELAY, CInt(1))
      connection.set(SOL_SOCKET, SO_KEEPALIVE, CInt(1))
      connection.set(CInt(IPPROTO_TCP), TCP_KEEPIDLE, CInt(30))
      if address.withPointer({ Glibc.connect(descriptor, $0, $1) }) == 0 { return connection }
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

  /// How long `receive` waits for more; 0 for ever.
  fileprivate func setPatience(_ seconds: Double) {
    let microseconds = Int(seconds * 1e6)
    set(SOL_SOCKET, SO_RCVTIMEO, timeval(tv_sec: microseconds / 1_000_000, tv_usec: microseconds % 1_000_000))
  }

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
  let patience: Double
  let news: @Sendable (MasterSocket.News) -> Void

  init(
    _ master: Master, _ peer: ZMTPPeer, _ patience: Double, _ news: @escaping @Sendable (MasterSocket.News) -> Void
  ) {
    self.master = master
    self.peer = peer
    self.patience = patience
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
    // Without an end a master that says nothing would be waited for as long as its connection stands.
    socket.setPatience(patience)
    _ = socket.send(peer.opening)
    while true {
      let count = socket.receive(into: &room)
      guard count > 0 else {
        let code = count == 0 ? 0 : errno
        throw code == EAGAIN ? .mute(master) : .lost(master, code: code)
      }
      do throws(ZMTPPeer.Malformed) {
        for event in try peer.receive(room[..<count]) {
          switch event {
          case .ready:
            socket.setPatience(0)
            news(.ready(socket))
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
