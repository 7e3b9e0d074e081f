import Glibc
import IngressModel
import NIOCore
import NIOSSL

/// The certificates of one configuration, by the names that they are for.
public struct CertificateStore: Sendable {
  /// Why a certificate is not taken.
  public struct Fault: Error, Hashable, CustomStringConvertible {
    public var description: String
  }

  private var byName: [String: NIOSSLContext] = [:]
  private var fallback: NIOSSLContext?

  /// - Throws: what is wrong with which file.
  public init(_ certificates: [CertificateFiles]) throws(Fault) {
    for files in certificates {
      let context: NIOSSLContext
      let names: [String]
      do {
        let chain =
          files.isInline
          ? try NIOSSLCertificate.fromPEMBytes(Array(files.certificate.utf8))
          : try NIOSSLCertificate.fromPEMFile(files.certificate)
        guard let leaf = chain.first else { throw Fault(description: "\(files): no certificate in it") }
        let key =
          files.isInline
          ? try NIOSSLPrivateKey(bytes: Array(files.key.utf8), format: .pem)
          : try NIOSSLPrivateKey(file: files.key, format: .pem)
        var configuration = TLSConfiguration.makeServerConfiguration(
          certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["h2", "http/1.1"]
        context = try NIOSSLContext(configuration: configuration)
        names = leaf._subjectAlternativeNames().compactMap { name in
          name.nameType == .dnsName ? String(decoding: name.contents, as: UTF8.self).lowercased() : nil
        }
      } catch let error as Fault { throw error } catch {
        throw Fault(description: "\(files.isInline ? "a Secret" : "\(files.certificate), \(files.key)"): \(error)")
      }
      for name in names where byName[name] == nil { byName[name] = context }
      if fallback == nil { fallback = context }
    }
  }

  /// The certificate for a name that a client asked for: one of that very name, one with a star for its first label
  /// (RFC 6125, section 6.4.3), or the first there is.
  func context(for name: String?) -> NIOSSLContext? {
    guard let name = name?.lowercased() else { return fallback }
    if let exact = byName[name] { return exact }
    if let dot = name.firstIndex(of: "."), let wild = byName["*\(name[dot...])"] { return wild }
    return fallback
  }
}
