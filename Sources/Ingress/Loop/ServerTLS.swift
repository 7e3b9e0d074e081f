import NIOSSL

/// TLS towards servers, whose certificates must be an authority's that is trusted, and be for their names.
struct ServerTLS: Sendable {
  private let context: NIOSSLContext

  /// - Parameter authorities: a file with their certificates (PEM); none: those that the system trusts.
  /// - Throws: why that cannot be read.
  init(authorities: String?) throws(CertificateStore.Fault) {
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.minimumTLSVersion = .tlsv12
    configuration.applicationProtocols = ["http/1.1"]
    do {
      if let authorities {
        let certificates = try NIOSSLCertificate.fromPEMFile(authorities)
        guard !certificates.isEmpty else { throw CertificateStore.Fault(description: "no certificate in it") }
        configuration.trustRoots = .certificates(certificates)
      }
      context = try NIOSSLContext(configuration: configuration)
    } catch { throw CertificateStore.Fault(description: "the authorities in \(authorities ?? "the system"): \(error)") }
  }

  /// - Parameter host: a name, or an address, which the certificate must have then.
  func handler(for host: String) throws -> NIOSSLClientHandler {
    let isAddress = host.utf8.allSatisfy { $0 == 46 || $0 &- 48 < 10 } || host.utf8.contains(58)
    return try NIOSSLClientHandler(context: context, serverHostname: isAddress ? nil : host)
  }
}
