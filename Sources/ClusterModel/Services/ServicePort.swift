import Netlink

/// One port of a service: what clients address, and the pods that answer.
public struct ServicePort: Hashable, Sendable {
  public enum TransportProtocol: UInt8, Hashable, Sendable { case tcp = 6, udp = 17 }

  /// The service's namespace and name, and the port's own where the service has several.
  public var name: Name
  public var transport: TransportProtocol
  public var clusterIP: IPAddress
  public var port: UInt16
  /// At every node's own address, if the service has one.
  public var nodePort: UInt16?
  /// How long a client keeps its pod (sessionAffinity: ClientIP), in seconds; nil: each connection is free.
  public var affinitySeconds: UInt32?
  /// Ready pods, in the order of the layout; none: connections are refused.
  public var endpoints: [Endpoint]

  public init(
    name: Name, transport: TransportProtocol, clusterIP: IPAddress, port: UInt16, nodePort: UInt16? = nil,
    affinitySeconds: UInt32? = nil, endpoints: [Endpoint]
  ) {
    self.name = name
    self.transport = transport
    self.clusterIP = clusterIP
    self.port = port
    self.nodePort = nodePort
    self.affinitySeconds = affinitySeconds
    self.endpoints = endpoints
  }

  public struct Name: Hashable, Sendable, Comparable, CustomStringConvertible {
    public var namespace: String
    public var service: String
    public var port: String?

    public init(namespace: String = "default", service: String, port: String? = nil) {
      self.namespace = namespace
      self.service = service
      self.port = port
    }

    public var description: String { "\(namespace)/\(service)" + (port.map { ":\($0)" } ?? "") }

    public static func < (a: Name, b: Name) -> Bool { a.description < b.description }
  }
}
