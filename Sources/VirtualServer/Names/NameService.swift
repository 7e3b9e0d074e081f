import KernelDirector

/// Names of hosts and ports, in both directions.
public protocol NameService {
  /// The IPv4 address of a host by name.
  mutating func address(ofHost name: String) -> IPAddress?
  /// A host's name by its address.
  mutating func host(at address: IPAddress) -> String?
  /// The port that a service name stands for under a transport protocol.
  mutating func port(ofService name: String, over transport: TransportProtocol) -> UInt16?
  /// The service name of a port under a transport protocol.
  mutating func service(at port: UInt16, over transport: TransportProtocol) -> String?
}
