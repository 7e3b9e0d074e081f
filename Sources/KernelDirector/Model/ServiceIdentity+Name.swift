import Netlink

extension ServiceIdentity {
  /// Reads `tcp:ADDRESS:PORT`, `udp:…`, `sctp:…`, `fwmark:N` or `fwmark6:N`.
  public init?(named text: String) {
    guard let colon = text.firstIndex(of: ":") else { return nil }
    let rest = text[text.index(after: colon)...]
    let kind = text[..<colon].lowercased()
    if kind == "fwmark" || kind == "fwmark6" {
      guard let mark = UInt32(rest), mark != 0 else { return nil }
      self = .mark(mark, kind == "fwmark" ? .ipv4 : .ipv6)
      return
    }
    let transports: [String: TransportProtocol] = ["tcp": .tcp, "udp": .udp, "sctp": .sctp]
    guard let transport = transports[kind], let end = rest.lastIndex(of: ":"),
      let port = UInt16(rest[rest.index(after: end)...])
    else { return nil }
    var host = rest[..<end]
    if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
    guard let address = IPAddress(host) else { return nil }
    self = .address(transport, Endpoint(address, port: port))
  }

  /// The same words.
  public var named: String {
    switch self {
    case .mark(let mark, let family): return "fwmark\(family == .ipv6 ? "6" : ""):\(mark)"
    case .address(let transport, let endpoint):
      let name =
        switch transport {
        case .tcp: "tcp"
        case .udp: "udp"
        case .sctp: "sctp"
        }
      let host = endpoint.address.family == .ipv4 ? "\(endpoint.address)" : "[\(endpoint.address)]"
      return "\(name):\(host):\(endpoint.port)"
    }
  }
}
