import Dataplane
import KernelDirector

/// What the packet path decided on a packet, and from what.
public struct Decision: Sendable {
  public enum Outcome: String, Sendable {
    case forwarded
    /// By an ICMP message to its sender.
    case answered
    case dropped
    /// To the kernel's own network stack.
    case passed
  }

  /// Why a packet has its server.
  public enum Reason: Sendable {
    /// It belongs to a connection, as this was before the packet.
    case connection(ConnectionSnapshot)
    /// Its client has a server by persistence.
    case template
    case scheduler
    /// It has none.
    case none
  }

  /// A server at the moment of a choice.
  public struct Candidate: Sendable {
    public var server: Endpoint
    public var weight: UInt32
    public var active: UInt32
    public var inactive: UInt32
    /// What the scheduler compared, to be divided by the weight where it takes weights into account; nil where it
    /// compared nothing, and for servers that take no connections.
    public var overhead: UInt64?
    /// Above its upper threshold, and not yet below its lower one.
    public var isOverloaded: Bool
    public var isChosen: Bool
  }

  /// Where a packet leaves.
  public struct Way: Sendable {
    public var interface: UInt32
    public var nextHop: IPAddress?
    /// Whether the neighbour's hardware address is known.
    public var isResolved: Bool
  }

  /// Nanoseconds since the simulation began.
  public var time: UInt64
  public var transport: TransportProtocol
  public var source: Endpoint
  public var destination: Endpoint
  public var flags: TCPFlags
  /// The type of SCTP's chunk that counts.
  public var chunk: UInt8?
  public var mark: UInt32
  public var outcome: Outcome
  public var reason = Reason.none
  public var isFromServer = false
  /// The service that a connection was to be opened to.
  public var service: ServiceIdentity?
  public var settings: ServiceSettings?
  /// Whether the packet opened a connection.
  public var isOpening = false
  public var server: Endpoint?
  public var method: ForwardingMethod?
  /// Under FULLNAT the director's address and port that the server sees in place of the client's.
  public var local: Endpoint?
  /// The connection's state after the packet; nil where none is in the table.
  public var state: ConnectionState?
  /// The service's servers before the choice, in the scheduler's order.
  public var candidates: [Candidate] = []
  /// The counters that went up: as `svs status --drops` names them.
  public var events: [String] = []
  /// Where the packet was routed; nil where the connection knew its way.
  public var way: Way?

  /// Whether anybody had to decide: the packet belonged to no connection, and was for a service.
  public var isChoice: Bool { service != nil }
}

extension Decision {
  /// What a packet says: TCP's flags, or SCTP's chunk; nothing of UDP.
  public var saying: String {
    guard let chunk else { return flags.names }
    switch chunk {
    case SCTPChunk.data: return "DATA"
    case SCTPChunk.initiation: return "INIT"
    case SCTPChunk.initiationAck: return "INIT ACK"
    case SCTPChunk.selectiveAck: return "SACK"
    case SCTPChunk.abort: return "ABORT"
    case SCTPChunk.shutdown: return "SHUTDOWN"
    case SCTPChunk.shutdownAck: return "SHUTDOWN ACK"
    case SCTPChunk.error: return "ERROR"
    case SCTPChunk.cookieEcho: return "COOKIE ECHO"
    case SCTPChunk.cookieAck: return "COOKIE ACK"
    case SCTPChunk.shutdownComplete: return "SHUTDOWN COMPLETE"
    default: return "chunk \(chunk)"
    }
  }
}

extension TCPFlags {
  /// The flags by their names, joined by plus signs.
  public var names: String {
    let all: [(TCPFlags, String)] = [(.syn, "SYN"), (.fin, "FIN"), (.rst, "RST"), (.ack, "ACK")]
    return all.filter { contains($0.0) }.map(\.1).joined(separator: "+")
  }
}

extension Endpoint {
  /// `10.9.9.1:80`, `[fd00::1]:80`.
  public var text: String {
    address.family == .ipv4 ? "\(address):\(port)" : "[\(address)]:\(port)"
  }

  /// Reads what `text` writes; nil for anything else.
  public init?(text: some StringProtocol) {
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else { return nil }
    var host = text[..<colon]
    if host.first == "[" {
      guard host.last == "]" else { return nil }
      host = host.dropFirst().dropLast()
      guard let address = IPAddress(host), address.family == .ipv6 else { return nil }
      self.init(address, port: port)
    } else {
      guard let address = IPAddress(host), address.family == .ipv4 else { return nil }
      self.init(address, port: port)
    }
  }
}
