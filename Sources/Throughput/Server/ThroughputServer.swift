import CSystem
import Glibc
import HostSystem
import Synchronization

/// A server of iperf3's protocol that serves many clients at once: their cookies tell them apart.
public final class ThroughputServer: Sendable {
  public struct Settings: Sendable {
    public var port: UInt16 = 5201
    /// The address to listen on; none for all.
    public var localHost: String?
    /// 4 or 6 for one family only.
    public var ipVersion: Int?
    /// Seconds between reports; 0 for none before the end.
    public var interval = 1.0
    /// Whether the server ends after one test.
    public var isOneOff = false
    /// Whether each test is reported as JSON when it is over.
    public var reportsJSON = false
    /// Tests at once; further clients are told that the server is busy.
    public var mostClients = 64

    public init() {}
  }

  let settings: Settings
  let style: ReportStyle
  private let listener: Descriptor
  let door: DatagramDoor
  /// Rung when the server ends, and never quietened.
  let halt: Bell
  /// Rung when a test has ended.
  private let ended: Bell
  private let registry = Mutex(Registry())
  private let print: @Sendable ([String]) -> Void

  private struct Registry {
    var sessions: [Cookie: SessionDoor] = [:]
    var begun = 0
    /// Connections whose cookie has not come yet, and tests.
    var threads = 0
    /// Connections so far.
    var accepted: UInt64 = 0
    /// Of all tests.
    var streams = 0
  }

  private static let mostStreams = 1024

  /// Listens; from then on clients can connect.
  ///
  /// - Parameter print: takes lines of reports that belong together, from any thread.
  public init(
    _ settings: Settings, style: ReportStyle = ReportStyle(), print: @escaping @Sendable ([String]) -> Void
  ) throws(ThroughputError) {
    self.settings = settings
    self.style = style
    self.print = print
    halt = try Bell()
    ended = try Bell()
    listener = try Listening.stream(settings)
    door = DatagramDoor(settings, port: SocketAddress.local(of: listener.number)?.port ?? settings.port, halt: halt)
  }

  /// Where it listens, also if the system chose.
  public var port: UInt16 { SocketAddress.local(of: listener.number)?.port ?? settings.port }

  /// Serves until an interrupt, or until its one test is over.
  ///
  /// - Returns: Whether it was interrupted.
  public func run(interrupts: borrowing Interrupts) -> Bool {
    announce()
    var wasInterrupted = false
    while true {
      var watched = [
        pollfd(fd: listener.number, events: Int16(POLLIN), revents: 0),
        pollfd(fd: interrupts.number, events: Int16(POLLIN), revents: 0),
        pollfd(fd: ended.number, events: Int16(POLLIN), revents: 0),
        pollfd(fd: halt.number, events: Int16(POLLIN), revents: 0),
      ]
      guard poll(&watched, 4, -1) > 0 else { continue }
      if watched[3].revents != 0 { break }
      if watched[1].revents != 0 {
        wasInterrupted = true
        break
      }
      if watched[2].revents != 0 {
        ended.quieten()
        if settings.isOneOff, isIdle, begun > 0 { break }
      }
      if watched[0].revents != 0 { accept() }
    }
    halt.ring()
    // Every thread watches the bell; the last one rings back.
    let deadline = Deadline(in: .seconds(5))
    while hasThreads, !deadline.hasPassed {
      _ = Wire.wait(for: Int16(POLLIN), on: ended.number, deadline)
      ended.quieten()
    }
    return wasInterrupted
  }

  /// Ends `run`, and the tests that are running.
  public func stop() { halt.ring() }

  private var isIdle: Bool { registry.withLock { $0.sessions.isEmpty } }
  private var begun: Int { registry.withLock { $0.begun } }
  private var hasThreads: Bool { registry.withLock { $0.threads > 0 } }

  private func announce() {
    guard !settings.reportsJSON else { return }
    let line = String(repeating: "-", count: 59)
    let number = begun + 1
    print(
      (style.isVerbose ? [ProductName.version, ProductName.system] : []) + [
        line, "Server listening on \(port) (test #\(number))", line,
      ])
  }

  private func accept() {
    let code = svs_accept(listener.number)
    guard code >= 0 else {
      // Without descriptors nothing can be accepted until a test ends; the connection waits so long.
      if code == -EMFILE || code == -ENFILE {
        _ = Wire.wait(for: Int16(POLLIN), on: ended.number, Deadline(in: .milliseconds(100)))
      }
      return
    }
    let socket = Descriptor(code)
    let order = registry.withLock { registry -> UInt64? in
      guard registry.threads < settings.mostClients * 2 + 64 else { return nil }
      registry.threads += 1
      registry.accepted += 1
      return registry.accepted
    }
    guard let order else { return }
    let handed = Handed(socket)
    do {
      try Worker.detached {
        if let socket = handed.take() { self.greet(socket, order) }
        self.registry.withLock { $0.threads -= 1 }
        self.ended.ring()
      }
    } catch {
      registry.withLock { $0.threads -= 1 }
    }
  }

