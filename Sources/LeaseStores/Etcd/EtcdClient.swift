import ClusterModel
import NIOCore
import NIOSSL
import Synchronization

/// etcd v3 by its JSON gateway: each of the calls is a request of HTTP with the message of gRPC as JSON.
///
/// See etcd's documentation, dev-guide/api_grpc_gateway; paths beginning with /v3 are those of etcd 3.4 and later.
struct EtcdClient: Sendable {
  let settings: EtcdSettings
  private let tls: NIOSSLContext?
  private let memory: Memory

  private final class Memory: Sendable {
    /// Of the server that answered last.
    let preferred = Atomic<Int>(0)
    /// What stands for the user's name and password after they were shown once.
    let token = Mutex<String?>(nil)
  }

  init(_ settings: EtcdSettings) throws(LeaseStoreError) {
    self.settings = settings
    memory = Memory()
    guard !settings.endpoints.isEmpty else {
      throw .refused(place: "etcd", reason: "no address was given; name one as http://127.0.0.1:2379")
    }
    guard settings.endpoints.contains(where: \.isSecure) else {
      tls = nil
      return
    }
    do { tls = try NIOSSLContext(configuration: settings.tls ?? .init()) } catch {
      throw .refused(place: "TLS for etcd", reason: "\(error); see the files of the certificates and the key")
    }
  }

  var place: String { "etcd at " + settings.endpoints.map(\.description).joined(separator: ", ") }

  /// Calls one server after the other, the one first that answered last.
  func call(_ path: String, _ message: JSONValue) async throws(LeaseStoreError) -> JSONValue {
    try await onAnyServer { endpoint throws(LeaseStoreError) in try await answer(of: endpoint, path, message) }
  }

  /// Calls this server and no other.
  func call(_ path: String, _ message: JSONValue, at endpoint: EtcdEndpoint) async throws(LeaseStoreError) -> JSONValue
  {
    try await withToken { () async throws(LeaseStoreError) in try await answer(of: endpoint, path, message) }
  }

  private func answer(
    of endpoint: EtcdEndpoint, _ path: String, _ message: JSONValue
  ) async throws(LeaseStoreError) -> JSONValue {
    let response = try await exchange(endpoint, path, message) { try await $0.response(limit: settings.answerLimit) }
    let text = String(decoding: response.body, as: UTF8.self)
    guard let answer = try? JSONValue(parsing: text) else {
      guard response.status == 200 else {
        throw .refused(
          place: "\(endpoint)",
          reason: "HTTP status \(response.status) for \(path); etcd 3.4 or later is needed there")
      }
      throw .malformed(place: "\(endpoint)", reason: "no JSON, but '\(text.prefix(60))'")
    }
    if let error = EtcdError(answer, isError: response.status != 200) { throw error.meaning(at: "\(endpoint)") }
    // Calls that stream in gRPC have each of their messages in a member of its own.
    return answer["result"] ?? answer
  }

  /// Begins a call that answers for as long as it is listened to; each message ends with a line.
  func stream(_ path: String, _ message: JSONValue) async throws(LeaseStoreError) -> (EtcdEndpoint, HTTPExchange.Parts)
  {
    try await onAnyServer { endpoint throws(LeaseStoreError) in
      (endpoint, try await exchange(endpoint, path, message) { try await $0.begin(limit: settings.answerLimit) })
    }
  }

  /// Calls begin with the next server from now on, if they begin with this one.
  func avoid(_ endpoint: EtcdEndpoint) {
    guard let index = settings.endpoints.firstIndex(of: endpoint) else { return }
    _ = memory.preferred.compareExchange(
      expected: index, desired: (index + 1) % settings.endpoints.count, ordering: .relaxed)
  }

  private func onAnyServer<Answer: Sendable>(
    _ body: (EtcdEndpoint) async throws(LeaseStoreError) -> Answer
  ) async throws(LeaseStoreError) -> Answer {
    let first = memory.preferred.load(ordering: .relaxed)
    var fault: LeaseStoreError?
    for offset in settings.endpoints.indices {
      let index = (first + offset) % settings.endpoints.count
      do throws(LeaseStoreError) {
        let answer = try await withToken { () async throws(LeaseStoreError) in
          try await body(settings.endpoints[index])
        }
        memory.preferred.store(index, ordering: .relaxed)
        return answer
      } catch {
        guard error.isOfOneServer else { throw error }
        // With several servers the first that should have answered tells more than the last.
        fault = fault ?? error
      }
    }
    throw fault ?? .unreachable(place: place, reason: "no address was given")
  }

