import Glibc
import HostSystem

/// A server that says to every connection what a test has written down, whatever it is asked.
final class ScriptedServer: Sendable {
  enum Act: Sendable {
    /// Waits until the request's head has come.
    case hear
    case say(String)
    case pause(milliseconds: CInt)
    /// Ends the connection by a reset.
    case reset
    /// Keeps the connection open until the client, or the test, ends.
    case hold
  }

  let port: UInt16
  private let acts: [Act]
  private let listener: CInt
  /// Closing it ends what waits.
  private let stop: (read: CInt, write: CInt)
  private let thread: pthread_t

  init(_ acts: [Act]) throws {
    self.acts = acts
    let listening = try Listener()
    port = listening.port
    // The thread's own, since the value closes its descriptor here.
    listener = dup(listening.socket.number)
    var pair: [CInt] = [-1, -1]
    guard pipe(&pair) == 0 else { throw SystemError.last("make a pipe") }
    stop = (pair[0], pair[1])
    let work = Work(acts: acts, listener: listener, stop: pair[0])
    var thread = pthread_t()
    let pointer = Unmanaged.passRetained(work).toOpaque()
    let result = pthread_create(
      &thread, nil,
      { pointer in
        if let pointer { Unmanaged<Work>.fromOpaque(pointer).takeRetainedValue().run() }
        return nil
      }, pointer)
    self.thread = thread
    guard result == 0 else { throw SystemError(code: result, action: "start a thread") }
  }

  deinit {
    close(stop.write)
    pthread_join(thread, nil)
    close(listener)
    close(stop.read)
  }

  private final class Work: Sendable {
    let acts: [Act]
    let listener: CInt
    let stop: CInt

    init(acts: [Act], listener: CInt, stop: CInt) {
      self.acts = acts
      self.listener = listener
      self.stop = stop
    }

    func run() {
      while wait(listener) {
        let connection = Descriptor(accept(listener, nil, nil))
        guard connection.number >= 0 else { continue }
        for act in acts where !play(act, connection.number) { break }
      }
    }

    private func play(_ act: Act, _ connection: CInt) -> Bool {
      switch act {
      case .hear:
        var heard: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while !heard.ends(with: Array("\r\n\r\n".utf8)) {
          guard wait(connection) else { return false }
          let count = recv(connection, &buffer, buffer.count, 0)
          guard count > 0 else { return false }
          heard += buffer[..<count]
        }
      case .say(let text):
        let bytes = Array(text.utf8)
        return send(connection, bytes, bytes.count, CInt(MSG_NOSIGNAL)) == bytes.count
      case .pause(let milliseconds):
        var watched = pollfd(fd: stop, events: Int16(POLLIN), revents: 0)
        return poll(&watched, 1, milliseconds) == 0
      case .reset:
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(connection, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        return false
      case .hold:
        // What the client says is heard: to end with unheard bytes would be a reset.
        var buffer = [UInt8](repeating: 0, count: 4096)
        while wait(connection), recv(connection, &buffer, buffer.count, 0) > 0 {}
        return false
      }
      return true
    }

    /// Until there is something to read; false when the server is to end.
    private func wait(_ descriptor: CInt) -> Bool {
      var watched = [
        pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0), pollfd(fd: stop, events: Int16(POLLIN), revents: 0),
      ]
      while poll(&watched, 2, -1) < 0 {}
      return watched[1].revents == 0
    }
  }
}

extension Array where Element == UInt8 {
  func ends(with other: [UInt8]) -> Bool { suffix(other.count).elementsEqual(other) }
}
