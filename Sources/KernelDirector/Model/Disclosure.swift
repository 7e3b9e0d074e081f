import DataplaneTypes

/// How a service's FULLNAT servers learn which client is behind the director's address.
public struct Disclosure: Hashable, Sendable {
  public enum Method: String, CaseIterable, Sendable {
    case none
    /// A TCP option of kind 254 in the first segments, for servers that have a module for it.
    case toa
    /// A line of text, or a binary header, before the stream (HAProxy's PROXY protocol).
    case proxyV1 = "proxy-v1"
    case proxyV2 = "proxy-v2"
  }

  public var method: Method
  /// Whether a TOA option that the client sends itself reaches the server: for clients that are balancers.
  public var keepsClientsTOA: Bool

  public init(_ method: Method = .none, keepsClientsTOA: Bool = false) {
    self.method = method
    self.keepsClientsTOA = keepsClientsTOA
  }

  /// Whether a service's connections can carry it: TOA and the PROXY protocol are parts of TCP.
  public func suits(_ service: ServiceIdentity) -> Bool {
    if case .address(let transport, _) = service, transport != .tcp { return method == .none }
    return true
  }

  init(bits: UInt32) {
    method =
      switch bits & UInt32(SVS_DISCLOSE_KIND) {
      case UInt32(SVS_DISCLOSE_TOA): .toa
      case UInt32(SVS_DISCLOSE_PROXY_1): .proxyV1
      case UInt32(SVS_DISCLOSE_PROXY_2): .proxyV2
      default: .none
      }
    keepsClientsTOA = bits & UInt32(SVS_DISCLOSE_KEEP) != 0
  }

  var bits: UInt32 {
    let kind =
      switch method {
      case .none: SVS_DISCLOSE_NOTHING
      case .toa: SVS_DISCLOSE_TOA
      case .proxyV1: SVS_DISCLOSE_PROXY_1
      case .proxyV2: SVS_DISCLOSE_PROXY_2
      }
    return UInt32(kind) | (keepsClientsTOA ? UInt32(SVS_DISCLOSE_KEEP) : 0)
  }
}

/// A service's disclosure as it stands.
public struct DisclosureSnapshot: Sendable {
  public var service: ServiceIdentity
  public var disclosure: Disclosure
  /// Servers that see their clients anyhow, by another forwarding method, and are told nothing.
  public var otherServers: Int
}
