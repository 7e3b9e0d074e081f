import Netlink

/// A cluster with every address settled: which pods are on which node, and which services they serve.
///
/// Made of a ``ClusterDescription``; what realises it needs nothing else.
public struct ClusterLayout: Hashable, Sendable {
  public var name: String
  /// The network below, on which the nodes and the outside client are.
  public var nodeNetwork: IPPrefix
  /// The cluster IPs'.
  public var serviceNetwork: IPPrefix
  public var podNetwork: FlannelConfiguration
  public var nodes: [Node]
  public var pods: [Pod]
  public var services: [ServicePort]
  /// Names and their addresses, as the cluster's DNS server gives them.
  public var names: [NameRecord]
  /// The zone of services' names, `cluster.local`.
  public var domain: String
  /// The DNS server's cluster IP.
  public var resolver: IPAddress
  /// The host that is not part of the cluster, with its address on the nodes' network.
  public var outside: Outside
  /// What was accepted and has no effect here, in sentences with file and line.
  public var notes: [String]

  public struct Node: Hashable, Sendable {
    public var name: String
    /// On the network below, with its prefix length.
    public var address: IPPrefix
    public var podSubnet: IPPrefix

    public init(name: String, address: IPPrefix, podSubnet: IPPrefix) {
      self.name = name
      self.address = address
      self.podSubnet = podSubnet
    }

    /// What pods see as the client of connections from outside: the last address of the subnet, which no pod gets.
    public var directorAddress: IPAddress { podSubnet.lastHost }

    /// The bridge's address, the first of the subnet: the pods' gateway.
    public var gateway: IPPrefix { IPPrefix(podSubnet.host(1), length: podSubnet.length) }
  }

  public struct Pod: Hashable, Sendable {
    public var namespace: String
    /// Unique in the cluster: it also names the pod's network namespace.
    public var name: String
    public var node: String
    public var address: IPAddress
    public var labels: [String: String]
    /// What runs in it; nothing: the pod only is there, for commands run inside.
    public var programs: [Program]

    public init(
      namespace: String = "default", name: String, node: String, address: IPAddress, labels: [String: String] = [:],
      programs: [Program] = []
    ) {
      self.namespace = namespace
      self.name = name
      self.node = node
      self.address = address
      self.labels = labels
      self.programs = programs
    }
  }

  /// A program of a pod, with the ports that are open once it serves.
  public struct Program: Hashable, Sendable {
    public var name: String
    public var kind: Kind
    public var ports: [Port]

    public init(name: String, kind: Kind, ports: [Port] = []) {
      self.name = name
      self.kind = kind
      self.ports = ports
    }

    public enum Kind: Hashable, Sendable {
      /// `svs webapp` on this port: the application under test.
      case webApp(port: UInt16)
      /// The cluster's DNS server, with the layout's names.
      case resolver
      /// `svs ingress` with these rules; the text is a file for it, the services' pods are named in it already.
      case ingress(rules: String, entryPort: UInt16, statusPort: UInt16)
      /// Any other program, found along PATH; `{folder}` stands for the pod's own folder.
      case command([String])
    }
  }

  public struct Port: Hashable, Sendable {
    public var transport: ServicePort.TransportProtocol
    public var port: UInt16

    public init(_ transport: ServicePort.TransportProtocol, _ port: UInt16) {
      self.transport = transport
      self.port = port
    }
  }

  public struct NameRecord: Hashable, Sendable {
    /// Complete, without a dot at its end: `sample-webapp.default.svc.cluster.local`.
    public var name: String
    public var addresses: [IPAddress]

    public init(_ name: String, _ addresses: [IPAddress]) {
      self.name = name
      self.addresses = addresses
    }
  }

  public struct Outside: Hashable, Sendable {
    public var name: String
    public var address: IPPrefix

    public init(name: String = "outside", address: IPPrefix) {
      self.name = name
      self.address = address
    }
  }

  public init(
    name: String, nodeNetwork: IPPrefix, serviceNetwork: IPPrefix, podNetwork: FlannelConfiguration, nodes: [Node],
    pods: [Pod], services: [ServicePort], names: [NameRecord], domain: String = "cluster.local", resolver: IPAddress,
    outside: Outside, notes: [String] = []
  ) {
    self.name = name
    self.nodeNetwork = nodeNetwork
    self.serviceNetwork = serviceNetwork
    self.podNetwork = podNetwork
    self.nodes = nodes
    self.pods = pods
    self.services = services
    self.names = names
    self.domain = domain
    self.resolver = resolver
    self.outside = outside
    self.notes = notes
  }
}
