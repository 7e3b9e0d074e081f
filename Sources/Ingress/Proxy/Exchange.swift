import IngressModel
import NIOCore

/// One request and its answer: which server gets it, what becomes of it when that fails.
final class Exchange {
  let head: MessageHead
  /// The bytes of its head.
  let bytes: ByteBuffer
  let origin: Origin
  private let side: any ClientSide
  private let state: LoopState
  private let rules: RuleSet

  private(set) var server: ServerConnection?
  private var choice: Choice?
  private var open: OpenRequest?
  private var pool: ServicePool?
  private var router: RequestCounters?
  private var tried: [ServerState] = []
  private var retriesOfReuse = 0
  private var retries = 0
  /// Why the last server did not answer.
  private var lastFailure: RequestFailure?
  /// Whether a server was there that the body could go to.
  private var hasBegun = false
  private var routerName: String?
  /// In its plain spelling.
  private(set) var path = "/"
  private let begun = Moment.now()
  private(set) lazy var host = lowercasedHost()
  private(set) lazy var method = text(head.method)
  /// For the log alone.
  private let came: WallTime
  private(set) var requestIsComplete = false
  /// Whether the client has seen of the answer more than what is said in advance.
  private(set) var hasAnswered = false
  private var isOver = false
  private var status: Int?
  private var sent: UInt64 = 0
  private var received: UInt64 = 0

  init(_ head: MessageHead, _ bytes: ByteBuffer, from client: any ClientSide, _ origin: Origin, _ state: LoopState) {
    self.head = head
    self.bytes = bytes
    side = client
    self.origin = origin
    self.state = state
    rules = state.rules
    came = state.log == nil ? WallTime(seconds: 0) : .now()
  }

  private func text(_ range: Range<Int>) -> String {
    bytes.getString(at: bytes.readerIndex + range.lowerBound, length: range.count) ?? ""
  }

  func with<R>(_ body: (UnsafeBufferPointer<UInt8>) -> R) -> R {
    bytes.withUnsafeReadableBytes { raw in raw.withMemoryRebound(to: UInt8.self) { body($0) } }
  }

  /// Whether its server's connection is for this client alone.
  var usesOwnConnection: Bool { choice?.pool.service.proxyProtocol != nil }

  var isHead: Bool { head.method.count == 4 && method == "HEAD" }
  /// Whether the client asks for another protocol on its connection. HTTP/2 is not for servers to agree on: its requests
  /// would pass the rules unseen.
  lazy var wantsUpgrade: Bool = {
    guard head.wantsUpgrade, head.framing == .none, head.first(.upgrade) != nil else { return false }
    return !values(of: .upgrade).contains { $0.lowercased().contains("h2c") }
  }()

  /// Methods that may be sent twice (RFC 9110, section 9.2.2).
  private lazy var isIdempotent = ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"].contains(method)

  // MARK: Choosing

  /// Finds the server and asks it, or answers that there is none.
  func start() {
    origin.counters.requestCame()
    // CONNECT asks for a tunnel, and names no path (RFC 9112, section 3.2.3).
    guard let written = with({ String(validating: $0[head.path], as: UTF8.self) }),
      let plain = written == "*" ? written : written.isEmpty ? "/" : RequestPath.normalized(written),
      method != "CONNECT"
    else {
      origin.counters.refused(.malformed)
      return refuse(400)
    }
    // Rules and server are to see one spelling of the path.
    path = plain
    guard let routes = rules.routes(of: origin.entryPoint), let index = routes.table.index(for: self) else {
      origin.counters.refused(.noRoute)
      return refuse(404)
    }
    router = routes.counters[index]
    if state.log != nil { routerName = routes.table.routers[index].name }
    guard let pool = routes.pools[index] else {
      origin.counters.refused(.noServer)
      return refuse(503)
    }
    self.pool = pool
    if head.framing == .none { requestIsComplete = true }
    next()
  }

