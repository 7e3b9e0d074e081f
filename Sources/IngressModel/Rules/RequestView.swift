/// What rules ask of a request.
public protocol RequestView {
  /// Of the Host header or `:authority`: in lower case, without port and trailing dot.
  var host: String { get }
  /// In its plain spelling (``RequestPath``), without query.
  var path: String { get }
  /// What follows the question mark, if there is one.
  var query: Substring? { get }
  var method: String { get }
  /// The client's address: the connection's other end, or whom a PROXY protocol header names.
  var client: ClientAddress { get }
  /// All values of a header field, its name in any case.
  func values(of header: String) -> [String]
}

/// An IPv4 or IPv6 address as bytes; IPv4 mapped into IPv6 counts as IPv4.
public struct ClientAddress: Hashable, Sendable {
  /// 4 or 16 of them, in network order.
  public var bytes: [UInt8]

  public init?(bytes: [UInt8]) {
    guard bytes.count == 4 || bytes.count == 16 else { return nil }
    let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
    self.bytes = bytes.count == 16 && bytes.starts(with: mapped) ? Array(bytes[12...]) : bytes
  }
}
