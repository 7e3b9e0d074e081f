import IngressModel
import NIOCore

/// A client's connection by HTTP/1: reads its requests one after another, and writes the answers.
final class ClientConnection: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private enum Place {
    case head
    /// The request's body is read as far as its server takes it.
    case body(BodyDecoder)
    case answering
    case tunnel
    case closing
  }

  private let state: LoopState
  private var origin: Origin
  private var context: ChannelHandlerContext?
  private var place = Place.head
  private var input = ByteBuffer()
  private var reader: HeadReader
  private var head = MessageHead()
  private var exchange: Exchange?
  private var isServerReady = false
  private var isReading = true
  private var isProcessing = false
  /// Bytes that the client had not taken when that was looked at.
  private var untaken = 0
  /// Whether more can be written without piling up.
  private(set) var isWritable = true
  private var deadline: NIODeadline

  // Of the present answer.
  private var keepsAlive = true
  private var framing = BodyFraming.none
  private var minorVersion = 1
  private let output = OutputBuffer()

  init(_ origin: Origin, _ state: LoopState) {
    self.state = state
    self.origin = origin
    reader = HeadReader(limits: state.settings.limits)
    deadline = state.deadline(after: state.times.head)
  }

  // MARK: Channel

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    state.opened(self)
    origin.counters.connectionOpened()
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    state.closed(self)
    origin.counters.connectionClosed()
    self.context = nil
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if case .closing = place { return }
    var data = unwrapInboundIn(data)
    if input.readableBytes == 0 { input = data } else { input.writeBuffer(&data) }
    process()
    if input.readableBytes > state.settings.backlog { setReading(false) }
  }

  func channelReadComplete(context: ChannelHandlerContext) { exchange?.flushRequest() }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    isWritable = context.channel.isWritable
    switch place {
    case .head, .closing: break
    // Both ends of a tunnel decide for themselves how long they wait.
    case .tunnel: deadline = .distantFuture
    // Who does not take the answer is not waited for longer than a server that does not give one.
    default: deadline = isWritable ? .distantFuture : state.deadline(after: state.times.answer)
    }
    guard isWritable else { return }
    exchange?.clientIsWritable()
    process()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if let told = event as? ProxyHeaderReader.Told { origin = origin.speaking(for: told.ends) }
    context.fireUserInboundEventTriggered(event)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  func channelInactive(context: ChannelHandlerContext) { leave() }

  private func leave() {
    place = .closing
    let exchange = self.exchange
    self.exchange = nil
    exchange?.clientFailed()
  }

  // MARK: Reading

  private func process() {
    if isProcessing { return }
    isProcessing = true
    defer {
      isProcessing = false
      exchange?.flushRequest()
      readOn()
    }
    while true {
      switch place {
      case .head:
        // Who does not take the answers gets no more of them.
        guard input.readableBytes > 0, isWritable, readHead() else { return }
      case .body(var decoder):
        guard isServerReady else { return }
        let outcome = decoder.next(&input)
        if case .body = place { place = .body(decoder) }
        switch outcome {
        case .data(let data): exchange?.send(data)
        case .waiting: return
        case .end:
          place = .answering
          exchange?.sendEnd()
        case .refused:
          origin.counters.refused(.malformed)
          let hasAnswered = exchange?.hasAnswered ?? false
          exchange?.clientFailed()
          exchange = nil
          // In the middle of an answer another one would be part of it.
          if hasAnswered { return abandon() }
          return refuse(400, closes: true)
        }
      case .tunnel:
        guard input.readableBytes > 0, let data = input.readSlice(length: input.readableBytes) else { return }
        exchange?.send(data)
      case .answering, .closing: return
      }
    }
  }

  /// Reads again, where it was stopped before the server could take anything.
  private func readOn() {
    switch place {
    case .body where isServerReady, .tunnel: break
    default: return
    }
    if exchange?.serverTakesMore == true { setReading(true) }
  }

  /// - Returns: whether there is something to go on with.
  private func readHead() -> Bool {
    // A connection that has waited for its next request has so long again to send it.
    if head.length != 0 {
      head.length = 0
      deadline = state.deadline(after: state.times.head)
    }
    let outcome = input.withUnsafeReadableBytes { raw in
      raw.withMemoryRebound(to: UInt8.self) { reader.request($0, into: &head) }
    }
    switch outcome {
    case .incomplete: return false
    case .refused(let fault):
      origin.counters.refused(fault.status == 431 || fault.status == 414 ? .tooLarge : .malformed)
      refuse(fault.status, closes: true)
      return false
    case .complete: break
    }
    guard let bytes = input.readSlice(length: head.length) else { return false }
    deadline = .distantFuture
    keepsAlive = head.keepsAlive && !state.isDraining
    minorVersion = head.minorVersion
    isServerReady = false
    place = head.framing == .none ? .answering : .body(BodyDecoder(head.framing))
    let exchange = Exchange(head, bytes, from: self, origin, state)
    self.exchange = exchange
    exchange.start()
    return true
  }

  // MARK: Writing

  private func flush() { if let context { output.flush(to: context, state) } }

  private func closeSoon() {
    place = .closing
    input = ByteBuffer()
    guard let context else { return }
    flush()
    // Bytes of the client's that were not read would make the kernel reset the connection, and the answer with it.
    setReading(true)
    deadline = state.deadline(after: state.times.idle)
    let isWritten = context.eventLoop.makePromise(of: Void.self)
    isWritten.futureResult.assumeIsolated().whenComplete { _ in self.deadline = self.state.deadline(after: .seconds(2))
    }
    context.close(mode: .output, promise: isWritten)
  }
}