  private func next() {
    guard let pool else { return }
    let cookies = pool.usesCookies ? Cookies(values(of: .cookie)) : .none
    let now = retries + retriesOfReuse == 0 ? begun : .now()
    guard let choice = pool.choose(cookies: cookies, client: origin.client, excluding: tried, at: now) else {
      if tried.isEmpty { origin.counters.refused(.noServer) }
      return refuse(lastFailure?.status ?? 503)
    }
    self.choice = choice
    open = choice.server.begin(isRetry: !tried.isEmpty, at: now)
    // What may not be sent twice does not go by a connection that its server may be about to close.
    let age: TimeAmount? = isIdempotent && requestIsComplete ? nil : .milliseconds(500)
    // Where one had been closed, the others may be as well.
    if !usesOwnConnection, retriesOfReuse == 0, let server = state.take(choice.server.url, notOlderThan: age) {
      return use(server)
    }
    let header = choice.pool.service.proxyProtocol.map { ByteBuffer(bytes: origin.proxyHeader.bytes($0)) }
    ServerConnection.open(choice.server.server, key: choice.server.url, saying: header, for: self, state)
  }

  /// A connection to the server is there.
  func connected(_ server: ServerConnection) {
    guard !isOver else { return server.close() }
    use(server)
  }

  func connectionFailed(_ failure: RequestFailure) {
    if isOver { return }
    retry(failure, mayHaveArrived: false)
  }

  private func use(_ server: ServerConnection) {
    guard let choice else { return }
    self.server = server
    server.begin(self)
    hasBegun = true
    let host = choice.pool.service.passesHostHeader ? nil : Array(choice.server.server.authority.utf8)
    let forwarding = HeadWriter.Forwarding(
      client: origin.text, isTLS: origin.entryPoint.isTLS, port: origin.port,
      trustsClient: origin.entryPoint.trustsForwarded, path: path, host: host, upgrades: wantsUpgrade)
    server.write(about: bytes.readableBytes + 256) { out in
      with { HeadWriter.request(head, $0, forwarding, into: &out) }
    }
    if !requestIsComplete { side.serverIsReady() }
    server.flush()
  }

  // MARK: The request's body

  func send(_ data: ByteBuffer) {
    received += UInt64(data.readableBytes)
    guard let server else { return }
    if head.framing == .chunked {
      server.write(about: data.readableBytes + 16) { HeadWriter.chunk(data.readableBytesView, into: &$0) }
    } else {
      server.write(data)
    }
    if !server.isWritable { side.setReading(false) }
  }

  func sendEnd() {
    requestIsComplete = true
    guard let server else { return }
    switch head.framing {
    case .chunked: server.write(about: 8) { HeadWriter.lastChunk(into: &$0) }
    // Whatever the cause: what the server waits for must not be the next request's.
    case .length(let promised) where promised != received: return clientIsLate()
    default: break
    }
    server.requestEnded()
  }

  func flushRequest() { server?.flush() }

  var serverTakesMore: Bool { server?.isWritable ?? false }
  /// The server takes more again.
  func serverIsWritable() { side.setReading(true) }
  /// The client does.
  func clientIsWritable() { server?.setReading(true) }

  // MARK: The answer

  func answered(_ head: borrowing MessageHead, _ bytes: UnsafeBufferPointer<UInt8>) {
    if head.status >= 200 || head.status == 101 {
      hasAnswered = true
      status = head.status
      if var request = open, choice?.pool.service.breaker != nil {
        choice?.server.answered(&request, status: head.status, at: .now())
        open = request
      }
    }
    side.answer(head, bytes, setCookies: head.status >= 200 ? choice?.setCookies ?? [] : [])
    if head.status == 101 { side.becomeTunnel() }
  }

  func answered(data: ByteBuffer) {
    sent += UInt64(data.readableBytes)
    side.answer(data: data)
    if !side.isWritable { server?.setReading(false) }
  }

  func flushAnswer() { side.flushAnswer() }

  /// The answer is complete, and the server's connection free or closed.
  func answerEnded() {
    server = nil
    let isClean = requestIsComplete
    finish(nil)
    side.answerEnded(isClean: isClean)
  }

  /// The server's connection broke, or what it sent is no HTTP.
  ///
  /// - Parameter isReused: whether the connection had served another request before: its server may have closed it
  ///   without having seen this one.
  func serverFailed(_ failure: RequestFailure, isReused: Bool) {
    server = nil
    if isOver { return }
    if hasAnswered {
      finish(failure)
      return side.abandon()
    }
    retry(failure, mayHaveArrived: !isReused)
  }

