import DataplaneTypes

/// All that is known of a packet on its way through the director.
///
/// In the kernel it lives in memory of the CPU's own: the steps of the path are functions that the verifier checks one
/// by one, and what one of them found out reaches the next by here.
public struct Passage {
  public var frame = Frame()
  public var reference = FlowReference.none
  public var way = Way()
  public var answer = Answer()
  /// The time, in ticks.
  public var tick: UInt32 = 0
  /// Whether this host sent the packet itself.
  public var isOwn = false
  /// The service that a connection is opened to, and its server (index + 1).
  public var service: UInt32 = 0
  public var choice: UInt32 = 0
  /// The persistence template, and its slot + 1 or 0 where there is none.
  public var template = FlowReference.none
  public var control: UInt32 = 0
  /// The hash of a SIP message's Call-ID, where persistence goes by it.
  public var call = svs_addr.zero
  public var hasCall = false

  /// Whether the flow table has the packet's flow; known where a connection is opened.
  public var hasFlow = true
  /// Which part of a packet this is, and that packet's identification.
  public var part = Part.whole
  public var identification: UInt32 = 0

  @inlinable @inline(__always) public init() {}
}

extension UnsafeMutablePointer<Passage> {
  /// What parsing found, read anew from memory.
  ///
  /// The verifier follows every path with what it knows of each value, and knows nothing of values in memory: where the
  /// ways through parsing meet again, reading keeps their number from multiplying.
  @inlinable var parsedFrame: UnsafePointer<Frame> {
    @inline(__always) get {
      let frame = pointer(to: \.frame).unsafelyUnwrapped
      return UnsafePointer(svs_opaque(frame).assumingMemoryBound(to: Frame.self))
    }
  }
}

extension UnsafePointer<Frame> {
  /// The key of the packet's flow, where it stands.
  @inlinable var flow: UnsafePointer<svs_flow_key> {
    @inline(__always) get { pointer(to: \.flow).unsafelyUnwrapped }
  }

  /// Whether it is an ICMP message, of either version.
  @inlinable var isICMP: Bool {
    @inline(__always) get {
      pointee.flow.proto == IPProtocol.icmp || pointee.flow.proto == IPProtocol.icmpv6
    }
  }
}

/// What comes next for a packet: a verdict, or another step of the path.
public enum Step: Int32 {
  case aborted = 0
  case drop
  case pass
  case transmit
  case redirect

  /// An ICMP message: is it an error about a connection? Or an SCTP packet, for the next step.
  case relate
  /// An error about a connection between address families: make it one of the other.
  case crossError
  /// A fragment: to which connection does its packet belong?
  case follow
  /// SYN on a connection's flow, or an SCTP packet: what the path of most packets need not know of.
  case revisit
  /// The packet belongs to no connection yet.
  case open
  /// It is for a persistent service: does its client have a server?
  case persist
  /// The scheduler picks a server.
  case schedule
  /// Its client gets a template, for the server that was picked.
  case keep
  /// Service and server are known: enter the connection.
  case enter
  /// It is one of FULLNAT: take a local address and port for it.
  case lease
  /// The connection's way has to be looked up.
  case route
  /// Its server is told of its client: change what comes before the stream.
  case amend
  /// All is known: rewrite and send.
  case forward
  /// Its connection is one between address families: make it one of the other.
  case cross
  /// The packet is as it is to arrive: put headers in front and send.
  case emit
  /// An ICMP message goes back.
  case answer

  @inlinable public init(_ verdict: Verdict) {
    self =
      switch verdict {
      case .aborted: .aborted
      case .drop: .drop
      case .pass: .pass
      case .transmit: .transmit
      case .redirect: .redirect
      }
  }

  @inlinable public var verdict: Verdict { Verdict(rawValue: rawValue) ?? .aborted }
}
