import ClusterModel
import Netlink

/// What was translated for one service.
public struct ServiceCounters: Hashable, Sendable {
  public var transport: ServicePort.TransportProtocol
  public var clusterIP: IPAddress
  public var port: UInt16
  /// Sockets that were given an endpoint: connections, and senders of datagrams. Of now and before, at whatever address
  /// of the service.
  public var connections: UInt64
  /// Connections and datagrams refused for want of an endpoint.
  public var refusals: UInt64
  /// In the order of choice.
  public var endpoints: [EndpointCounters]

  public struct EndpointCounters: Hashable, Sendable {
    public var endpoint: Endpoint
    /// Since it became the service's endpoint.
    public var connections: UInt64
  }
}
