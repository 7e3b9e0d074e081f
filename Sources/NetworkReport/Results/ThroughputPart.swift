/// How much goes through each path, under each backend.
public struct ThroughputPart: Codable, Hashable, Sendable {
  /// The five paths, in the source document's order; node to node is the first.
  public var paths: [ThroughputPath]
  /// Each other path's throughput in each direction against node to node; `lossPercent` is the loss.
  public var againstNodeToNode: [PairedRatio]
  /// host-gw against vxlan: throughput, processor time per gigabit, round trip under load, in both directions.
  public var hostGatewayAgainstVXLAN: [PairedRatio]
  public var switches: [BackendSwitch]

  public init(
    paths: [ThroughputPath], againstNodeToNode: [PairedRatio] = [], hostGatewayAgainstVXLAN: [PairedRatio] = [],
    switches: [BackendSwitch] = []
  ) {
    self.paths = paths
    self.againstNodeToNode = againstNodeToNode
    self.hostGatewayAgainstVXLAN = hostGatewayAgainstVXLAN
    self.switches = switches
  }
}

/// The five paths of the source document.
public enum OverlayPath: String, Codable, CaseIterable, Hashable, Sendable {
  case nodeToNode = "node-to-node"
  case podToPodVXLAN = "pod-to-pod-vxlan"
  case podToNodeVXLAN = "pod-to-node-vxlan"
  case podToPodHostGateway = "pod-to-pod-host-gw"
  case podToNodeHostGateway = "pod-to-node-host-gw"

  /// flannel's word for the backend under which it is measured; nil: either.
  public var backend: String? {
    switch self {
    case .nodeToNode: nil
    case .podToPodVXLAN, .podToNodeVXLAN: "vxlan"
    case .podToPodHostGateway, .podToNodeHostGateway: "host-gw"
    }
  }

  /// For people, without the backend.
  public var route: String {
    switch self {
    case .nodeToNode: "node to node"
    case .podToPodVXLAN, .podToPodHostGateway: "pod to pod on another node"
    case .podToNodeVXLAN, .podToNodeHostGateway: "pod to another node"
    }
  }

  /// For people: `pod to pod on another node, vxlan`.
  public var title: String { route + (backend.map { ", \($0)" } ?? "") }
}

/// Who sends.
public enum TransferDirection: String, Codable, CaseIterable, Hashable, Sendable {
  case clientSends = "client sends"
  /// iperf3's -R.
  case serverSends = "server sends"
}

/// What went through one path.
public struct ThroughputPath: Codable, Hashable, Sendable {
  public var path: OverlayPath
  public var clientHost: String
  public var serverHost: String
  public var serverAddress: String
  /// One for each direction.
  public var directions: [DirectionFigures]
  /// Every single run, in the order in which they were made.
  public var runs: [ThroughputRun]

  public init(
    path: OverlayPath, clientHost: String, serverHost: String, serverAddress: String,
    directions: [DirectionFigures] = [], runs: [ThroughputRun] = []
  ) {
    self.path = path
    self.clientHost = clientHost
    self.serverHost = serverHost
    self.serverAddress = serverAddress
    self.directions = directions
    self.runs = runs
  }
}

/// One direction of a path over all rounds.
public struct DirectionFigures: Codable, Hashable, Sendable {
  public var direction: TransferDirection
  /// Without the first row of each run, in which TCP begins.
  public var gigabitsPerSecond: Estimate
  /// TCP segments that were sent again, for each gigabyte (10⁹ bytes) that arrived.
  public var retransmitsPerGigabyte: Estimate
  /// Seconds that all processors of the machine together were busy (/proc/stat, softirqs too), for each gigabit.
  public var machineBusySecondsPerGigabit: Estimate
  /// How much of the machine was busy during the run, 0 to 1.
  public var machineBusyShare: Estimate
  /// Medians of an echo's round trips on a connection beside the load: before the load, and during it.
  public var idleRoundTripMilliseconds: Estimate
  public var loadedRoundTripMilliseconds: Estimate
  /// The loading connection's own estimate, the median of a run's rows; where the client sends.
  public var tcpRoundTripMilliseconds: Estimate

  public init(
    direction: TransferDirection, gigabitsPerSecond: Estimate = Estimate(),
    retransmitsPerGigabyte: Estimate = Estimate(), machineBusySecondsPerGigabit: Estimate = Estimate(),
    machineBusyShare: Estimate = Estimate(), idleRoundTripMilliseconds: Estimate = Estimate(),
    loadedRoundTripMilliseconds: Estimate = Estimate(), tcpRoundTripMilliseconds: Estimate = Estimate()
  ) {
    self.direction = direction
    self.gigabitsPerSecond = gigabitsPerSecond
    self.retransmitsPerGigabyte = retransmitsPerGigabyte
    self.machineBusySecondsPerGigabit = machineBusySecondsPerGigabit
    self.machineBusyShare = machineBusyShare
    self.idleRoundTripMilliseconds = idleRoundTripMilliseconds
    self.loadedRoundTripMilliseconds = loadedRoundTripMilliseconds
    self.tcpRoundTripMilliseconds = tcpRoundTripMilliseconds
  }
}

