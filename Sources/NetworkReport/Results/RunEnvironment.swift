/// The machine and the moment: what figures depend on beside the measured thing.
public struct RunEnvironment: Codable, Hashable, Sendable {
  public var machineName: String
  /// As `uname -r` prints it.
  public var kernel: String
  public var architecture: String
  public var processorModel: String
  public var processors: Int
  public var memoryBytes: UInt64?
  public var congestionControl: String?
  /// ISO 8601, in UTC.
  public var started: String
  /// Runnable processes on average before the run: of the last minute, five and fifteen.
  public var loadAverages: [Double]
  /// How much of the machine was busy in the moment before the run, 0 to 1.
  public var busyShareAtStart: Double?
  /// Programs and their versions: `svs`, `iproute2`, `nft`, `dnsmasq`.
  public var versions: [String: String]
  public var interfaces: [InterfaceSummary]
  /// What the report set on hosts for the time of its run.
  public var settings: [HostSetting]
  /// What a reader must know before believing the figures: a busy machine, offloads that are off.
  public var warnings: [String]

  public init(
    machineName: String, kernel: String, architecture: String, processorModel: String, processors: Int,
    memoryBytes: UInt64? = nil, congestionControl: String? = nil, started: String, loadAverages: [Double] = [],
    busyShareAtStart: Double? = nil, versions: [String: String] = [:], interfaces: [InterfaceSummary] = [],
    settings: [HostSetting] = [], warnings: [String] = []
  ) {
    self.machineName = machineName
    self.kernel = kernel
    self.architecture = architecture
    self.processorModel = processorModel
    self.processors = processors
    self.memoryBytes = memoryBytes
    self.congestionControl = congestionControl
    self.started = started
    self.loadAverages = loadAverages
    self.busyShareAtStart = busyShareAtStart
    self.versions = versions
    self.interfaces = interfaces
    self.settings = settings
    self.warnings = warnings
  }
}

/// An interface of a host at an end of the measured paths; packets need not go through it.
public struct InterfaceSummary: Codable, Hashable, Sendable {
  public var host: String
  public var name: String
  /// `veth`, `vxlan`, `bridge`; empty where the kernel has no word for it.
  public var kind: String
  public var mtuBytes: Int
  /// ethtool's words, those that are on: `tcp-segmentation-offload`.
  public var activeOffloads: [String]

  public init(host: String, name: String, kind: String, mtuBytes: Int, activeOffloads: [String] = []) {
    self.host = host
    self.name = name
    self.kind = kind
    self.mtuBytes = mtuBytes
    self.activeOffloads = activeOffloads
  }
}

/// A setting of the kernel that some hosts had while they were measured, and only then.
public struct HostSetting: Codable, Hashable, Sendable {
  /// As sysctl(8) calls it: `net.ipv4.tcp_tw_reuse`.
  public var name: String
  public var value: String
  public var valueBefore: String
  public var hosts: [String]

  public init(name: String, value: String, valueBefore: String, hosts: [String]) {
    self.name = name
    self.value = value
    self.valueBefore = valueBefore
    self.hosts = hosts
  }
}

/// The cluster that was measured.
public struct ClusterSummary: Codable, Hashable, Sendable {
  public struct Node: Codable, Hashable, Sendable {
    public var name: String
    public var address: String
    public var podSubnet: String

    public init(name: String, address: String, podSubnet: String) {
      self.name = name
      self.address = address
      self.podSubnet = podSubnet
    }
  }

  public struct Pod: Codable, Hashable, Sendable {
    public var name: String
    public var node: String
    public var address: String

    public init(name: String, node: String, address: String) {
      self.name = name
      self.node = node
      self.address = address
    }
  }

  public struct Service: Codable, Hashable, Sendable {
    public var name: String
    public var clusterIP: String
    public var port: Int
    public var nodePort: Int?
    public var endpoints: Int

    public init(name: String, clusterIP: String, port: Int, nodePort: Int? = nil, endpoints: Int) {
      self.name = name
      self.clusterIP = clusterIP
      self.port = port
      self.nodePort = nodePort
      self.endpoints = endpoints
    }
  }

  public var name: String
  /// Whether the cluster was made of network namespaces of one machine.
  public var isLab: Bool
  public var podNetwork: String
  public var nodes: [Node]
  public var pods: [Pod]
  public var services: [Service]

  public init(name: String, isLab: Bool, podNetwork: String, nodes: [Node], pods: [Pod], services: [Service]) {
    self.name = name
    self.isLab = isLab
    self.podNetwork = podNetwork
    self.nodes = nodes
    self.pods = pods
    self.services = services
  }
}
