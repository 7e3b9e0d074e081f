import Glibc
import HostSystem

extension SocketAddress {
  /// The addresses of a host, in the order in which they should be tried.
  ///
  /// - Parameter host: none for every address of this host, to listen on.
  static func resolve(
    _ host: String?, port: UInt16, family: CInt, isDatagram: Bool = false
  ) throws(ThroughputError) -> [SocketAddress] {
    do throws(LookupFailure) {
      return try lookUp(host, port: port, family: family, isDatagram: isDatagram)
    } catch {
      throw .resolution(host: error.host, reason: error.reason)
    }
  }
}

/// An address and a port for people and for JSON.
public struct Endpoint: Hashable, Sendable {
  public var host: String
  public var port: UInt16

  init(_ address: SocketAddress?) {
    host = address?.host ?? "?"
    port = address?.port ?? 0
  }

  init(host: String, port: UInt16) {
    self.host = host
    self.port = port
  }
}