  /// Reads a connection's cookie and finds out whose it is.
  ///
  /// - Parameter order: counts connections as they were accepted: which of a test's streams one is goes by that, and not
  ///   by whose cookie is read first.
  private func greet(_ socket: consuming Descriptor, _ order: UInt64) {
    guard
      let bytes = try? Wire.read(
        Cookie.length, from: socket.number, Deadline(in: .seconds(10)), "the client", interrupts: halt.number),
      let cookie = Cookie(bytes)
    else {
      // No client of this protocol; who knocks is not told more.
      return
    }
    enum Place {
      case new(SessionDoor)
      case known(SessionDoor)
      case none
    }
    let place = registry.withLock { registry -> Place in
      if let door = registry.sessions[cookie] { return .known(door) }
      let isFull = registry.sessions.count >= (settings.isOneOff ? 1 : settings.mostClients)
      guard !isFull, !(settings.isOneOff && registry.begun > 0), let door = try? SessionDoor() else { return .none }
      registry.sessions[cookie] = door
      registry.begun += 1
      return .new(door)
    }
    switch place {
    case .known(let door) where cookie.asksForExtensions && door.isBeforeParameters:
      Echo(halt: halt.number).run(socket)
    case .known(let door): door.put(socket, order)
    case .none:
      try? Wire.write([UInt8(bitPattern: ControlState.accessDenied.rawValue)], to: socket.number, "the client")
    case .new(let door):
      let session = ServerSession(self, door, cookie, emit: emit)
      session.run(ControlConnection(socket, peer: "the client"))
      let isLast = registry.withLock { registry in
        registry.sessions[cookie] = nil
        return registry.sessions.isEmpty
      }
      if isLast, !settings.isOneOff, !isHalting { announce() }
    }
  }

  /// Whether there is room for so many streams more; `release` gives it back.
  func reserve(streams: Int) -> Bool {
    registry.withLock { registry in
      guard registry.streams + streams <= Self.mostStreams else { return false }
      registry.streams += streams
      return true
    }
  }

  func release(streams: Int) { registry.withLock { $0.streams -= streams } }

  private var isHalting: Bool { Wire.wait(for: Int16(POLLIN), on: halt.number, Deadline(in: .zero)) }

  private func emit(_ lines: [String]) { if !lines.isEmpty { print(lines) } }
}

/// Gives a descriptor to a thread.
private final class Handed: Sendable {
  private let socket: Mutex<Descriptor?>

  init(_ socket: consuming Descriptor) { self.socket = Mutex(consume socket) }

  func take() -> Descriptor? { socket.withLock { $0.take() } }
}

/// Where the data connections of a test are left for it.
final class SessionDoor: Sendable {
  private struct Waiting {
    var order: UInt64
    var number: CInt
  }

  private let waiting = Mutex<[Waiting]>([])
  private let phase = Atomic<Bool>(true)
  let bell: Bell

  init() throws(ThroughputError) { bell = try Bell() }

  var isBeforeParameters: Bool { phase.load(ordering: .acquiring) }
  func parametersHaveCome() { phase.store(false, ordering: .releasing) }

  /// How many connections wait.
  var count: Int { waiting.withLock { $0.count } }

  func put(_ socket: consuming Descriptor, _ order: UInt64) {
    let number = dup(socket.number)
    guard number >= 0 else { return }
    _ = fcntl(number, F_SETFD, FD_CLOEXEC)
    let isRoom = waiting.withLock { list in
      guard list.count < 2 * TestParameters.Limit.streams else { return false }
      let place = list.firstIndex { $0.order > order } ?? list.endIndex
      list.insert(Waiting(order: order, number: number), at: place)
      return true
    }
    if isRoom { bell.ring() } else { close(number) }
  }

  /// The one that was accepted first.
  func take() -> Descriptor? {
    waiting.withLock { list in list.isEmpty ? nil : list.removeFirst() }.map { Descriptor($0.number) }
  }

  deinit { waiting.withLock { list in list.forEach { close($0.number) } } }
}

/// Sends back what comes, for a client that measures round trips.
private struct Echo {
  let halt: CInt

  func run(_ socket: borrowing Descriptor) {
    _ = svs_set_socket_option(socket.number, SVS_NO_DELAY, 1)
    var room = [UInt8](repeating: 0, count: 4096)
    // A client that measures sends often; one that is silent for this long is gone.
    while (try? Wire.wait(for: socket.number, interrupts: halt, Deadline(in: .seconds(30)))) == true {
      let count = recv(socket.number, &room, room.count, CInt(MSG_DONTWAIT))
      guard count > 0, (try? Wire.write(Array(room[..<count]), to: socket.number, "the client")) != nil else { return }
    }
  }
}
