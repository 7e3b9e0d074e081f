import HostSystem

/// What can end a test, in sentences for people.
public enum ThroughputError: Error, Hashable, Sendable {
  case resolution(host: String, reason: String)
  case connection(String, SystemError)
  case listening(String, SystemError)
  case system(SystemError)
  /// More streams than this process may have files open.
  case tooManyStreams(Int, files: UInt64, limit: UInt64)
  /// The server serves another client. Only iperf3's does that; this product's serves many.
  case busy
  case peerVanished(String)
  case peerFailed(code: Int32, errno: Int32)
  case peerTerminated(String)
  case silent(String)
  case protocolViolation(String)
  case refused(PeerError, String)
  case interrupted(String)
}

extension ThroughputError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .resolution(let host, let reason): "cannot find the address of \(host): \(reason)"
    case .connection(let peer, let error): "unable to connect to \(peer): \(error.reason)"
    case .listening(let place, let error): "unable to listen on \(place): \(error.reason)"
    case .system(let error): error.description
    case .tooManyStreams(let streams, let files, let limit):
      "\(streams) streams need \(files) open files, and this process may have \(limit) (ulimit -Hn); "
        + "raise that limit, or take fewer streams"
    case .busy: "the server is busy running a test of somebody else; try again later"
    case .peerVanished(let what): "\(what) has closed the control connection before the test was over"
    case .peerFailed(let code, let number):
      "the server reports an error: \(PeerError.sentence(code))\(number == 0 ? "" : ", " + errnoText(number))"
    case .peerTerminated(let who): "\(who) has ended the test"
    case .silent(let what): "\(what)"
    case .protocolViolation(let what): "the peer does not speak iperf3's protocol: \(what)"
    case .refused(_, let why): "refused the test: \(why)"
    case .interrupted(let who): "interrupted: \(who) has ended the test"
    }
  }
}

extension SystemError {
  var reason: String { errnoText(code) }
}
