import Glibc
import Ingress
import Synchronization

/// A certificate that signs itself, made by openssl in a folder of its own, which stays until the tests have ended.
final class TestCertificate: Sendable {
  private static let folders = Mutex<[String]>([])
  private let folder: String
  var certificate: String { "\(folder)/cert.pem" }
  var key: String { "\(folder)/key.pem" }

  /// - Parameter names: DNS names that it is for; the first tells it from others.
  init(_ names: String...) throws {
    var template = Array("/tmp/svs-ingress-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw ScriptedServer.Failed(what: "no folder: \(errno)") }
    folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let isFirst = Self.folders.withLock {
      $0.append(folder)
      return $0.count == 1
    }
    if isFirst { atexit(TestCertificate.removeAll) }
    let words = [
      "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
      "-subj", "/CN=test", "-addext", "subjectAltName=" + names.map { "DNS:\($0)" }.joined(separator: ","), "-keyout",
      key, "-out", certificate,
    ]
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
    var pid: pid_t = 0
    var status: CInt = -1
    guard posix_spawnp(&pid, "openssl", &actions, nil, &arguments, environ) == 0, waitpid(pid, &status, 0) == pid,
      status == 0
    else { throw ScriptedServer.Failed(what: "openssl made no certificate: \(status)") }
  }

  private static let removeAll: @convention(c) () -> Void = {
    for folder in TestCertificate.folders.withLock({ $0 }) {
      for file in ["\(folder)/cert.pem", "\(folder)/key.pem", folder] { remove(file) }
    }
  }
}

extension World {
  /// As `everything`, over TLS with these certificates.
  static func secure(
    _ servers: [ScriptedServer], _ certificates: [TestCertificate], rule: String = "PathPrefix(`/`)",
    _ more: String = ""
  ) -> String {
    let urls = servers.indices.map { "{ url: '{\($0)}' }" }.joined(separator: ", ")
    let service = more.isEmpty ? "" : ", \(more)"
    let files = certificates.map { "{ certFile: \($0.certificate), keyFile: \($0.key) }" }.joined(separator: ", ")
    return """
      http:
        routers: { all: { rule: '\(rule)', service: s, tls: {} } }
        services: { s: { loadBalancer: { servers: [\(urls)]\(service) } } }
      tls: { certificates: [\(files)] }
      """
  }

  static var securePoint: EntryPoint { EntryPoint(name: "websecure", host: "127.0.0.1", port: 0, isTLS: true) }
}
