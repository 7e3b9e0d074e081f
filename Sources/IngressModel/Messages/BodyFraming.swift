/// Where a message's body ends (RFC 9112, section 6.3).
public enum BodyFraming: Hashable, Sendable {
  case none
  case length(UInt64)
  case chunked
  /// With the connection: responses only.
  case untilClose
}
