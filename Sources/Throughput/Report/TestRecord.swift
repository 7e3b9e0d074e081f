/// All that one side knows of a test: the values from which every form of report is made.
public struct TestRecord: Hashable, Sendable {
  public enum Side: Hashable, Sendable { case client, server }

  public struct StreamDescription: Hashable, Sendable {
    /// Its number in results, 1, 3, 4, …
    public var id: Int
    /// Its number in reports: the socket's.
    public var label: Int
    /// Whether this side sends.
    public var isSender: Bool
    public var local: Endpoint
    public var remote: Endpoint
  }

  public var side: Side
  public var parameters: TestParameters
  public var cookie = ""
  /// Whom the client connects to as it was given, or who was accepted.
  public var peer: Endpoint
  /// Octets of a segment of the control connection.
  public var controlSegment = 0
  /// Seconds since 1970.
  public var began: Int64 = 0
  public var sendBuffer = 0
  public var receiveBuffer = 0
  public var streams: [StreamDescription] = []
  public var intervals: [Interval] = []
  /// This side's count of each stream.
  public var totals: [StreamTotal] = []
  public var processor = ProcessorShare()
  public var congestion: String?
  public var remote: EndResults?
  public var latency: LatencyUnderLoad?
  /// Why the test ended before its time; what there is of it stays.
  public var error: String?
  /// Whether this side's operator ended it.
  public var wasInterrupted = false

  public init(side: Side, parameters: TestParameters, peer: Endpoint) {
    self.side = side
    self.parameters = parameters
    self.peer = peer
  }

  public var isComplete: Bool { error == nil && remote != nil }
}

/// What the streams did between two moments.
public struct Interval: Hashable, Sendable {
  /// Seconds since the test began to count, or since it began while nothing counts.
  public var start: Double
  public var end: Double
  public var isOmitted: Bool
  /// In the order of `TestRecord.streams`.
  public var samples: [Sample]

  public var seconds: Double { end - start }

  public struct Sample: Hashable, Sendable {
    public var bytes: UInt64 = 0
    public var packets: Int64 = 0
    public var lost: Int64 = 0
    public var outOfOrder: Int64 = 0
    /// Seconds, as it stood at the end.
    public var jitter: Double = 0
    public var retransmits: Int64 = 0
    /// How the connection stood at the end; only where this side sends by TCP.
    public var connection: Connection?
  }

  /// What TCP says of a connection's sender.
  public struct Connection: Hashable, Sendable {
    /// Octets.
    public var congestionWindow: UInt64 = 0
    public var sendWindow: UInt64 = 0
    /// Microseconds.
    public var rtt: UInt32 = 0
    public var rttVariance: UInt32 = 0
    /// Octets.
    public var pathMTU: UInt32 = 0
  }
}

/// One stream over the whole time that counts.
public struct StreamTotal: Hashable, Sendable {
  public var sample = Interval.Sample()
  /// Seconds.
  public var end = 0.0
  public var extremes = Extremes()

  /// The extremes over the intervals.
  public struct Extremes: Hashable, Sendable {
    public var congestionWindow: UInt64 = 0
    public var sendWindow: UInt64 = 0
    public var longestRTT: UInt32 = 0
    public var shortestRTT: UInt32 = 0
    public var meanRTT: UInt32 = 0
    var sum: UInt64 = 0
    var count: UInt64 = 0

    mutating func take(_ connection: Interval.Connection) {
      congestionWindow = max(congestionWindow, connection.congestionWindow)
      sendWindow = max(sendWindow, connection.sendWindow)
      longestRTT = max(longestRTT, connection.rtt)
      shortestRTT = count == 0 ? connection.rtt : min(shortestRTT, connection.rtt)
      sum &+= UInt64(connection.rtt)
      count &+= 1
      meanRTT = UInt32(clamping: sum / count)
    }
  }
}

/// Round trips of an echo beside the test, without load and under it.
public struct LatencyUnderLoad: Hashable, Sendable {
  /// Microseconds, in the order in which they were sent.
  public var idle: [Double] = []
  public var loaded: [Double] = []
  /// Echoes that had not come when the test was over; they would be the slowest.
  public var unanswered = 0

  public init() {}
}
