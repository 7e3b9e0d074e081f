import KernelDirector

/// Writes endpoints as a listing shows them: by name where there is one, or by number.
struct EndpointNames<Names: NameService> {
  var names: Names
  let numeric: Bool

  /// Ports have names under a transport protocol only: those behind a firewall mark stay numbers.
  mutating func text(_ endpoint: Endpoint, over transport: TransportProtocol?) -> String {
    var host: String?
    var port: String?
    if !numeric {
      host = names.host(at: endpoint.address)
      port = transport.flatMap { names.service(at: endpoint.port, over: $0) }
    }
    let address = host ?? endpoint.address.description
    let suffix = port ?? String(endpoint.port)
    let text = endpoint.address.family == .ipv6 ? "[\(address)]:\(suffix)" : "\(address):\(suffix)"
    return text.cut(to: Self.longest)
  }

  /// ipvsadm has room for 60 bytes, one of them the end.
  private static var longest: Int { 59 }
}

extension ServiceIdentity {
  /// The protocol whose port names apply.
  var transport: TransportProtocol? {
    if case .address(let transport, _) = self { transport } else { nil }
  }

  var family: IPAddress.Family {
    switch self {
    case .address(_, let endpoint): endpoint.address.family
    case .mark(_, let family): family
    }
  }
}
