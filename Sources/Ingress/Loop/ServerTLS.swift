import NIOSSL

/// TLS towards servers, whose certificates must be the system's to trust and be for their names.
enum ServerTLS {
  private static let context = Result {
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.minimumTLSVersion = .tlsv12
    configuration.applicationProtocols = ["http/1.1"]
    return try NIOSSLContext(configuration: configuration)
  }

  /// - Parameter host: a name, or an address, which the certificate must have then.
  static func handler(for host: String) throws -> NIOSSLClientHandler {
    let isAddress = host.utf8.allSatisfy { $0 == 46 || $0 &- 48 < 10 } || host.utf8.contains(58)
    return try NIOSSLClientHandler(context: context.get(), serverHostname: isAddress ? nil : host)
  }
}
