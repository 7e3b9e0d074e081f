import CSystem
import Glibc
import HostSystem
import Synchronization

/// Sockets that wait for clients.
enum Listening {
  /// For IPv6 and IPv4 alike unless one is asked for, or the system has no IPv6.
  static func stream(_ settings: ThroughputServer.Settings) throws(ThroughputError) -> Descriptor {
    let socket = try bound(settings, port: settings.port, isDatagram: false)
    guard listen(socket.number, 128) == 0 else {
      throw .listening("port \(settings.port)", SystemError.last("listen"))
    }
    return socket
  }

  static func bound(
    _ settings: ThroughputServer.Settings, port: UInt16, isDatagram: Bool
  ) throws(ThroughputError) -> Descriptor {
    let place = "\(settings.localHost.map { "\($0) " } ?? "")port \(port)"
    var failure = SystemError(code: EADDRNOTAVAIL, action: "listen")
    let families = settings.ipVersion == 4 ? [AF_INET] : settings.ipVersion == 6 ? [AF_INET6] : [AF_INET6, AF_INET]
    for family in families {
      let addresses: [SocketAddress]
      do {
        addresses = try SocketAddress.resolve(settings.localHost, port: port, family: family, isDatagram: isDatagram)
      } catch {
        if family == families.last { throw error }
        continue
      }
      guard let address = addresses.first else { continue }
      let code = isDatagram ? svs_datagram_socket(family) : svs_stream_socket(family)
      guard code >= 0 else {
        failure.code = -code
        continue
      }
      let socket = Descriptor(code)
      _ = svs_set_socket_option(socket.number, SVS_REUSE_ADDRESS, 1)
      if family == AF_INET6 { _ = svs_set_socket_option(socket.number, SVS_ONLY_IPV6, settings.ipVersion == 6 ? 1 : 0) }
      if address.withPointer({ bind(socket.number, $0, $1) }) == 0 { return socket }
      failure.code = errno
    }
    throw .listening(place, failure)
  }
}

/// Where UDP streams begin: the greeting does not say whose it is, so one test at a time waits for its own.
final class DatagramDoor: Sendable {
  private let settings: ThroughputServer.Settings
  private let port: UInt16
  private let listener = Mutex<Descriptor?>(nil)

  init(_ settings: ThroughputServer.Settings, port: UInt16) {
    self.settings = settings
    self.port = port
  }

  /// Lets the client make its streams, and gives them in their order.
  ///
  /// - Parameters:
  ///   - begin: tells the client to go ahead; runs when it is this test's turn.
  ///   - control: the client's control connection. Its host is the one whose greetings count.
  func streams(
    _ count: Int, _ parameters: TestParameters, control: CInt, halt: CInt, begin: () throws(ThroughputError) -> Void
  ) throws(ThroughputError) -> [Descriptor.Boxed] {
    let outcome = listener.withLock { listener -> Result<[Descriptor.Boxed], ThroughputError> in
      do throws(ThroughputError) {
        if listener == nil { listener = try Listening.bound(settings, port: port, isDatagram: true) }
        let number = listener?.number ?? -1
        forgetOldGreetings(number)
        try begin()
        var streams: [Descriptor.Boxed] = []
        let deadline = Deadline(in: .seconds(5))
        while streams.count < count {
          guard let client = try greeting(on: number, control: control, halt: halt, deadline) else {
            throw .refused(.createStream, "only \(streams.count) of \(count) UDP streams came within 5 seconds")
          }
          streams.append(Descriptor.Boxed(try answer(client, parameters, control: control)))
        }
        return .success(streams)
      } catch {
        return .failure(error)
      }
    }
    return try outcome.get()
  }

  private func forgetOldGreetings(_ number: CInt) {
    var room = [UInt8](repeating: 0, count: 64)
    while recv(number, &room, room.count, CInt(MSG_DONTWAIT)) >= 0 {}
  }

  /// Waits for a greeting of this client; nil if none came in time.
  private func greeting(
    on number: CInt, control: CInt, halt: CInt, _ deadline: Deadline
  ) throws(ThroughputError) -> SocketAddress? {
    let host = SocketAddress.peer(of: control)?.host
    while !deadline.hasPassed {
      var watched = [
        pollfd(fd: number, events: Int16(POLLIN), revents: 0), pollfd(fd: control, events: Int16(POLLIN), revents: 0),
        pollfd(fd: halt, events: Int16(POLLIN), revents: 0),
      ]
      guard poll(&watched, 3, deadline.milliseconds) > 0 else { continue }
      if watched[2].revents != 0 { throw .interrupted("this side") }
      // Nothing is due on the control connection now but its end.
      if watched[1].revents != 0 { throw .peerVanished("the client") }
      var room = [UInt8](repeating: 0, count: 64)
      var count = -1
      let address = SocketAddress { pointer, length in
        count = recvfrom(number, &room, room.count, CInt(MSG_DONTWAIT), pointer, length)
        return count >= 0
      }
      if let address, Array(room.prefix(max(0, count))) == DatagramGreeting.hello, address.host == host {
        return address
      }
    }
    return nil
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

extension Descriptor {
  /// A descriptor in an array.
  final class Boxed: Sendable {
    private let content: Mutex<Descriptor?>
    init(_ descriptor: consuming Descriptor) { content = Mutex(consume descriptor) }
    func take() -> Descriptor? { content.withLock { $0.take() } }
  }
}
