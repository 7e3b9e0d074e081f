/// What the two sides tell each other when the test is over.
public struct EndResults: Hashable, Sendable {
  /// One stream, as the side that tells it has seen it.
  public struct Stream: Hashable, Sendable {
    public var id: Int
    public var bytes: UInt64 = 0
    /// Segments; -1 from who does not know.
    public var retransmits: Int64 = -1
    /// Seconds.
    public var jitter: Double = 0
    /// Datagrams lost.
    public var errors: Int64 = 0
    public var packets: Int64 = 0
    /// Seconds since the test began to count.
    public var start: Double = 0
    public var end: Double = 0
    /// What TCP said at the sender; this product's own addition, which iperf3 passes over.
    public var extremes = StreamTotal.Extremes()

    public init(id: Int) { self.id = id }
  }

  public var processor = ProcessorShare()
  public var hasRetransmits = false
  public var congestion: String?
  /// What the server printed, where the client asked for it.
  public var serverText: String?
  public var serverJSON: JSON?
  public var streams: [Stream] = []

  public init() {}

  public func wireForm() -> JSON {
    func positive(_ value: UInt64) -> JSON? { value > 0 ? .integer(Int64(clamping: value)) : nil }
    return .object([
      "cpu_util_total": .number(processor.total),
      "cpu_util_user": .number(processor.user),
      "cpu_util_system": .number(processor.system),
      "sender_has_retransmits": .integer(hasRetransmits ? 1 : 0),
      "congestion_used": congestion.map { .string($0) },
      "server_output_text": serverText.map { .string($0) },
      "server_output_json": serverJSON,
      "streams": .array(
        streams.map { stream in
          .object([
            "id": .integer(Int64(stream.id)),
            "bytes": .integer(Int64(clamping: stream.bytes)),
            "retransmits": .integer(stream.retransmits),
            "jitter": .number(stream.jitter),
            "errors": .integer(stream.errors),
            "packets": .integer(stream.packets),
            "start_time": .number(stream.start),
            "end_time": .number(stream.end),
            "max_snd_cwnd": positive(stream.extremes.congestionWindow),
            "max_snd_wnd": positive(stream.extremes.sendWindow),
            "max_rtt": positive(UInt64(stream.extremes.longestRTT)),
            "min_rtt": positive(UInt64(stream.extremes.shortestRTT)),
            "mean_rtt": positive(UInt64(stream.extremes.meanRTT)),
          ])
        }),
    ])
  }

  /// Takes what the other side sent; a stream of which a number makes no sense is an error, for all would be doubtful.
  private static let mostCounted: Int64 = 1 << 53
  /// Seconds, or per cent.
  private static let mostMeasured = 1e7

  public init(wireForm json: JSON) throws(ThroughputError) {
    guard case .object = json, case .array(let list)? = json["streams"], list.count <= 2 * TestParameters.Limit.streams
    else { throw .protocolViolation("results without streams") }
    // What nobody can have measured is no measure: sums, products and shares of the rest are numbers that JSON has.
    func measure(_ value: JSON?) -> Double {
      guard let real = value?.real, 0...Self.mostMeasured ~= real else { return 0 }
      return (real * 1e9).rounded() / 1e9
    }
    processor = ProcessorShare(
      total: measure(json["cpu_util_total"]), user: measure(json["cpu_util_user"]),
      system: measure(json["cpu_util_system"]))
    hasRetransmits = json["sender_has_retransmits"]?.whole == 1
    congestion = json["congestion_used"]?.text
    serverText = json["server_output_text"]?.text
    serverJSON = json["server_output_json"]
    for element in list {
      guard let id = element["id"]?.whole, 1...1024 ~= id, let bytes = element["bytes"]?.whole,
        0...Self.mostCounted ~= bytes
      else {
        throw .protocolViolation("results of a stream without a number or octets")
      }
      var stream = Stream(id: Int(id))
      stream.bytes = UInt64(bytes)
      // What nobody can have counted is no count; sums of the others cannot overflow.
      func count(_ name: String, lowest: Int64 = 0) -> Int64? {
        element[name]?.whole.map { min(max($0, lowest), Self.mostCounted) }
      }
      stream.retransmits = count("retransmits", lowest: -1) ?? -1
      stream.jitter = measure(element["jitter"])
      stream.errors = count("errors", lowest: -1) ?? 0
      stream.packets = count("packets") ?? 0
      stream.start = measure(element["start_time"])
      stream.end = measure(element["end_time"])
      func positive(_ name: String) -> UInt64 { element[name]?.whole.map { UInt64(max(0, $0)) } ?? 0 }
      stream.extremes.congestionWindow = positive("max_snd_cwnd")
      stream.extremes.sendWindow = positive("max_snd_wnd")
      stream.extremes.longestRTT = UInt32(clamping: positive("max_rtt"))
      stream.extremes.shortestRTT = UInt32(clamping: positive("min_rtt"))
      stream.extremes.meanRTT = UInt32(clamping: positive("mean_rtt"))
      streams.append(stream)
    }
  }
}

/// How much of one processor a side used, per cent of the time; above 100 with several threads.
public struct ProcessorShare: Hashable, Sendable {
  public var total = 0.0
  public var user = 0.0
  public var system = 0.0
}

/// The numbers that streams have in results: 1, 3, 4, 5, …
enum StreamNumber {
  /// - Parameter index: from 0, in the order in which the streams were made.
  static func at(_ index: Int) -> Int { index == 0 ? 1 : index + 2 }
}