/// One run of the instrument.
public struct ThroughputRun: Codable, Hashable, Sendable {
  public var round: Int
  public var direction: TransferDirection
  /// Of the whole report.
  public var startedSecondsAfterBeginning: Double
  /// The rows, one for each second or part of it.
  public var intervals: [TransferInterval]
  /// The summary's two lines.
  public var sender: TransferSummary?
  public var receiver: TransferSummary?
  /// Of all rows but the first, in which TCP begins.
  public var steadyBitsPerSecond: Double?
  public var congestionControl: String?
  /// What all processors of the machine did while those rows were counted, in seconds of one processor.
  public var machineBusySeconds: Double?
  public var machineBusySecondsPerGigabit: Double?
  public var machineBusyShare: Double?
  public var idleRoundTripMilliseconds: Double?
  public var loadedRoundTripMilliseconds: Double?
  public var tcpRoundTripMilliseconds: Double?
  public var failure: MeasurementFailure?

  public init(
    round: Int, direction: TransferDirection, startedSecondsAfterBeginning: Double,
    intervals: [TransferInterval] = [], sender: TransferSummary? = nil, receiver: TransferSummary? = nil,
    steadyBitsPerSecond: Double? = nil, congestionControl: String? = nil, machineBusySeconds: Double? = nil,
    machineBusySecondsPerGigabit: Double? = nil, machineBusyShare: Double? = nil,
    idleRoundTripMilliseconds: Double? = nil,
    loadedRoundTripMilliseconds: Double? = nil, tcpRoundTripMilliseconds: Double? = nil,
    failure: MeasurementFailure? = nil
  ) {
    self.round = round
    self.direction = direction
    self.startedSecondsAfterBeginning = startedSecondsAfterBeginning
    self.intervals = intervals
    self.sender = sender
    self.receiver = receiver
    self.steadyBitsPerSecond = steadyBitsPerSecond
    self.congestionControl = congestionControl
    self.machineBusySeconds = machineBusySeconds
    self.machineBusySecondsPerGigabit = machineBusySecondsPerGigabit
    self.machineBusyShare = machineBusyShare
    self.idleRoundTripMilliseconds = idleRoundTripMilliseconds
    self.loadedRoundTripMilliseconds = loadedRoundTripMilliseconds
    self.tcpRoundTripMilliseconds = tcpRoundTripMilliseconds
    self.failure = failure
  }
}

/// One row of a run: Interval, Transfer, Bitrate, Retr, Cwnd.
public struct TransferInterval: Codable, Hashable, Sendable {
  public var startSeconds: Double
  public var endSeconds: Double
  public var bytes: Double
  public var bitsPerSecond: Double
  /// Segments sent again; nil where the sender is the other side.
  public var retransmits: Int?
  public var congestionWindowBytes: Double?
  /// The sender's own estimate at the row's end (TCP_INFO); nil where the sender is the other side.
  public var tcpRoundTripMilliseconds: Double?

  public init(
    startSeconds: Double, endSeconds: Double, bytes: Double, bitsPerSecond: Double, retransmits: Int? = nil,
    congestionWindowBytes: Double? = nil, tcpRoundTripMilliseconds: Double? = nil
  ) {
    self.startSeconds = startSeconds
    self.endSeconds = endSeconds
    self.bytes = bytes
    self.bitsPerSecond = bitsPerSecond
    self.retransmits = retransmits
    self.congestionWindowBytes = congestionWindowBytes
    self.tcpRoundTripMilliseconds = tcpRoundTripMilliseconds
  }
}

/// A run's end as one side counted it.
public struct TransferSummary: Codable, Hashable, Sendable {
  public var seconds: Double
  public var bytes: Double
  public var bitsPerSecond: Double
  public var retransmits: Int?

  public init(seconds: Double, bytes: Double, bitsPerSecond: Double, retransmits: Int? = nil) {
    self.seconds = seconds
    self.bytes = bytes
    self.bitsPerSecond = bitsPerSecond
    self.retransmits = retransmits
  }
}

/// A live change of the backend.
public struct BackendSwitch: Codable, Hashable, Sendable {
  /// The round before whose runs it was; from 1.
  public var round: Int
  /// `vxlan` or `host-gw`.
  public var backend: String
  /// Until the nodes had the new routes, or why it failed.
  public var seconds: Double
  public var failure: MeasurementFailure?

  public init(round: Int, backend: String, seconds: Double, failure: MeasurementFailure? = nil) {
    self.round = round
    self.backend = backend
    self.seconds = seconds
    self.failure = failure
  }
}
