/// A connection's state, named as IPVS names it.
public enum ConnectionState: UInt8, Hashable, Sendable {
  case none = 0
  case established = 1
  case synSent = 2
  case synReceived = 3
  case finWait = 4
  case timeWait = 5
  case closed = 6
  case closeWait = 7
  case lastAck = 8
  case listen = 9
  case synAck = 10
  case udp = 11
  /// UDP whose server has weight 0.
  case udpDraining = 12
}

/// An SCTP association's state, named as IPVS names it.
public enum AssociationState: UInt8, Hashable, Sendable, CaseIterable {
  case none = 0
  case initiated1 = 1
  case initiated = 2
  case cookieSent = 3
  case cookieReplied = 4
  case cookieWait = 5
  case cookie = 6
  case cookieEchoed = 7
  case established = 8
  case shutdownSent = 9
  case shutdownReceived = 10
  case shutdownAckSent = 11
  case rejected = 12
  case closed = 13
}

/// What an entry of the connection table is about.
public enum ConnectionProtocol: Hashable, Sendable {
  case transport(TransportProtocol)
  /// Any: a template of a service by firewall mark.
  case any
}

/// An entry of the connection table.
public struct ConnectionSnapshot: Sendable {
  public enum State: Hashable, Sendable {
    case connection(ConnectionState)
    case association(AssociationState)
    /// A persistence template; assured once a connection under it has been answered.
    case template(isAssured: Bool)
  }

  public var transport: ConnectionProtocol
  public var state: State
  public var client: Endpoint
  public var virtual: Endpoint
  public var destination: Endpoint
  /// Whole seconds until the entry expires.
  public var expiresIn: UInt32
  /// How packets reach the server; nil of a template.
  public var method: ForwardingMethod?
  /// Under FULLNAT the director's address and port that the server sees in place of the client's.
  public var local: Endpoint?

  public init(
    transport: ConnectionProtocol, state: State, client: Endpoint, virtual: Endpoint, destination: Endpoint,
    expiresIn: UInt32
  ) {
    self.transport = transport
    self.state = state
    self.client = client
    self.virtual = virtual
    self.destination = destination
    self.expiresIn = expiresIn
  }
}
