/// How a running cluster stands, as `svs cluster status` shows it.
public struct ClusterStatus: Codable, Hashable, Sendable {
  public var name: String
  /// The process that holds it.
  public var holder: Int32
  /// flannel's word for how packets get from node to node.
  public var backend: String
  public var podNetwork: String
  public var serviceNetwork: String
  public var nodes: [Node]
  public var pods: [Pod]
  public var services: [Service]
  public var outside: Outside
  /// What is wrong, in sentences; nothing where all is well.
  public var problems: [String]
  /// What was accepted and has no effect here, with file and line.
  public var notes: [String]

  public struct Node: Codable, Hashable, Sendable {
    public var name: String
    public var address: String
    public var podSubnet: String
    public var namespace: String
  }

  public struct Pod: Codable, Hashable, Sendable {
    public var namespace: String
    public var name: String
    public var node: String
    public var address: String
    public var networkNamespace: String
    public var programs: [Program]
  }

  public struct Program: Codable, Hashable, Sendable {
    public var name: String
    public var pid: Int32
    public var isRunning: Bool
    public var log: String
  }

  public struct Service: Codable, Hashable, Sendable {
    public var name: String
    public var transport: String
    public var clusterIP: String
    public var port: UInt16
    public var nodePort: UInt16?
    public var affinitySeconds: UInt32?
    public var endpoints: [Endpoint]
  }

  public struct Endpoint: Codable, Hashable, Sendable {
    public var pod: String?
    public var address: String
    public var port: UInt16
    /// Open at the pod now, from wherever.
    public var connections: Int
  }

  public struct Outside: Codable, Hashable, Sendable {
    public var name: String
    public var address: String
  }
}
