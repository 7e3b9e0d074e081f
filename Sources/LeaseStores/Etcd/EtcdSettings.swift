import ClusterModel

/// Where etcd is, and how it is spoken to.
public struct EtcdSettings: Sendable {
  /// At least one; they are servers of the same cluster.
  public var endpoints: [EtcdEndpoint]
  /// What stands before `/config` and `/subnets`.
  public var prefix: String
  public var user: User?
  public var tls: TLS?
  /// How long a server may take for an answer.
  public var answerLimit: Duration = .seconds(5)
  /// How long a lease lives without being renewed.
  public var leaseTime: Duration = .seconds(86_400)
  /// How often a server is asked whether it still answers, while nothing changes.
  public var probeInterval: Duration = .seconds(10)
  /// The first and the longest pause between attempts to reach a server.
  public var pause: ClosedRange<Duration> = .milliseconds(200) ... .seconds(5)

  public struct User: Sendable {
    public var name: String
    public var password: String

    public init(name: String, password: String) {
      self.name = name
      self.password = password
    }
  }

  /// Files (PEM); none of the authorities': those that the system trusts.
  public struct TLS: Sendable {
    public var authorities: String?
    public var certificate: String?
    public var key: String?

    public init(authorities: String? = nil, certificate: String? = nil, key: String? = nil) {
      self.authorities = authorities
      self.certificate = certificate
      self.key = key
    }
  }

  /// - Parameter prefix: flannel's own, if not said.
  public init(
    endpoints: [EtcdEndpoint], prefix: String = "/coreos.com/network", user: User? = nil, tls: TLS? = nil
  ) {
    self.endpoints = endpoints
    self.prefix = String(prefix.reversed().drop { $0 == "/" }.reversed())
    self.user = user
    self.tls = tls
  }
}

/// The address of one server of etcd.
public struct EtcdEndpoint: Hashable, Sendable, CustomStringConvertible {
  public var host: String
  public var port: UInt16
  public var isSecure: Bool

  public init(host: String, port: UInt16 = 2379, isSecure: Bool = false) {
    self.host = host
    self.port = port
    self.isSecure = isSecure
  }

  /// Reads `http://host:2379`, `https://[fd00::1]:2379`, or a host alone; nil for anything else.
  public init?(_ text: some StringProtocol) {
    var rest = Substring(text)
    isSecure = rest.hasPrefix("https://")
    if let scheme = rest.firstRange(of: "://") {
      guard isSecure || rest.hasPrefix("http://") else { return nil }
      rest = rest[scheme.upperBound...]
    }
    if rest.hasSuffix("/") { rest = rest.dropLast() }
    if rest.hasPrefix("[") {
      guard let end = rest.firstIndex(of: "]") else { return nil }
      host = String(rest[rest.index(after: rest.startIndex)..<end])
      rest = rest[rest.index(after: end)...]
      guard host.contains(":") else { return nil }
    } else {
      host = String(rest.prefix { $0 != ":" })
      rest = rest.dropFirst(host.count)
    }
    guard !host.isEmpty, host.utf8.allSatisfy(Self.isOfHost) else { return nil }
    port = 2379
    if rest.isEmpty { return }
    guard rest.first == ":", rest.dropFirst().utf8.allSatisfy({ 0x30...0x39 ~= $0 }),
      let port = UInt16(rest.dropFirst()), port > 0
    else { return nil }
    self.port = port
  }

  private static func isOfHost(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"),
      UInt8(ascii: ":"), UInt8(ascii: "%"):
      true
    default: false
    }
  }

  /// `host:port`, as HTTP's header Host has it.
  var authority: String { (host.contains(":") ? "[\(host)]" : host) + ":\(port)" }

  public var description: String { (isSecure ? "https://" : "http://") + authority }
}
