import KernelDirector

/// Writes the connection table.
struct ConnectionListing<Names: NameService> {
  private var endpoints: EndpointNames<Names>
  private let withEngines: Bool

  init(_ options: CommandOptions, names: Names) {
    endpoints = EndpointNames(names: names, numeric: options.contains(.numeric))
    withEngines = options.contains(.persistentConnections)
  }

  /// Names that were looked up, for the next listing.
  var names: Names { endpoints.names }

  mutating func text(of connections: [ConnectionSnapshot]) -> String {
    var text = "IPVS connection entries\n"
    append(["pro", "expire", "state", "source", "virtual"], to: &text)
    if withEngines {
      text.append("destination", left: 19)
      text.append("pe name", left: 17)
      text += "pe_data\n"
    } else {
      text += "destination\n"
    }
    for connection in connections {
      let transport = connection.transport.forNames
      append(
        [
          connection.transport.listed, clock(connection.expiresIn), connection.state.listed,
          endpoints.text(connection.client, over: transport), endpoints.text(connection.virtual, over: transport),
        ], to: &text)
      text += endpoints.text(connection.destination, over: transport) + "\n"
    }
    return text
  }

  private func append(_ columns: [String], to text: inout String) {
    for (column, width) in zip(columns, [3, 6, 11, 18, 18]) {
      text.append(column, left: width)
      text += " "
    }
  }

  private func clock(_ seconds: UInt32) -> String {
    func two(_ value: UInt32) -> String { value < 10 ? "0\(value)" : String(value) }
    return "\(two(seconds / 60)):\(two(seconds % 60))"
  }
}

extension ConnectionProtocol {
  var listed: String {
    switch self {
    case .transport(let transport): transport.listed
    case .any: "IP"
    }
  }

  /// The protocol whose names ports are given; a template for any has no port to name.
  var forNames: TransportProtocol {
    switch self {
    case .transport(let transport): transport
    case .any: .tcp
    }
  }
}

extension ConnectionSnapshot.State {
  var listed: String {
    switch self {
    case .connection(let state): state.listed
    case .association(let state): state.listed
    case .template(let isAssured): isAssured ? "ASSURED" : "NONE"
    }
  }
}

extension AssociationState {
  /// The name that /proc/net/ip_vs_conn uses.
  var listed: String {
    switch self {
    case .none: "NONE"
    case .initiated1: "INIT1"
    case .initiated: "INIT"
    case .cookieSent: "C-SENT"
    case .cookieReplied: "C-REPLIED"
    case .cookieWait: "C-WAIT"
    case .cookie: "COOKIE"
    case .cookieEchoed: "C-ECHOED"
    case .established: "ESTABLISHED"
    case .shutdownSent: "S-SENT"
    case .shutdownReceived: "S-RECEIVED"
    case .shutdownAckSent: "S-ACK-SENT"
    case .rejected: "REJECTED"
    case .closed: "CLOSED"
    }
  }
}

extension ConnectionState {
  /// The name that /proc/net/ip_vs_conn uses.
  var listed: String {
    switch self {
    case .none: "NONE"
    case .established: "ESTABLISHED"
    case .synSent: "SYN_SENT"
    case .synReceived: "SYN_RECV"
    case .finWait: "FIN_WAIT"
    case .timeWait: "TIME_WAIT"
    case .closed: "CLOSE"
    case .closeWait: "CLOSE_WAIT"
    case .lastAck: "LAST_ACK"
    case .listen: "LISTEN"
    case .synAck: "SYNACK"
    case .udp, .udpDraining: "UDP"
    }
  }
}