  private func retry(_ failure: RequestFailure, mayHaveArrived: Bool) {
    guard let choice, let pool else { return }
    lastFailure = failure
    // A connection that had grown old says nothing of its server, which may be asked again.
    let isOfServer = mayHaveArrived || failure != .reset
    if let open {
      if isOfServer {
        choice.server.finish(open, RequestOutcome(failure: failure), at: .now())
      } else {
        choice.server.withdraw(open)
      }
    }
    open = nil
    if isOfServer { tried.append(choice.server) } else { retriesOfReuse += 1 }
    // A body that has begun to flow is not there any more.
    let may = (head.framing == .none || !hasBegun) && (isIdempotent || failure.isOfConnecting)
    if may, tried.count <= pool.service.retries, retriesOfReuse < 3 {
      retries += 1
      router?.recordRetry()
      return next()
    }
    refuse(failure.status)
  }

  // MARK: The end

  /// The client is gone.
  func clientFailed() {
    if isOver { return }
    finish(.clientClosed)
    // What it has said to the other end of a tunnel still goes there.
    if status == 101 { server?.endTunnel() } else { server?.close() }
    server = nil
  }

  /// The client takes too long to send what it promised.
  func clientIsLate() {
    origin.counters.refused(.timeout)
    if hasAnswered {
      finish(.clientClosed)
      server?.close()
      server = nil
      return side.abandon()
    }
    refuse(408)
  }

  private func refuse(_ status: Int) {
    self.status = status
    let isClean = requestIsComplete || head.framing == .none
    server?.close()
    server = nil
    if !isHead { sent = UInt64(Status.text(status).utf8.count) }
    finish(nil)
    side.refuse(status, closes: !isClean)
  }

  private func finish(_ failure: RequestFailure?) {
    if isOver { return }
    isOver = true
    let now = Moment.now()
    let outcome = RequestOutcome(status: status, failure: failure, bytesReceived: received, bytesSent: sent)
    if let open { choice?.server.finish(open, outcome, at: now) }
    open = nil
    router?.record(outcome, nanoseconds: now.since(begun))
    if state.log != nil { log(outcome, now.since(begun)) }
  }
}

extension Exchange {
  private func log(_ outcome: RequestOutcome, _ duration: UInt64) {
    var entry = AccessLogEntry(
      time: came, client: origin.client, method: method, target: text(head.target), version: side.version, host: host,
      status: outcome.status, bytesSent: outcome.bytesSent, duration: duration)
    entry.bytesReceived = outcome.bytesReceived
    entry.referer = values(of: .referer).first
    entry.userAgent = values(of: .userAgent).first
    entry.router = routerName
    entry.service = pool?.service.name
    entry.server = choice?.server.url
    entry.retries = retries
    entry.failure = outcome.failure ?? lastFailure
    state.log?.add(entry)
  }
}

extension Exchange: RequestView {
  private func lowercasedHost() -> String {
    with { bytes in
      String(unsafeUninitializedCapacity: head.host.count) { out in
        for (index, byte) in bytes[head.host].enumerated() { out[index] = byte.lowercased }
        return head.host.count
      }
    }
  }
  var query: Substring? { head.query.map { Substring(text($0)) } }
  var client: ClientAddress { origin.client }

  func values(of header: String) -> [String] {
    var header = header
    return header.withUTF8 { name in
      with { bytes in
        head.fields.filter { UnsafeBufferPointer(rebasing: bytes[$0.name]).equalsIgnoringCase(name) }.map {
          String(decoding: bytes[$0.value], as: UTF8.self)
        }
      }
    }
  }

  func values(of known: KnownField) -> [String] {
    with { bytes in
      head.fields.filter { $0.known == known }.map { String(decoding: bytes[$0.value], as: UTF8.self) }
    }
  }
}

extension RequestFailure {
  /// Of the proxy's own answer (RFC 9110, sections 15.6.3 and 15.6.5).
  var status: Int { self == .responseTimeout || self == .connectTimeout ? 504 : 502 }

  /// Whether the server cannot have seen the request.
  var isOfConnecting: Bool { self == .connect || self == .connectTimeout || self == .tls }
}

extension Server {
  /// As a Host header has it.
  var authority: String {
    let name = host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host
    return port == (scheme == .http ? 80 : 443) ? name : "\(name):\(port)"
  }
}
