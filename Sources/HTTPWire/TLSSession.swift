import COpenSSL
import Glibc

/// What went wrong with TLS, in words.
package struct TLSFailure: Error, Hashable, Sendable, CustomStringConvertible {
  package let description: String

  init(_ description: String) { self.description = description }
}

/// What several TLS connections share: OpenSSL's context. Its count of references is OpenSSL's and thread-safe.
package final class TLSContext: @unchecked Sendable {
  fileprivate let pointer: OpaquePointer
  private let verifies: Bool

  /// - Parameters:
  ///   - protocols: what is offered by ALPN (RFC 7301), the best first.
  ///   - authorities: a file of certificates to trust (PEM), instead of the system's.
  package init(verifies: Bool, protocols: [String], authorities: String? = nil) throws(TLSFailure) {
    guard let context = SSL_CTX_new(TLS_client_method()) else { throw TLSFailure(TLSContext.lastError()) }
    pointer = context
    self.verifies = verifies
    _ = svs_ssl_lowest_version(context)
    _ = svs_ssl_modes(context)
    if verifies {
      SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
      if let authorities {
        guard SSL_CTX_load_verify_locations(context, authorities, nil) == 1 else {
          ERR_clear_error()
          throw TLSFailure("there are no certificates to read in \(authorities)")
        }
      } else {
        guard SSL_CTX_set_default_verify_paths(context) == 1 else { throw TLSFailure(TLSContext.lastError()) }
      }
    }
    var list: [UInt8] = []
    for name in protocols {
      list.append(UInt8(name.utf8.count))
      list += name.utf8
    }
    // Zero is success here, unlike everywhere else in OpenSSL.
    guard SSL_CTX_set_alpn_protos(context, list, CUnsignedInt(list.count)) == 0 else {
      throw TLSFailure(TLSContext.lastError())
    }
  }

  deinit { SSL_CTX_free(pointer) }

  /// The version of OpenSSL that is running.
  package static var version: String { String(cString: OpenSSL_version(OPENSSL_VERSION_STRING)) }

  package func session(on socket: CInt, host: String) -> TLSSession? {
    guard let ssl = SSL_new(pointer) else { return nil }
    SSL_set_fd(ssl, socket)
    let isAddress = TLSContext.isAddress(host)
    if !isAddress { _ = svs_ssl_server_name(ssl, host) }
    if verifies {
      if isAddress {
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host)
      } else {
        SSL_set1_host(ssl, host)
      }
    }
    SSL_set_connect_state(ssl)
    return TLSSession(ssl)
  }

  private static func isAddress(_ host: String) -> Bool {
    var room = in6_addr()
    return inet_pton(AF_INET, host, &room) == 1 || inet_pton(AF_INET6, host, &room) == 1
  }

  static func lastError() -> String {
    let code = ERR_get_error()
    ERR_clear_error()
    guard code != 0, let text = ERR_reason_error_string(code) else { return "the handshake was broken off" }
    return String(cString: text)
  }
}

/// One TLS connection.
package final class TLSSession {
  package enum Outcome {
    case bytes(Int)
    /// Nothing happens until the socket can be read, or written.
    case wouldBlock(writing: Bool)
    case closed
    /// The connection broke; errno.
    case broken(CInt)
    case failed(TLSFailure)
  }

  private let ssl: OpaquePointer

  fileprivate init(_ ssl: OpaquePointer) { self.ssl = ssl }

  deinit { SSL_free(ssl) }

  package func handshake() -> Outcome { outcome(SSL_do_handshake(ssl)) }

  package func read(into room: UnsafeMutableRawBufferPointer) -> Outcome {
    outcome(SSL_read(ssl, room.baseAddress, CInt(clamping: room.count)))
  }

  package func write(_ bytes: UnsafeRawBufferPointer) -> Outcome {
    outcome(SSL_write(ssl, bytes.baseAddress, CInt(clamping: bytes.count)))
  }

  /// What ALPN (RFC 7301) agreed on.
  package var agreedProtocol: String {
    var name: UnsafePointer<UInt8>?
    var length: CUnsignedInt = 0
    SSL_get0_alpn_selected(ssl, &name, &length)
    return String(decoding: UnsafeBufferPointer(start: name, count: Int(length)), as: UTF8.self)
  }

  /// The version, as `TLSv1.3`.
  package var version: String { SSL_get_version(ssl).map { String(cString: $0) } ?? "" }

  private func outcome(_ result: CInt) -> Outcome {
    if result > 0 { return .bytes(Int(result)) }
    let code = errno
    switch SSL_get_error(ssl, result) {
    case SSL_ERROR_WANT_READ: return .wouldBlock(writing: false)
    case SSL_ERROR_WANT_WRITE: return .wouldBlock(writing: true)
    case SSL_ERROR_ZERO_RETURN: return .closed
    case SSL_ERROR_SYSCALL:
      ERR_clear_error()
      return code == 0 ? .closed : .broken(code)
    default:
      let verified = SSL_get_verify_result(ssl)
      if verified != Int(X509_V_OK), let text = X509_verify_cert_error_string(verified) {
        ERR_clear_error()
        return .failed(TLSFailure("the certificate is not accepted: \(String(cString: text))"))
      }
      return .failed(TLSFailure(TLSContext.lastError()))
    }
  }
}
