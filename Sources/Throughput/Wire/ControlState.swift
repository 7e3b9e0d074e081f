/// The octet with which one side of a control connection tells the other what comes next.
public enum ControlState: Int8, Sendable {
  case testStart = 1
  case testRunning = 2
  case testEnd = 4
  case parameterExchange = 9
  case createStreams = 10
  case serverTerminate = 11
  case clientTerminate = 12
  case exchangeResults = 13
  case displayResults = 14
  case done = 16
  /// This product's own, before `parameterExchange`, and only to clients whose cookie asks for it.
  case extensionsKnown = 42
  /// The server serves somebody else, or does not know the cookie.
  case accessDenied = -1
  /// Two big-endian 32-bit numbers follow: `PeerError` and errno.
  case serverError = -2
}

/// The numbers by which iperf3 names errors over the wire, as far as they are sent here.
public enum PeerError: Int32, Sendable {
  case duration = 5
  case streams = 6
  case blockSize = 7
  case bufferSize = 8
  case segmentSize = 10
  case omit = 12
  case noSCTP = 18
  case typeOfService = 21
  case reverseAndBidirectional = 25
  case parameters = 114
  case results = 117
  case createStream = 200

  /// What it says, for people.
  public static func sentence(_ number: Int32) -> String {
    switch PeerError(rawValue: number) {
    case .duration: "the test is too long for it"
    case .streams: "too many streams for it"
    case .blockSize: "its blocks cannot be as long as asked for"
    case .bufferSize: "its socket buffers cannot be as large as asked for"
    case .segmentSize: "it does not take this segment size"
    case .omit: "it cannot omit that many seconds"
    case .noSCTP: "it has no SCTP"
    case .typeOfService: "it does not take this type of service"
    case .reverseAndBidirectional: "a test is either reverse or bidirectional"
    case .parameters: "it did not understand the test's parameters"
    case .results: "it did not understand the results"
    case .createStream: "it could not make a stream"
    case nil: "error \(number)"
    }
  }
}
