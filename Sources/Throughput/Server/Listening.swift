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

extension Descriptor {
  /// A descriptor in an array.
  final class Boxed: Sendable {
    private let content: Mutex<Descriptor?>
    init(_ descriptor: consuming Descriptor) { content = Mutex(consume descriptor) }
    func take() -> Descriptor? { content.withLock { $0.take() } }
  }
}
