/// What a client asks of a test; it goes to the server as JSON.
public struct TestParameters: Hashable, Sendable {
  public enum Transport: Hashable, Sendable { case tcp, udp }

  /// Who sends.
  public enum Direction: Hashable, Sendable {
    case forward, reverse, bidirectional
  }

  /// What iperf3 3.12 takes at most, and what this product takes too.
  public enum Limit {
    public static let streams = 128
    public static let duration = 86_400
    public static let omitted = 60
    public static let block = 1 << 20
    public static let datagram = 16...65_507
    public static let window = 512 << 20
    public static let segment = 9_216
  }

  public var transport = Transport.tcp
  public var direction = Direction.forward
  /// Seconds; 0 where octets or blocks say when the test is over.
  public var duration = 10
  /// Seconds at the beginning that do not count.
  public var omitted = 0
  /// Octets after which the test is over, all streams together; 0 for none.
  public var bytes: UInt64 = 0
  /// Blocks after which the test is over, all streams together; 0 for none.
  public var blocks: UInt64 = 0
  /// In one direction; a bidirectional test has twice as many.
  public var streams = 1
  /// Octets of one write, and of one datagram's payload.
  public var blockSize = 128 << 10
  /// Bits a second of one stream; 0 for as fast as it goes.
  public var rate: UInt64 = 0
  /// Blocks that are sent without a pause under a `rate`; 0 for one.
  public var burst = 0
  /// Octets of the socket buffers; 0 for the kernel's own.
  public var window = 0
  /// Octets of a TCP segment; 0 for the kernel's own.
  public var segmentSize = 0
  public var noDelay = false
  /// The octet of IPv4's type of service and IPv6's traffic class.
  public var typeOfService = 0
  /// Bits a second to which the kernel paces; 0 for none.
  public var pacingRate: UInt64 = 0
  public var congestion: String?
  public var zeroCopy = false
  public var doNotFragment = false
  public var wideCounters = false
  public var repeatingPayload = false
  public var wantsServerOutput = false
  public var title: String?
  public var extraData: String?
  public var clientVersion: String?

  public init() {}

  /// iperf3's rate for datagrams where none was given, bits a second.
  public static let datagramRate: UInt64 = 1 << 20

  public func wireForm() -> JSON {
    .object([
      (transport == .tcp ? "tcp" : "udp"): .bool(true),
      "omit": .integer(Int64(omitted)),
      "time": .integer(Int64(duration)),
      "num": .integer(Int64(clamping: bytes)),
      "blockcount": .integer(Int64(clamping: blocks)),
      "MSS": segmentSize > 0 ? .integer(Int64(segmentSize)) : nil,
      "nodelay": noDelay ? .bool(true) : nil,
      "parallel": .integer(Int64(streams)),
      "reverse": direction == .reverse ? .bool(true) : nil,
      "bidirectional": direction == .bidirectional ? .bool(true) : nil,
      "window": window > 0 ? .integer(Int64(window)) : nil,
      "len": .integer(Int64(blockSize)),
      "bandwidth": rate > 0 ? .integer(Int64(clamping: rate)) : nil,
      "fqrate": pacingRate > 0 ? .integer(Int64(clamping: pacingRate)) : nil,
      "pacing_timer": .integer(1000),
      "burst": burst > 0 ? .integer(Int64(burst)) : nil,
      "TOS": typeOfService > 0 ? .integer(Int64(typeOfService)) : nil,
      "title": title.map { .string($0) },
      "extra_data": extraData.map { .string($0) },
      "congestion": congestion.map { .string($0) },
      "congestion_used": congestion.map { .string($0) },
      "get_server_output": wantsServerOutput ? .integer(1) : nil,
      "udp_counters_64bit": wideCounters ? .integer(1) : nil,
      "repeating_payload": repeatingPayload ? .integer(1) : nil,
      "zerocopy": zeroCopy ? .integer(1) : nil,
      "dont_fragment": doNotFragment ? .integer(1) : nil,
      "client_version": clientVersion.map { .string($0) },
    ])
  }

  /// Takes what a client sent, if a test of that kind can be served.
  ///
  /// - Throws: `ThroughputError.refused` with the number that says it to an iperf3.
  public init(wireForm json: JSON) throws(ThroughputError) {
    guard case .object = json else { throw .refused(.parameters, "the parameters are no JSON object") }
    if json["sctp"]?.isTrue == true { throw .refused(.noSCTP, "SCTP is not served") }
    let isDatagrams = json["udp"]?.isTrue == true
    transport = isDatagrams ? .udp : .tcp

    /// A whole number within bounds; `otherwise` where the client said nothing.
    func number(
      _ name: String, in range: ClosedRange<Int64>, otherwise: Int64, _ error: PeerError = .parameters
    ) throws(ThroughputError) -> Int64 {
      guard let value = json[name] else { return otherwise }
      guard let whole = value.whole, range.contains(whole) else {
        throw .refused(error, "\(name) is \(value.compact.prefix(40)), not \(range.lowerBound) to \(range.upperBound)")
      }
      return whole
    }
    func flag(_ name: String) -> Bool { json[name]?.isTrue == true }
    func words(_ name: String) -> String? { json[name]?.text.map { String($0.prefix(1024)) } }

    duration = Int(try number("time", in: 0...Int64(Limit.duration), otherwise: 10, .duration))
    omitted = Int(try number("omit", in: 0...Int64(Limit.omitted), otherwise: 0, .omit))
    bytes = UInt64(try number("num", in: 0...Int64.max, otherwise: 0))
    blocks = UInt64(try number("blockcount", in: 0...Int64.max, otherwise: 0))
    streams = Int(try number("parallel", in: 1...Int64(Limit.streams), otherwise: 1, .streams))
    let sizes = isDatagrams ? Limit.datagram : 1...Limit.block
    blockSize = Int(
      try number(
        "len", in: Int64(sizes.lowerBound)...Int64(sizes.upperBound), otherwise: isDatagrams ? 1460 : 128 << 10,
        .blockSize))
    rate = UInt64(try number("bandwidth", in: 0...Int64.max, otherwise: 0))
    pacingRate = UInt64(try number("fqrate", in: 0...Int64.max, otherwise: 0))
    burst = Int(try number("burst", in: 0...1000, otherwise: 0))
    window = Int(try number("window", in: 0...Int64(Limit.window), otherwise: 0, .bufferSize))
    segmentSize = Int(try number("MSS", in: 0...Int64(Limit.segment), otherwise: 0, .segmentSize))
    typeOfService = Int(try number("TOS", in: 0...255, otherwise: 0, .typeOfService))
    if flag("reverse"), flag("bidirectional") {
      throw .refused(.reverseAndBidirectional, "both reverse and bidirectional")
    }
    direction = flag("bidirectional") ? .bidirectional : flag("reverse") ? .reverse : .forward
    noDelay = flag("nodelay")
    zeroCopy = flag("zerocopy")
    doNotFragment = flag("dont_fragment")
    wideCounters = flag("udp_counters_64bit")
    repeatingPayload = flag("repeating_payload")
    wantsServerOutput = flag("get_server_output")
    congestion = words("congestion")
    title = words("title")
    extraData = words("extra_data")
    clientVersion = words("client_version")
  }
}
