/// What a ClusterIP costs by itself: against the pod's own address, and by our hooks against nftables rules.
public struct ServiceCostPart: Codable, Hashable, Sendable {
  /// flannel's word for the backend under which all of it is measured.
  public var backend: String
  public var variants: [ServiceVariant]
  /// Variants against each other, with their goals where there are some.
  public var comparisons: [PairedRatio]
  /// New connections as services grow.
  public var scaling: [ServiceScalingPoint]
  /// New connections per second: by our hooks with most services against with fewest, by nftables rules likewise, and by
  /// our hooks against the rules of as many services.
  public var scalingComparisons: [PairedRatio]

  public init(
    backend: String, variants: [ServiceVariant], comparisons: [PairedRatio] = [], scaling: [ServiceScalingPoint] = [],
    scalingComparisons: [PairedRatio] = []
  ) {
    self.backend = backend
    self.variants = variants
    self.comparisons = comparisons
    self.scaling = scaling
    self.scalingComparisons = scalingComparisons
  }
}

/// How a pod is reached, and what stands in the way.
public enum ServiceAccess: String, Codable, CaseIterable, Hashable, Sendable {
  /// The pod's address, with none of our programs attached.
  case podIPDetached = "pod-ip-detached"
  /// The pod's address, with our programs attached and idle.
  case podIPAttached = "pod-ip-attached"
  /// The ClusterIP, translated by our hooks when the pod connects: its packets pass no director.
  case clusterIPHooks = "cluster-ip-hooks"
  /// The ClusterIP, served by nftables rules as kube-proxy writes them.
  case clusterIPNFTables = "cluster-ip-nftables"

  /// For people: `ClusterIP, our hooks`.
  public var title: String {
    switch self {
    case .podIPDetached: "pod IP, nothing attached"
    case .podIPAttached: "pod IP, programs attached"
    case .clusterIPHooks: "ClusterIP, our hooks"
    case .clusterIPNFTables: "ClusterIP, nftables rules"
    }
  }
}

/// One way to reach a pod, measured in three respects.
public struct ServiceVariant: Codable, Hashable, Sendable {
  public var access: ServiceAccess
  public var clientHost: String
  /// What the client addresses.
  public var address: String
  public var gigabitsPerSecond: Estimate
  public var machineBusySecondsPerGigabit: Estimate
  /// `time_total` of requests on new connections.
  public var medianRequestMicroseconds: Estimate
  public var p99RequestMicroseconds: Estimate
  /// Requests a second, each on a connection of its own.
  public var newConnectionsPerSecond: Estimate
  public var failures: [MeasurementFailure]

  public init(
    access: ServiceAccess, clientHost: String, address: String, gigabitsPerSecond: Estimate = Estimate(),
    machineBusySecondsPerGigabit: Estimate = Estimate(), medianRequestMicroseconds: Estimate = Estimate(),
    p99RequestMicroseconds: Estimate = Estimate(), newConnectionsPerSecond: Estimate = Estimate(),
    failures: [MeasurementFailure] = []
  ) {
    self.access = access
    self.clientHost = clientHost
    self.address = address
    self.gigabitsPerSecond = gigabitsPerSecond
    self.machineBusySecondsPerGigabit = machineBusySecondsPerGigabit
    self.medianRequestMicroseconds = medianRequestMicroseconds
    self.p99RequestMicroseconds = p99RequestMicroseconds
    self.newConnectionsPerSecond = newConnectionsPerSecond
    self.failures = failures
  }
}

/// New connections through a ClusterIP among so many services.
public struct ServiceScalingPoint: Codable, Hashable, Sendable {
  /// `clusterIPHooks` or `clusterIPNFTables`.
  public var access: ServiceAccess
  public var services: Int
  public var endpointsPerService: Int
  public var newConnectionsPerSecond: Estimate
  /// How long it took to write all these services' rules on a node; of our hooks, the fastest of the rounds, for all
  /// nodes.
  public var secondsToInstall: Double?
  public var failures: [MeasurementFailure]

  public init(
    access: ServiceAccess, services: Int, endpointsPerService: Int, newConnectionsPerSecond: Estimate = Estimate(),
    secondsToInstall: Double? = nil, failures: [MeasurementFailure] = []
  ) {
    self.access = access
    self.services = services
    self.endpointsPerService = endpointsPerService
    self.newConnectionsPerSecond = newConnectionsPerSecond
    self.secondsToInstall = secondsToInstall
    self.failures = failures
  }
}
