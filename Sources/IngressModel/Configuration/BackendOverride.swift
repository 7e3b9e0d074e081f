/// Where the servers of a service are, said on the command line: `[NAMESPACE/]NAME:PORT=HOST:PORT[,HOST:PORT…]`.
///
/// It goes before what the files say. One without a namespace is for services of that name and port in all of them; one
/// with a namespace goes before it.
public struct BackendOverride: Hashable, Sendable, CustomStringConvertible {
  public var namespace: String?
  public var name: String
  /// A number or a name, as the routes have it.
  public var port: String
  /// At least one; the scheme is the route's.
  public var servers: [Endpoint]

  /// A host and a port.
  public struct Endpoint: Hashable, Sendable {
    /// A name, or an address (IPv6 without brackets).
    public var host: String
    public var port: UInt16

    public init(host: String, port: UInt16) {
      self.host = host
      self.port = port
    }

    /// Reads `HOST:PORT`, an IPv6 address in brackets.
    public init?(_ text: some StringProtocol) {
      guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), port > 0 else {
        return nil
      }
      var host = String(text[..<colon])
      if host.hasPrefix("["), host.hasSuffix("]") {
        host = String(host.dropFirst().dropLast())
        guard ClientAddress(parsing: host) != nil else { return nil }
      } else {
        guard HostName.isPlausible(host) else { return nil }
      }
      self.init(host: host, port: port)
    }
  }

  /// Reads what stands behind `--backend`.
  public init(parsing text: String) throws(BackendOverrideError) {
    func refused(_ reason: String) -> BackendOverrideError { BackendOverrideError(text: text, reason: reason) }
    guard let equals = text.firstIndex(of: "=") else { throw refused("'=' is missing") }
    let subject = text[..<equals]
    guard let colon = subject.lastIndex(of: ":") else { throw refused("the service's port is missing before '='") }
    var name = subject[..<colon]
    if let slash = name.firstIndex(of: "/") {
      namespace = String(name[..<slash])
      name = name[name.index(after: slash)...]
    }
    self.name = String(name)
    port = String(subject[subject.index(after: colon)...])
    guard namespace?.isEmpty != true, !name.isEmpty, !name.contains("/"), !port.isEmpty else {
      throw refused("the service before '=' is not complete")
    }
    servers = []
    for part in text[text.index(after: equals)...].split(separator: ",", omittingEmptySubsequences: false) {
      guard let endpoint = Endpoint(part) else {
        throw refused("'\(part)' is no HOST:PORT, with an IPv6 address in brackets")
      }
      servers.append(endpoint)
    }
  }

  /// The service it is for.
  public var description: String { "\(namespace.map { "\($0)/" } ?? "")\(name):\(port)" }
}

/// What is wrong with a `--backend`.
public struct BackendOverrideError: Error, Hashable, CustomStringConvertible {
  public var text: String
  /// A sentence without its end.
  public var reason: String

  public var description: String {
    "'\(text)': \(reason); write [NAMESPACE/]NAME:PORT=HOST:PORT[,HOST:PORT...]"
  }
}