  /// Tokens end after a while (five minutes, if etcd is not told otherwise), and with the server that gave them.
  private func withToken<Answer: Sendable>(
    _ body: () async throws(LeaseStoreError) -> Answer
  ) async throws(LeaseStoreError) -> Answer {
    do throws(LeaseStoreError) { return try await body() } catch {
      guard forgetsToken(for: error) else { throw error }
      return try await body()
    }
  }

  /// Whether there was a token that will no longer do; the next call gets another.
  private func forgetsToken(for error: LeaseStoreError) -> Bool {
    guard case .refused(_, let reason) = error, reason.contains(EtcdError.invalidToken) else { return false }
    return memory.token.withLock { token in
      defer { token = nil }
      return token != nil
    }
  }

  private func exchange<Answer: Sendable>(
    _ endpoint: EtcdEndpoint, _ path: String, _ message: JSONValue,
    _ body: (HTTPExchange) async throws -> Answer
  ) async throws(LeaseStoreError) -> Answer {
    var exchange = HTTPExchange(
      endpoint: endpoint, path: path, body: message.compact, tls: endpoint.isSecure ? tls : nil)
    if let token = try await token(endpoint) { exchange.headers.append(("Authorization", token)) }
    return try await translated(endpoint) { try await body(exchange) }
  }

  private func token(_ endpoint: EtcdEndpoint) async throws(LeaseStoreError) -> String? {
    guard let user = settings.user else { return nil }
    if let token = memory.token.withLock({ $0 }) { return token }
    let message = JSONValue.object([
      .init("name", .string(user.name)), .init("password", .string(user.password)),
    ])
    let exchange = HTTPExchange(
      endpoint: endpoint, path: "/v3/auth/authenticate", body: message.compact, tls: endpoint.isSecure ? tls : nil)
    let response = try await translated(endpoint) { try await exchange.response(limit: settings.answerLimit) }
    let answer = (try? JSONValue(parsing: response.body)) ?? .null
    if let error = EtcdError(answer, isError: response.status != 200) { throw error.meaning(at: "\(endpoint)") }
    guard let token = answer["token"]?.text else {
      throw .malformed(place: "\(endpoint)", reason: "no token for the user '\(user.name)'")
    }
    memory.token.withLock { $0 = token }
    return token
  }

  private func translated<Answer: Sendable>(
    _ endpoint: EtcdEndpoint, _ body: () async throws -> Answer
  ) async throws(LeaseStoreError) -> Answer {
    do { return try await body() } catch {
      guard !Task.isCancelled else { throw .ended(place: "\(endpoint)") }
      throw LeaseStoreError(error, at: "\(endpoint)")
    }
  }
}

extension LeaseStoreError {
  init(_ error: any Error, at place: String) {
    switch error {
    case let error as LeaseStoreError: self = error
    case HTTPExchange.Fault.slow(let limit): self = .slow(place: place, limit: limit)
    case HTTPExchange.Fault.unreachable(let reason): self = .unreachable(place: place, reason: reason)
    case is CancellationError: self = .ended(place: place)
    default: self = .unreachable(place: place, reason: "\(error)")
    }
  }
}

/// What etcd says instead of an answer, with gRPC's number for its kind.
struct EtcdError {
  var code: Int64
  var message: String

  static let invalidToken = "invalid auth token"

  /// - Parameter isError: whether HTTP's status says so; streams have it in their messages.
  init?(_ answer: JSONValue, isError: Bool) {
    let error = answer["error"]
    guard isError || error != nil else { return nil }
    code = error?["grpc_code"]?.integer ?? answer["code"]?.integer ?? 0
    message = error?["message"]?.text ?? error?.text ?? answer["message"]?.text ?? "an error without words"
  }

  /// gRPC's numbers: 4 deadline exceeded, 5 not found, 11 out of range, 14 unavailable.
  func meaning(at place: String) -> LeaseStoreError {
    switch code {
    case 11 where message.contains("compacted"): .compacted(place: place)
    case 4, 14: .unreachable(place: place, reason: message)
    default: .refused(place: place, reason: message)
    }
  }

  static func isMissingLease(_ error: LeaseStoreError) -> Bool {
    if case .refused(_, let reason) = error { reason.contains("requested lease not found") } else { false }
  }
}

extension NIOSSLContext {
  fileprivate convenience init(configuration files: EtcdSettings.TLS) throws {
    var configuration = TLSConfiguration.makeClientConfiguration()
    configuration.minimumTLSVersion = .tlsv12
    if let authorities = files.authorities {
      configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(authorities))
    }
    if let certificate = files.certificate, let key = files.key {
      configuration.certificateChain = try NIOSSLCertificate.fromPEMFile(certificate).map { .certificate($0) }
      configuration.privateKey = .privateKey(try NIOSSLPrivateKey(file: key, format: .pem))
    }
    try self.init(configuration: configuration)
  }
}
