import ClusterModel
import KernelDirector
import Netlink
import Synchronization

/// How one address and port of a service stands at a node.
public struct ServedPort: Sendable {
  /// Nil where another process made the service.
  public var name: ServicePort.Name?
  public var transport: ServicePort.TransportProtocol
  /// A cluster IP, or the node's own address.
  public var address: Endpoint
  public var isNodePort: Bool
  /// Connections since the service was made.
  public var connections: UInt64
  public var endpoints: [ServedEndpoint]
}

/// How one pod of a service stands at a node.
public struct ServedEndpoint: Sendable {
  public var endpoint: Endpoint
  /// Whether it is gone and only keeps the connections that it has.
  public var isDraining: Bool
  public var activeConnections: UInt32
  public var inactiveConnections: UInt32
  /// Connections since it was added.
  public var connections: UInt64
}

extension NodeDirector {
  /// Every service with its connections, by name; node ports behind cluster IPs.
  public func status() throws(NodeDirectorError) -> [ServedPort] {
    try state.withLock { state throws(NodeDirectorError) in
      let snapshots = try inNamespace { director throws(NodeDirectorError) in
        try told { () throws(DirectorError) in try director.services() }
      }
      let standing = state.standing
      let ports = snapshots.compactMap { served($0, name: standing[$0.identity]?.name) }
      return ports.sorted { a, b in
        (a.name?.description ?? "", a.isNodePort ? 1 : 0, a.address.port)
          < (b.name?.description ?? "", b.isNodePort ? 1 : 0, b.address.port)
      }
    }
  }

  /// What may surprise whoever runs the node, in whole sentences.
  public func warnings() throws(NodeDirectorError) -> [String] {
    try state.withLock { _ throws(NodeDirectorError) in
      try inNamespace { director throws(NodeDirectorError) in
        try told { () throws(DirectorError) in try director.status()?.warnings ?? [] }
      }
    }
  }

  private func served(_ snapshot: ServiceSnapshot, name: ServicePort.Name?) -> ServedPort? {
    guard case .address(let transport, let address) = snapshot.identity,
      let transport = ServicePort.TransportProtocol(rawValue: transport.rawValue)
    else { return nil }
    // The newest server comes first.
    let endpoints = snapshot.servers.reversed().map { server in
      ServedEndpoint(
        endpoint: server.endpoint, isDraining: server.settings.weight == 0,
        activeConnections: server.activeConnections, inactiveConnections: server.inactiveConnections,
        connections: server.counters.connections)
    }
    return ServedPort(
      name: name, transport: transport, address: address, isNodePort: address.address == nodeAddress,
      connections: snapshot.counters.connections, endpoints: endpoints)
  }
}
