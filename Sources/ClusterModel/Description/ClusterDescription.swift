import IngressModel
import Netlink

/// A cluster as its user describes it: nodes, networks, what is to run and how it is reached.
///
/// Made of a cluster file and of Kubernetes manifests by ``read(files:onto:)``; ``layout(hostRoutes:)`` settles where
/// each pod goes and which address it has.
public struct ClusterDescription: Hashable, Sendable {
  /// Begins the names of network namespaces: CLUSTER-NODE and CLUSTER-POD.
  public var name: String
  public var nodes: [Node]
  /// The network below, on which the nodes and the outside client are.
  public var nodeNetwork: IPPrefix
  public var podNetwork: FlannelConfiguration
  /// The cluster IPs'.
  public var serviceNetwork: IPPrefix
  /// The zone of services' names.
  public var domain: String
  /// The outside client's address; nil: the last of the nodes' network.
  public var outside: IPAddress?
  public var workloads: [Workload]
  public var services: [Service]
  /// What was accepted and has no effect, each with file and line.
  public var notes: [ConfigurationFinding]
  /// Where networks and the like were said, for what is found out later.
  var places: [Part: SourcePlace]
  /// What the cluster file says of deployments, whichever manifest they are from.
  var settings: [DeploymentSetting]
  /// IngressRoutes and what belongs to them, as they were read.
  var routeObjects: [RouteObject]
  /// Where pods are already, by name: they stay there. See ``keep(_:)``.
  var placements: [String: Placement]
  /// The last host number given in each node's subnet; the next pod gets one behind it.
  var lastHosts: [String: UInt32]

  enum Part: Hashable, Sendable { case name, nodeNetwork, podNetwork, serviceNetwork, domain, outside }

  struct Placement: Hashable, Sendable {
    var node: String
    var address: IPAddress
  }

  public struct Node: Hashable, Sendable {
    public var name: String
    /// On the nodes' network; nil: the first that is free.
    public var address: IPAddress?
    public var roles: [String]
    public var labels: [String: String]
    public var source: SourcePlace?

    public init(
      _ name: String, address: IPAddress? = nil, roles: [String] = [], labels: [String: String] = [:],
      source: SourcePlace? = nil
    ) {
      self.name = name
      self.address = address
      self.roles = roles
      self.labels = labels
      self.source = source
    }

    /// Whether it only gets pods that ask for it, as a control plane's nodes do.
    public var isReserved: Bool { roles.contains("control-plane") || roles.contains("master") }
  }
}

extension ClusterDescription {
  /// A Deployment, or a Pod by itself.
  public struct Workload: Hashable, Sendable {
    public enum Kind: String, Hashable, Sendable { case deployment = "Deployment", pod = "Pod" }

    public var kind: Kind
    public var namespace: String
    public var name: String
    public var replicas: Int
    public var labels: [String: String]
    /// The node that each of its pods must be on.
    public var nodeName: String?
    public var nodeSelector: [String: String]
    /// The nodes that its pods go to, in turn; none: all of them that are not reserved.
    public var nodes: [String]
    public var programs: [Program]
    public var source: SourcePlace?

    public init(
      kind: Kind = .deployment, namespace: String = "default", name: String, replicas: Int = 1,
      labels: [String: String] = [:], nodeName: String? = nil, nodeSelector: [String: String] = [:],
      nodes: [String] = [], programs: [Program] = [], source: SourcePlace? = nil
    ) {
      self.kind = kind
      self.namespace = namespace
      self.name = name
      self.replicas = replicas
      self.labels = labels
      self.nodeName = nodeName
      self.nodeSelector = nodeSelector
      self.nodes = nodes
      self.programs = programs
      self.source = source
    }
  }

  /// A container, by what runs in its place.
  public struct Program: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
      case webApp(port: UInt16)
      case resolver
      case ingress(entryPort: UInt16, statusPort: UInt16)
      case command([String])
      /// Nothing runs; the container's ports can still be named.
      case none
    }

    public var name: String
    public var kind: Kind
    public var ports: [ContainerPort]

    public init(name: String, kind: Kind, ports: [ContainerPort] = []) {
      self.name = name
      self.kind = kind
      self.ports = ports
    }
  }

  public struct ContainerPort: Hashable, Sendable {
    public var name: String?
    public var transport: ServicePort.TransportProtocol
    public var number: UInt16
    /// A port of the nodes that leads here: of all nodes, not only the pod's own.
    public var hostPort: UInt16?

    public init(
      _ number: UInt16, name: String? = nil, transport: ServicePort.TransportProtocol = .tcp, hostPort: UInt16? = nil
    ) {
      self.name = name
      self.transport = transport
      self.number = number
      self.hostPort = hostPort
    }
  }

  public struct Service: Hashable, Sendable {
    public enum Address: Hashable, Sendable {
      case clusterIP(IPAddress)
      /// One that is free.
      case assigned
      /// None: its name has the pods' addresses.
      case headless
    }

    public enum Target: Hashable, Sendable {
      case number(UInt16)
      /// Of a container's port.
      case name(String)
    }

    public struct Port: Hashable, Sendable {
      public var name: String?
      public var transport: ServicePort.TransportProtocol
      public var number: UInt16
      public var target: Target
      public var nodePort: UInt16?
      public var source: SourcePlace?

      public init(
        _ number: UInt16, name: String? = nil, transport: ServicePort.TransportProtocol = .tcp, target: Target? = nil,
        nodePort: UInt16? = nil, source: SourcePlace? = nil
      ) {
        self.name = name
        self.transport = transport
        self.number = number
        self.target = target ?? .number(number)
        self.nodePort = nodePort
        self.source = source
      }
    }

    public var namespace: String
    public var name: String
    public var address: Address
    /// Whether each of its ports is also one of the nodes'.
    public var hasNodePorts: Bool
    public var ports: [Port]
    /// The labels of its pods; empty: it has none.
    public var selector: [String: String]
    public var affinitySeconds: UInt32?
    public var source: SourcePlace?

    public init(
      namespace: String = "default", name: String, address: Address = .assigned, hasNodePorts: Bool = false,
      ports: [Port], selector: [String: String], affinitySeconds: UInt32? = nil, source: SourcePlace? = nil
    ) {
      self.namespace = namespace
      self.name = name
      self.address = address
      self.hasNodePorts = hasNodePorts
      self.ports = ports
      self.selector = selector
      self.affinitySeconds = affinitySeconds
      self.source = source
    }
  }

  /// What the cluster file says of one deployment.
  struct DeploymentSetting: Hashable, Sendable {
    var namespace: String
    var name: String
    var replicas: Int?
    var nodes: [String]?
    var labels: [String: String]?
    var programs: [Program]?
    var source: SourcePlace
  }

  /// An object for the ingress, passed on to it as it was read.
  struct RouteObject: Hashable, Sendable {
    var kind: String
    var namespace: String
    var name: String
    var node: ConfigurationNode
    var source: SourcePlace
  }
}

/// All that is wrong with a cluster's description; nothing is built of it.
public struct ClusterDescriptionError: Error, Hashable, CustomStringConvertible {
  /// At least one, in the order of the files and their lines.
  public var findings: [ConfigurationFinding]

  public init(_ findings: [ConfigurationFinding]) { self.findings = findings }

  public var description: String { findings.map(\.description).joined(separator: "\n") }
}

/// A namespace and a name in it.
struct QualifiedName: Hashable, Comparable, CustomStringConvertible {
  var namespace: String
  var name: String

  var description: String { "\(namespace)/\(name)" }

  static func < (a: Self, b: Self) -> Bool { (a.namespace, a.name) < (b.namespace, b.name) }
}