extension ClientConnection: ClientSide {
  var version: String { minorVersion == 1 ? "HTTP/1.1" : "HTTP/1.0" }

  func answer(_ head: borrowing MessageHead, _ bytes: UnsafeBufferPointer<UInt8>, setCookies: [String]) {
    // HTTP/1.0 knows one answer to a request (RFC 9110, section 15.2).
    if head.status < 200, minorVersion == 0 { return }
    var answering = HeadWriter.Answering(
      minorVersion: minorVersion, keepsAlive: keepsAlive, framing: head.framing, setCookies: setCookies)
    if head.status >= 200 {
      if state.isDraining { keepsAlive = false }
      if head.framing == .chunked || head.framing == .untilClose {
        // A client of HTTP/1.0 knows no chunks.
        answering.framing = minorVersion == 1 ? .chunked : .untilClose
        if minorVersion == 0 { keepsAlive = false }
      }
      answering.keepsAlive = keepsAlive
      framing = answering.framing
    }
    var length = 0
    if case .length(let bytes) = head.framing { length = Int(min(bytes, 16_384)) }
    output.append(about: head.length + 256 + length, state) { HeadWriter.response(head, bytes, answering, into: &$0) }
  }

  func answer(data: ByteBuffer) {
    guard let context else { return }
    if framing == .chunked {
      output.append(about: data.readableBytes + 64, state) { HeadWriter.chunk(data.readableBytesView, into: &$0) }
    } else {
      output.append(data, to: context, state)
    }
    if output.isLarge { flush() }
  }

  func answerEnded(isClean: Bool) {
    if framing == .chunked { output.append(about: 8, state) { HeadWriter.lastChunk(into: &$0) } }
    framing = .none
    exchange = nil
    if case .tunnel = place { return closeSoon() }
    if !keepsAlive || !isClean || state.isDraining { return closeSoon() }
    flush()
    place = .head
    deadline = state.deadline(after: state.times.idle)
    if input.readableBytes > 0 {
      process()
    } else {
      input = ByteBuffer()
    }
    setReading(true)
  }

  func flushAnswer() { flush() }

  func refuse(_ status: Int, closes: Bool) {
    let isHead = exchange?.isHead ?? false
    exchange = nil
    framing = .none
    let closes = closes || !keepsAlive
    let text = Status.text(status)
    output.append(about: 256, state) {
      $0.writeString(
        "HTTP/1.1 \(status) \(Status.phrase(status))\r\nContent-Type: text/plain; charset=utf-8\r\n"
          + "Content-Length: \(text.utf8.count)\r\nX-Content-Type-Options: nosniff\r\n"
          + "\(closes ? "Connection: close\r\n" : minorVersion == 0 ? "Connection: keep-alive\r\n" : "")\r\n")
      if !isHead { $0.writeString(text) }
    }
    if closes { return closeSoon() }
    answerEnded(isClean: true)
  }

  func abandon() {
    exchange = nil
    place = .closing
    context?.close(promise: nil)
  }

  func serverIsReady() {
    isServerReady = true
    process()
  }

  func setReading(_ reads: Bool) {
    // Requests that wait for their turn are not to grow without end.
    let reads = reads && input.readableBytes <= state.settings.backlog
    guard reads != isReading, let context else { return }
    isReading = reads
    context.channel.setOption(.autoRead, value: reads).whenFailure { _ in }
    if reads { process() }
  }

  func becomeTunnel() {
    place = .tunnel
    if let context { KeepAlive.turnOn(context.channel) }
    deadline = .distantFuture
    framing = .none
    flush()
    process()
    exchange?.flushRequest()
  }
}

extension ClientConnection: Watched {
  func check(at now: NIODeadline) {
    guard deadline < now else { return }
    // Who takes what was said is not late, however slow.
    let left = waiting
    defer { untaken = left }
    if left > 0, left != untaken { return deadline = state.deadline(after: state.times.answer) }
    switch place {
    case .head where input.readableBytes > 0:
      origin.counters.refused(.timeout)
      deadline = .distantFuture
      refuse(408, closes: true)
    case .head where state.isDraining: closeSoon()
    default: end()
    }
  }

  /// Bytes that the client has not taken yet.
  private var waiting: Int {
    (try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
  }

  /// The exchange hears of it at once: over TLS the connection's end takes as long as the client likes.
  func end() {
    leave()
    context?.close(promise: nil)
  }

  func drain() {
    guard case .head = place, input.readableBytes == 0 else { return }
    // A request may be on its way: it is answered, and told that it was the last one.
    deadline = min(deadline, state.deadline(after: .seconds(1)))
  }
}

/// Words beside the numbers of statuses (RFC 9110, section 15).
enum Status {
  /// The body of the proxy's own answers.
  static func text(_ status: Int) -> String { "\(status) \(phrase(status))\n" }

  static func phrase(_ status: Int) -> String {
    switch status {
    case 400: "Bad Request"
    case 200: "OK"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 408: "Request Timeout"
    case 414: "URI Too Long"
    case 431: "Request Header Fields Too Large"
    case 501: "Not Implemented"
    case 502: "Bad Gateway"
    case 503: "Service Unavailable"
    case 504: "Gateway Timeout"
    case 505: "HTTP Version Not Supported"
    default: "Error"
    }
  }
}
