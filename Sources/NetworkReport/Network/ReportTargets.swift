import ClusterModel
import Netlink

/// What is addressed from where.
public struct ReportTargets: Hashable, Sendable {
  /// A host of the measured network with its address there.
  public struct Host: Hashable, Sendable {
    public var name: String
    public var address: IPAddress

    public init(_ name: String, _ address: IPAddress) {
      self.name = name
      self.address = address
    }
  }

  /// One way to the application.
  public struct Access: Hashable, Sendable {
    public var path: AccessPath
    /// Where the requests come from.
    public var host: String
    /// As people write it: `http://sample-webapp.test.com/`.
    public var url: String
    /// Where the URL's host is, if the host's own resolver is not to be asked: as of the ingress.
    public var address: IPAddress?

    public init(_ path: AccessPath, from host: String, url: String, address: IPAddress? = nil) {
      self.path = path
      self.host = host
      self.url = url
      self.address = address
    }
  }

  /// A Locust master, and how it is reached.
  public struct Locust: Hashable, Sendable {
    /// Where the master runs, and the workers beside it.
    public var host: String
    /// What workers connect to.
    public var address: IPAddress
    public var port: UInt16
    /// The web page as the host outside asks for it: `http://locust.test.com/`.
    public var web: Access
    /// The application, as the users address it.
    public var applicationURL: String

    public init(host: String, address: IPAddress, port: UInt16 = 5557, web: Access, applicationURL: String) {
      self.host = host
      self.address = address
      self.port = port
      self.web = web
      self.applicationURL = applicationURL
    }
  }

  public var accesses: [Access]
  /// Two different nodes, and a pod on each.
  public var clientNode: Host
  public var serverNode: Host
  public var clientPod: Host
  public var serverPod: Host
  /// Cluster IPs that nobody else uses; the report takes as many of them as it has services.
  public var spareServiceAddresses: IPPrefix
  /// The pods' network, from which made-up endpoints are taken.
  public var podNetwork: IPPrefix
  /// Where cluster IPs are from.
  public var serviceNetwork: IPPrefix?
  /// The pods' addresses, by the names of nodes.
  public var podsOfNodes: [String: Set<IPAddress>]
  public var locust: Locust?
  /// What the network serves beside what it is told to: foreign rules are to have as many services to look through.
  public var clusterServices: [ServicePort]

  public init(
    accesses: [Access], clientNode: Host, serverNode: Host, clientPod: Host, serverPod: Host,
    spareServiceAddresses: IPPrefix, podNetwork: IPPrefix, serviceNetwork: IPPrefix? = nil,
    podsOfNodes: [String: Set<IPAddress>] = [:], locust: Locust? = nil, clusterServices: [ServicePort] = []
  ) {
    self.accesses = accesses
    self.clientNode = clientNode
    self.serverNode = serverNode
    self.clientPod = clientPod
    self.serverPod = serverPod
    self.spareServiceAddresses = spareServiceAddresses
    self.podNetwork = podNetwork
    self.serviceNetwork = serviceNetwork
    self.podsOfNodes = podsOfNodes
    self.locust = locust
    self.clusterServices = clusterServices
  }

  /// Who sends to whom on one of the five paths.
  func ends(of path: OverlayPath) -> (client: Host, server: Host) {
    switch path {
    case .nodeToNode: (clientNode, serverNode)
    case .podToPodVXLAN, .podToPodHostGateway: (clientPod, serverPod)
    case .podToNodeVXLAN, .podToNodeHostGateway: (clientPod, serverNode)
    }
  }
}
