/// Why a message is not taken: each is answered with a status, and counted by its name.
public enum HeadFault: String, Error, Hashable, Sendable, CaseIterable {
  /// Line ends other than CR LF, or bytes that may not stand in a head.
  case malformed
  case badMethod = "bad-method"
  case badTarget = "bad-target"
  case badVersion = "bad-version"
  case badField = "bad-field"
  /// None where there must be one, several, or one that is no host.
  case badHost = "bad-host"
  /// Several lengths, a length that is no number, or a length beside chunks: where the message ends is open to dispute.
  case ambiguousLength = "ambiguous-length"
  case unknownEncoding = "unknown-encoding"
  case targetTooLong = "target-too-long"
  case headTooLong = "head-too-long"
  case badChunk = "bad-chunk"
  /// Dot segments, by which rules and server might understand different paths.
  case pathClimbs = "path-climbs"
  case badStatus = "bad-status"

  /// The status of the answer to a request (RFC 9110, section 15).
  public var status: Int {
    switch self {
    case .targetTooLong: 414
    case .headTooLong: 431
    case .unknownEncoding: 501
    case .badVersion: 505
    default: 400
    }
  }
}

/// How large heads may be.
public struct HeadLimits: Hashable, Sendable {
  /// Bytes of the first line, from 128.
  public var line = 8_192
  /// Bytes of all of it, from 512.
  public var head = 65_536
  /// Fields, from 16.
  public var fields = 128

  public init() {}
}
