import Glibc
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
    var faults: [String] = []
    for files in certificates {
      let context: NIOSSLContext
      let names: [String]
      do {
        let chain = try Self.part(of: files, files.certificate, "certificate") {
          files.isInline
            ? try NIOSSLCertificate.fromPEMBytes(Array($0.utf8)) : try NIOSSLCertificate.fromPEMFile($0)
        }
        guard let leaf = chain.first else { throw Fault(description: "\(files): there is no certificate in it") }
        let key = try Self.part(of: files, files.key, "private key") {
          files.isInline
            ? try NIOSSLPrivateKey(bytes: Array($0.utf8), format: .pem)
            : try NIOSSLPrivateKey(file: $0, format: .pem)
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
          certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["h2", "http/1.1"]
        context = try NIOSSLContext(configuration: configuration)
        names = leaf._subjectAlternativeNames().compactMap { name in
          name.nameType == .dnsName ? String(decoding: name.contents, as: UTF8.self).lowercased() : nil
        }
      } catch let error as Fault {
        faults.append(error.description)
        continue
      } catch {
        faults.append("\(files): the private key is not the certificate's")
        continue
      }
      for name in names where byName[name] == nil { byName[name] = context }
      if fallback == nil { fallback = context }
    }
    if !faults.isEmpty { throw Fault(description: faults.joined(separator: "\n")) }
  }

  /// One of the two, from its file or its text.
  private static func part<Part>(
    of files: CertificateFiles, _ source: String, _ what: String, _ read: (String) throws -> Part
  ) throws -> Part {
    if !files.isInline, access(source, R_OK) != 0 {
      throw Fault(description: "\(files.said)\(source) cannot be read: \(String(cString: strerror(errno)))")
    }
    do { return try read(source) } catch {
      let file = files.isInline ? "" : " in \(source)"
      throw Fault(description: "\(files.said)there is no \(what) (PEM)\(file), or it is damaged")
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

extension CertificateFiles {
  /// Where it is said, before what is wrong.
  fileprivate var said: String { place.map { "\($0): " } ?? "" }
}
