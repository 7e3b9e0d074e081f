import CSystem
import Glibc
import HostSystem
import Synchronization

/// Where UDP streams begin: a greeting tells its host and nothing else, so each host's tests begin one after another.
///
/// One thread reads the greetings for all tests and gives each to the test that waits for its host. A client that says
/// nothing holds the next ones of its own host only.
final class DatagramDoor: Sendable {
  private let settings: ThroughputServer.Settings
  private let port: UInt16
  private let halt: Bell
  private let state = Mutex(State())

  private struct State {
    var listener: Listener?
    /// The tests of each host that want streams; the first one's greetings are awaited.
    var queues: [String: [Visitor]] = [:]
  }

  /// The socket that greetings come to, shared with the thread that reads it.
  private final class Listener: Sendable {
    let socket: Descriptor
    init(_ socket: consuming Descriptor) { self.socket = socket }
  }

  /// A test that wants streams.
  private final class Visitor: Sendable {
    let bell: Bell
    private let greetings = Mutex<[SocketAddress]>([])

    init() throws(ThroughputError) { bell = try Bell() }

    func put(_ address: SocketAddress) {
      greetings.withLock { if $0.count < TestParameters.Limit.streams * 2 { $0.append(address) } }
      bell.ring()
    }

    func take() -> SocketAddress? { greetings.withLock { $0.isEmpty ? nil : $0.removeFirst() } }
  }

  /// - Parameter halt: rung when the server ends.
  init(_ settings: ThroughputServer.Settings, port: UInt16, halt: Bell) {
    self.settings = settings
    self.port = port
    self.halt = halt
  }

  /// Lets the client make its streams, and gives them in their order.
  ///
  /// - Parameters:
  ///   - control: the client's control connection. Its host is the one whose greetings count.
  ///   - begin: tells the client to go ahead; runs when it is this test's turn.
  func streams(
    _ count: Int, _ parameters: TestParameters, control: CInt, begin: () throws(ThroughputError) -> Void
  ) throws(ThroughputError) -> [Descriptor.Boxed] {
    try listen()
    let host = SocketAddress.peer(of: control)?.host ?? ""
    let visitor = try Visitor()
    enter(visitor, host)
    defer { leave(visitor, host) }
    // Those before it have so long each; their number is bounded by that of the tests.
    while !isFirst(visitor, host) {
      _ = try wait(for: visitor, control, Deadline(in: .seconds(600)))
    }
    try begin()
    var streams: [Descriptor.Boxed] = []
    let deadline = Deadline(in: .seconds(5))
    while streams.count < count {
      if let client = visitor.take() {
        streams.append(Descriptor.Boxed(try answer(client, parameters, control: control)))
      } else if try !wait(for: visitor, control, deadline) {
        throw .refused(.createStream, "only \(streams.count) of \(count) UDP streams came within 5 seconds")
      }
    }
    return streams
  }

  // MARK: - Turns

  private func enter(_ visitor: Visitor, _ host: String) {
    state.withLock { $0.queues[host, default: []].append(visitor) }
  }

  private func leave(_ visitor: Visitor, _ host: String) {
    let next = state.withLock { state in
      state.queues[host]?.removeAll { $0 === visitor }
      if state.queues[host]?.isEmpty == true { state.queues[host] = nil }
      return state.queues[host]?.first
    }
    next?.bell.ring()
  }

  private func isFirst(_ visitor: Visitor, _ host: String) -> Bool {
    state.withLock { $0.queues[host]?.first === visitor }
  }

  /// Waits for the visitor's bell; false when it did not ring in time.
  private func wait(for visitor: Visitor, _ control: CInt, _ deadline: Deadline) throws(ThroughputError) -> Bool {
    var watched = [
      pollfd(fd: visitor.bell.number, events: Int16(POLLIN), revents: 0),
      pollfd(fd: control, events: Int16(POLLIN), revents: 0),
      pollfd(fd: halt.number, events: Int16(POLLIN), revents: 0),
    ]
    let ready = poll(&watched, 3, deadline.milliseconds)
    guard ready > 0 else { return ready < 0 || !deadline.hasPassed }
    if watched[2].revents != 0 { throw .interrupted("this side") }
    // Nothing is due on the control connection now but its end.
    if watched[1].revents != 0 { throw .peerVanished("the client") }
    visitor.bell.quieten()
    return true
  }

  // MARK: - Greetings

  /// Opens the socket and starts its thread, with the first test that needs them.
  private func listen() throws(ThroughputError) {
    let outcome = state.withLock { state -> Result<Void, ThroughputError> in
      guard state.listener == nil else { return .success(()) }
      do throws(ThroughputError) {
        let listener = Listener(try Listening.bound(settings, port: port, isDatagram: true))
        let halt = halt
        try Worker.detached { [weak self] in
          while Self.hasMore(listener, halt) {
            guard let self else { return }
            self.read(listener)
          }
        }
        state.listener = listener
        return .success(())
      } catch {
        return .failure(error)
      }
    }
    try outcome.get()
  }

  /// Waits for a datagram; false when the server ends.
  private static func hasMore(_ listener: Listener, _ halt: Bell) -> Bool {
    (try? Wire.wait(for: listener.socket.number, interrupts: halt.number, Deadline(in: .seconds(3600)))) != nil
  }

  /// Gives one greeting to the test whose turn it is; what nobody waits for is forgotten.
  private func read(_ listener: Listener) {
    var room = [UInt8](repeating: 0, count: 64)
    var count = -1
    let address = SocketAddress { pointer, length in
      count = recvfrom(listener.socket.number, &room, room.count, CInt(MSG_DONTWAIT), pointer, length)
      return count >= 0
    }
    guard let address, Array(room.prefix(max(0, count))) == DatagramGreeting.hello else { return }
    state.withLock { $0.queues[address.host]?.first }?.put(address)
  }

  /// Makes the stream's own socket, from the address that the client knows, and answers from it.
  private func answer(
    _ client: SocketAddress, _ parameters: TestParameters, control: CInt
  ) throws(ThroughputError) -> Descriptor {
    let code = svs_datagram_socket(client.family)
    guard code >= 0, var local = SocketAddress.local(of: control) else {
      throw .system(SystemError(code: max(0, -code), action: "make a socket"))
    }
    let socket = Descriptor(code)
    local.port = port
    _ = svs_set_socket_option(socket.number, SVS_REUSE_ADDRESS, 1)
    if client.isIPv6 { _ = svs_set_socket_option(socket.number, SVS_ONLY_IPV6, 0) }
    try parameters.set(socket.number, isIPv6: client.isIPv6)
    var answer = DatagramGreeting.answer
    guard local.withPointer({ bind(socket.number, $0, $1) }) == 0,
      client.withPointer({ connect(socket.number, $0, $1) }) == 0,
      send(socket.number, &answer, answer.count, 0) == answer.count
    else { throw .system(SystemError.last("answer a UDP stream")) }
    return socket
  }
}
