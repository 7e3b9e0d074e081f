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
  private var origin: Exchange.Origin
  private var context: ChannelHandlerContext?
  private var place = Place.head
  private var input = ByteBuffer()
  private var reader: HeadReader
  private var head = MessageHead()
  private var exchange: Exchange?
  private var isServerReady = false
  private var isReading = true
  private var isProcessing = false
  private var isDraining = false
  private var deadline: NIODeadline

  // Of the present answer.
  private var keepsAlive = true
  private var framing = BodyFraming.none
  private var minorVersion = 1
  private var pending = ByteBuffer()
  private var hasWritten = false

  init(_ origin: Exchange.Origin, _ state: LoopState) {
    self.state = state
    self.origin = origin
    reader = HeadReader(limits: state.settings.limits)
    deadline = state.now + TimeAmount(state.settings.headTimeout)
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
    let isWritable = context.channel.isWritable
    switch place {
    case .head, .closing: break
    // Both ends of a tunnel decide for themselves how long they wait.
    case .tunnel: deadline = .distantFuture
    // Who does not take the answer is not waited for longer than a server that does not give one.
    default: deadline = isWritable ? .distantFuture : state.now + TimeAmount(state.settings.answerTimeout)
    }
    guard isWritable else { return }
    exchange?.clientIsWritable()
    process()
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if let told = event as? ProxyHeaderReader.Told { origin.speaks(for: told.ends) }
    context.fireUserInboundEventTriggered(event)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  func channelInactive(context: ChannelHandlerContext) {
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
          return refuse(400, HeadFault.badChunk.rawValue, closes: true)
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
      deadline = state.now + TimeAmount(state.settings.headTimeout)
    }
    let outcome = input.withUnsafeReadableBytes { raw in
      raw.withMemoryRebound(to: UInt8.self) { reader.request($0, into: &head) }
    }
    switch outcome {
    case .incomplete: return false
    case .refused(let fault):
      origin.counters.refused(fault.status == 431 || fault.status == 414 ? .tooLarge : .malformed)
      refuse(fault.status, fault.rawValue, closes: true)
      return false
    case .complete: break
    }
    guard let bytes = input.readSlice(length: head.length) else { return false }
    deadline = .distantFuture
    keepsAlive = head.keepsAlive && !isDraining && !state.isDraining
    minorVersion = head.minorVersion
    isServerReady = false
    place = head.framing == .none ? .answering : .body(BodyDecoder(head.framing))
    let exchange = Exchange(head, bytes, from: self, origin, state)
    self.exchange = exchange
    exchange.start()
    return true
  }

  // MARK: Writing

  private func put(_ data: ByteBuffer) {
    guard let context else { return }
    if pending.readableBytes > 0 {
      context.write(wrapOutboundOut(pending), promise: nil)
      pending = ByteBuffer()
    }
    hasWritten = true
    context.write(wrapOutboundOut(data), promise: nil)
  }

  private func reserve(_ count: Int) {
    if pending.readableBytes == 0, let context { pending = context.channel.allocator.buffer(capacity: count) }
  }

  private func flush() {
    guard let context else { return }
    if pending.readableBytes > 0 {
      let data = pending
      pending = ByteBuffer()
      hasWritten = false
      return context.writeAndFlush(wrapOutboundOut(data), promise: nil)
    }
    if hasWritten {
      hasWritten = false
      context.flush()
    }
  }

  private func closeSoon() {
    place = .closing
    input = ByteBuffer()
    guard let context else { return }
    flush()
    // Bytes of the client's that were not read would make the kernel reset the connection, and the answer with it.
    setReading(true)
    deadline = state.now + TimeAmount(state.settings.idleTimeout)
    let isWritten = context.eventLoop.makePromise(of: Void.self)
    isWritten.futureResult.assumeIsolated().whenComplete { _ in self.deadline = self.state.now + .seconds(2) }
    context.close(mode: .output, promise: isWritten)
  }
}

extension ClientConnection: ClientSide {
  var isWritable: Bool { context?.channel.isWritable ?? false }
  var version: String { minorVersion == 1 ? "HTTP/1.1" : "HTTP/1.0" }

  func answer(_ head: borrowing MessageHead, _ bytes: UnsafeBufferPointer<UInt8>, setCookies: [String]) {
    // HTTP/1.0 knows one answer to a request (RFC 9110, section 15.2).
    if head.status < 200, minorVersion == 0 { return }
    var answering = HeadWriter.Answering(
      minorVersion: minorVersion, keepsAlive: keepsAlive, framing: head.framing, setCookies: setCookies)
    if head.status >= 200 {
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
    reserve(head.length + 256 + length)
    HeadWriter.response(head, bytes, answering, into: &pending)
  }

  func answer(data: ByteBuffer) {
    if framing == .chunked {
      reserve(data.readableBytes + 64)
      HeadWriter.chunk(data.readableBytesView, into: &pending)
    } else if data.readableBytes <= 16_384 {
      // To copy little is cheaper than to write in pieces.
      reserve(data.readableBytes)
      pending.writeImmutableBuffer(data)
    } else {
      put(data)
    }
    if pending.readableBytes > 65_536 { flush() }
  }

  func answerEnded(isClean: Bool) {
    if framing == .chunked { HeadWriter.lastChunk(into: &pending) }
    framing = .none
    exchange = nil
    if case .tunnel = place { return closeSoon() }
    if !keepsAlive || !isClean || isDraining || state.isDraining { return closeSoon() }
    flush()
    place = .head
    deadline = state.now + TimeAmount(state.settings.idleTimeout)
    if input.readableBytes > 0 {
      process()
    } else {
      input = ByteBuffer()
    }
    setReading(true)
  }

  func flushAnswer() { flush() }

  func refuse(_ status: Int, _ reason: String, closes: Bool) {
    let isHead = exchange?.isHead ?? false
    exchange = nil
    framing = .none
    let closes = closes || !keepsAlive
    let text = "\(status) \(Status.phrase(status))\n"
    reserve(256)
    pending.writeString(
      "HTTP/1.1 \(status) \(Status.phrase(status))\r\nContent-Type: text/plain; charset=utf-8\r\n"
        + "Content-Length: \(text.utf8.count)\r\nX-Content-Type-Options: nosniff\r\n"
        + "\(closes ? "Connection: close\r\n" : minorVersion == 0 ? "Connection: keep-alive\r\n" : "")\r\n")
    if !isHead { pending.writeString(text) }
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
    switch place {
    case .head where input.readableBytes > 0:
      origin.counters.refused(.timeout)
      deadline = .distantFuture
      refuse(408, "timeout", closes: true)
    default: context?.close(promise: nil)
    }
  }

  func drain() {
    isDraining = true
    guard case .head = place, input.readableBytes == 0, let context else { return }
    // The end of the last answer may still be on its way.
    let isWritten = context.eventLoop.makePromise(of: Void.self)
    isWritten.futureResult.assumeIsolated().whenComplete { _ in self.context?.close(promise: nil) }
    context.close(mode: .output, promise: isWritten)
  }
}

/// Words beside the numbers of statuses (RFC 9110, section 15).
enum Status {
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
