/// What an ingress does with requests: routers choose a service, services choose a server.
public struct IngressConfiguration: Hashable, Sendable {
  /// In the order in which they were read.
  public var routers: [Router]
  /// By name; routers and weighted services name them.
  public var services: [String: BackendService]
  public var certificates: [CertificateFiles]
  /// What is no mistake, but may not be what was meant; to be logged.
  public var notes: [ConfigurationFinding]

  public init(
    routers: [Router] = [], services: [String: BackendService] = [:], certificates: [CertificateFiles] = [],
    notes: [ConfigurationFinding] = []
  ) {
    self.routers = routers
    self.services = services
    self.certificates = certificates
    self.notes = notes
  }
}

/// Where in a file something was read.
public struct SourcePlace: Hashable, Sendable, CustomStringConvertible {
  public var file: String
  /// From 1.
  public var line: Int

  public init(file: String, line: Int) {
    self.file = file
    self.line = line
  }

  public var description: String { "\(file):\(line)" }
}

/// One rule and the service of the requests that fulfil it.
public struct Router: Hashable, Sendable {
  /// Unique in a configuration; names the router in metrics and logs.
  public var name: String
  /// Names of the entry points it listens at; none: all of them.
  public var entryPoints: [String]
  public var rule: Rule
  /// Of the routers that match, the one with the highest priority takes the request.
  public var priority: Int
  public var service: String
  /// Whether it takes requests that came over TLS, and only these.
  public var isTLS: Bool
  public var source: SourcePlace

  public init(
    name: String, entryPoints: [String] = [], rule: Rule, priority: Int? = nil, service: String, isTLS: Bool = false,
    source: SourcePlace
  ) {
    self.name = name
    self.entryPoints = entryPoints
    self.rule = rule
    self.priority = priority ?? rule.text.utf8.count
    self.service = service
    self.isTLS = isTLS
    self.source = source
  }
}

/// A certificate chain and its key, as PEM files; the names it is for stand in the certificate.
public struct CertificateFiles: Hashable, Sendable, CustomStringConvertible {
  public var certificate: String
  public var key: String
  /// Whether the two are the PEM text itself, as a Secret of Kubernetes has it, and not paths.
  public var isInline: Bool
  /// Where a file of the configuration says so.
  public var place: SourcePlace?

  public init(certificate: String, key: String, isInline: Bool = false, place: SourcePlace? = nil) {
    self.certificate = certificate
    self.key = key
    self.isInline = isInline
    self.place = place
  }

  /// Its place and the paths; of keys in the text itself nothing, since it gets into logs.
  public var description: String {
    let place = place.map { "\($0): " } ?? ""
    return place + (isInline ? "the certificate" : "\(certificate), \(key)")
  }

  /// Wherever they are named.
  public static func == (one: Self, other: Self) -> Bool {
    (one.certificate, one.key, one.isInline) == (other.certificate, other.key, other.isInline)
  }

  public func hash(into hasher: inout Hasher) { hasher.combine(certificate) }
}
