import IngressModel
import NIOCore

/// Whom a connection's requests come from, and by which entry point.
final class Origin: Sendable {
  let client: ClientAddress
  let clientPort: UInt16
  /// In figures, as headers have it.
  let text: [UInt8]
  /// Where it connected to.
  let destination: ClientAddress
  let destinationPort: UInt16
  /// Of the entry point, as the kernel knows it.
  let port: UInt16
  let entryPoint: EntryPoint
  let counters: EntryPointCounters

  private init(
    client: ClientAddress, clientPort: UInt16, destination: ClientAddress, destinationPort: UInt16, port: UInt16,
    entryPoint: EntryPoint, counters: EntryPointCounters
  ) {
    self.client = client
    self.clientPort = clientPort
    text = Array(client.text.utf8)
    self.destination = destination
    self.destinationPort = destinationPort
    self.port = port
    self.entryPoint = entryPoint
    self.counters = counters
  }

  /// Of a connection as the kernel knows it; nil where it is none of IP, or is gone already.
  convenience init?(_ channel: any Channel, _ point: EntryPoint, _ counters: EntryPointCounters) {
    guard let client = channel.remoteAddress?.client, let destination = channel.localAddress?.client else { return nil }
    let port = UInt16(channel.localAddress?.port ?? 0)
    self.init(
      client: client, clientPort: UInt16(channel.remoteAddress?.port ?? 0), destination: destination,
      destinationPort: port, port: port, entryPoint: point, counters: counters)
  }

  /// The same connection, where a proxy that is trusted has told whom it is for.
  func speaking(for ends: ProxyHeader.Ends) -> Origin {
    Origin(
      client: ends.client, clientPort: ends.clientPort, destination: ends.destination,
      destinationPort: ends.destinationPort, port: port, entryPoint: entryPoint, counters: counters)
  }

  /// What a server is told of them before its first byte.
  var proxyHeader: ProxyHeader {
    ProxyHeader(
      ends: ProxyHeader.Ends(
        client: client, clientPort: clientPort, destination: destination, destinationPort: destinationPort))
  }
}

extension SocketAddress {
  fileprivate var client: ClientAddress? {
    // As text it may have a zone.
    ipAddress?.split(separator: "%").first.flatMap { ClientAddress(parsing: String($0)) }
  }
}
