import IngressModel
import NIOCore
import NIOHPACK
import NIOHTTP2

/// A stream of a client's HTTP/2 connection: one request and its answer (RFC 9113, section 8.1).
///
/// Its request is written as a head of HTTP/1 and read as such, so that every rule of heads holds for both.
final class HTTP2Stream: ChannelInboundHandler {
  typealias InboundIn = HTTP2Frame.FramePayload
  typealias OutboundOut = HTTP2Frame.FramePayload

  private let state: LoopState
  private let origin: Origin
  private let connection: HTTP2Connection
  private var context: ChannelHandlerContext?
  private var exchange: Exchange?
  private var held: [ByteBuffer] = []
  private var heldBytes = 0
  private var hasEnded = false
  private var isServerReady = false
  private var hasAnswered = false
  private var hasBegunBody = false
  private var isOver = false
  private var isReading = true
  /// For the client to take what there is of the answer.
  private var deadline = NIODeadline.distantFuture

  init(_ origin: Origin, _ state: LoopState, of connection: HTTP2Connection) {
    self.state = state
    self.origin = origin
    self.connection = connection
  }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    state.watch(self)
    connection.streamOpened()
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    state.unwatch(self)
    connection.streamClosed()
    self.context = nil
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .headers(let payload):
      if exchange == nil, !hasEnded, !isOver {
        begin(payload.headers, endsStream: payload.endStream)
      } else if payload.endStream {
        // Trailers, which stay here.
        ended()
      }
    case .data(let payload):
      guard case .byteBuffer(let buffer) = payload.data else { return }
      if buffer.readableBytes > 0 {
        if isServerReady {
          exchange?.send(buffer)
        } else if !isOver {
          held.append(buffer)
          heldBytes += buffer.readableBytes
          if heldBytes > state.settings.backlog { setReading(false) }
        }
      }
      if payload.endStream { ended() }
    default: break
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) { exchange?.flushRequest() }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    let isWritable = context.channel.isWritable
    // A stream whose answer is complete is to be taken to its end.
    deadline = isWritable && !isOver ? .distantFuture : state.deadline(after: state.times.answer)
    if isWritable { exchange?.clientIsWritable() }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  func channelInactive(context: ChannelHandlerContext) { leave() }

  private func leave() {
    let exchange = self.exchange
    self.exchange = nil
    isOver = true
    exchange?.clientFailed()
  }

  private func begin(_ headers: HPACKHeaders, endsStream: Bool) {
    hasEnded = endsStream
    guard let context, var bytes = Self.head(headers, endsStream: endsStream, context.channel.allocator) else {
      origin.counters.refused(.malformed)
      return refuse(400, closes: true)
    }
    var reader = HeadReader(limits: state.settings.limits)
    var head = MessageHead()
    let outcome = bytes.withUnsafeReadableBytes { raw in
      raw.withMemoryRebound(to: UInt8.self) { reader.request($0, into: &head) }
    }
    switch outcome {
    case .complete where head.length == bytes.readableBytes: break
    case .refused(let fault):
      origin.counters.refused(fault.status == 431 || fault.status == 414 ? .tooLarge : .malformed)
      return refuse(fault.status, closes: true)
    case .incomplete, .complete:
      origin.counters.refused(.malformed)
      return refuse(400, closes: true)
    }
    guard let bytes = bytes.readSlice(length: head.length) else { return }
    let exchange = Exchange(head, bytes, from: self, origin, state)
    self.exchange = exchange
    exchange.start()
  }

  private func ended() {
    hasEnded = true
    if isServerReady {
      exchange?.sendEnd()
      exchange?.flushRequest()
    }
  }

  /// The request as HTTP/1.1 writes it; nil where it holds what could not stand there.
  static func head(_ headers: HPACKHeaders, endsStream: Bool, _ allocator: ByteBufferAllocator) -> ByteBuffer? {
    var method, path, authority, host: String?
    var fields = allocator.buffer(capacity: 512)
    var cookies: [String] = []
    var hasLength = false
    for (name, value, _) in headers {
      // A line end in a value would be two fields, or two requests, for a server (RFC 9113, section 8.2.1).
      guard !value.utf8.contains(where: { $0 == 13 || $0 == 10 || $0 == 0 }) else { return nil }
      // What was no UTF-8 has become this, and would reach the server as something else than was sent.
      guard !value.unicodeScalars.contains("\u{FFFD}") else { return nil }
      switch name {
      case ":method": method = value
      case ":path": path = value
      case ":authority": authority = value
      case ":scheme", ":protocol": break
      case "host":
        guard host == nil else { return nil }
        host = value
      case "connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade", "http2-settings": return nil
      case "te": guard value == "trailers" else { return nil }
      case "cookie": cookies.append(value)
      default:
        guard !name.isEmpty, !name.hasPrefix(":"), !name.utf8.contains(where: { $0 <= 32 || $0 == 58 || $0 == 127 })
        else {
          return nil
        }
        if name == "content-length" { hasLength = true }
        fields.writeString(name)
        fields.writeStaticString(": ")
        fields.writeString(value)
        fields.writeStaticString("\r\n")
      }
    }
    // Two names would be one for the rules and another for the server (RFC 9113, section 8.3.1).
    if let host, let authority, host.lowercased() != authority.lowercased() { return nil }
    guard let method, let path, let authority = authority ?? host, path.utf8.allSatisfy({ $0 > 32 && $0 != 127 }),
      // A whole URL would name another host than `:authority` (RFC 9113, section 8.3.1).
      path.utf8.first == UInt8(ascii: "/") || path == "*"
    else { return nil }
    var out = allocator.buffer(capacity: fields.readableBytes + 256)
    out.writeString("\(method) \(path) HTTP/1.1\r\nhost: \(authority)\r\n")
    // HTTP/2 may split them (RFC 9113, section 8.2.3).
    if !cookies.isEmpty { out.writeString("cookie: \(cookies.joined(separator: "; "))\r\n") }
    out.writeBuffer(&fields)
    if !endsStream, !hasLength { out.writeStaticString("transfer-encoding: chunked\r\n") }
    out.writeStaticString("\r\n")
    return out
  }

  private func write(_ payload: HTTP2Frame.FramePayload, promise: EventLoopPromise<Void>? = nil) {
    if let context {
      context.write(wrapOutboundOut(payload), promise: promise)
    } else {
      promise?.fail(ChannelError.eof)
    }
  }
}

extension HTTP2Stream: ClientSide {
  var isWritable: Bool { context?.channel.isWritable ?? false }
  var version: String { "HTTP/2.0" }

  func answer(_ head: borrowing MessageHead, _ bytes: UnsafeBufferPointer<UInt8>, setCookies: [String]) {
    if isOver || head.status == 101 { return }
    var headers = HPACKHeaders()
    headers.reserveCapacity(head.fields.count + setCookies.count + 1)
    headers.add(name: ":status", value: String(head.status))
    let named = head.namesFields ? HeadWriter.named(head, bytes) : []
    for field in head.fields where !field.known.isHopByHop && !HeadWriter.isNamed(field, bytes, named) {
      // Where there can be no body (RFC 9110, section 8.6).
      if field.known == .contentLength, head.status < 200 || head.status == 204 { continue }
      let name = String(unsafeUninitializedCapacity: field.name.count) { out in
        for (index, byte) in bytes[field.name].enumerated() { out[index] = byte.lowercased }
        return field.name.count
      }
      headers.add(name: name, value: String(decoding: bytes[field.value], as: UTF8.self))
    }
    for cookie in setCookies { headers.add(name: "set-cookie", value: cookie) }
    if head.status >= 200 { hasAnswered = true }
    write(.headers(.init(headers: headers)))
  }

  func answer(data: ByteBuffer) {
    if isOver { return }
    var rest = data
    // In pieces, so that it shows whether the client goes on to take them. Of a small answer there is but one.
    while rest.readableBytes > 0, let piece = rest.readSlice(length: min(rest.readableBytes, Self.pieceSize)) {
      write(.data(.init(data: .byteBuffer(piece))), promise: hasBegunBody ? taken() : nil)
      hasBegunBody = true
    }
  }

  /// A frame's bytes, unless a client allows more (RFC 9113, section 6.5.2). A client must take as many within
  /// ``ProxySettings/answerTimeout``.
  private static let pieceSize = 16_384

  /// Kept when the client has taken what is written with it: who goes on to do so is not late.
  private func taken() -> EventLoopPromise<Void>? {
    guard let context else { return nil }
    let promise = context.eventLoop.makePromise(of: Void.self)
    promise.futureResult.assumeIsolated().whenSuccess {
      if self.deadline != .distantFuture { self.deadline = self.state.deadline(after: self.state.times.answer) }
    }
    return promise
  }

  func answerEnded(isClean: Bool) {
    if isOver { return }
    isOver = true
    exchange = nil
    deadline = state.deadline(after: state.times.answer)
    write(.data(.init(data: .byteBuffer(ByteBuffer()), endStream: true)))
    context?.flush()
    // The client need not go on to send what nobody reads (RFC 9113, section 8.1).
    if !isClean { reset(.noError) }
  }

  func flushAnswer() { context?.flush() }

  func refuse(_ status: Int, closes: Bool) {
    if isOver { return }
    isOver = true
    let isHead = exchange?.isHead ?? false
    exchange = nil
    deadline = state.deadline(after: state.times.answer)
    let text = Status.text(status)
    let headers = HPACKHeaders([
      (":status", String(status)), ("content-type", "text/plain; charset=utf-8"),
      ("content-length", String(text.utf8.count)), ("x-content-type-options", "nosniff"),
    ])
    write(.headers(.init(headers: headers, endStream: isHead)))
    if !isHead { write(.data(.init(data: .byteBuffer(ByteBuffer(string: text)), endStream: true))) }
    context?.flush()
    if !hasEnded { reset(.noError) }
  }

  func abandon() {
    if isOver { return }
    isOver = true
    exchange = nil
    reset(.internalError)
  }

  private func reset(_ code: HTTP2ErrorCode) {
    context?.writeAndFlush(wrapOutboundOut(.rstStream(code)), promise: nil)
  }

  func serverIsReady() {
    isServerReady = true
    let held = self.held
    self.held = []
    heldBytes = 0
    for buffer in held { exchange?.send(buffer) }
    if hasEnded { exchange?.sendEnd() }
    exchange?.flushRequest()
    // Last, since what comes then comes at once.
    if exchange?.serverTakesMore == true { setReading(true) }
  }

  func setReading(_ reads: Bool) {
    guard reads != isReading, let context else { return }
    isReading = reads
    context.channel.setOption(.autoRead, value: reads).whenFailure { _ in }
    // A stream's channel does not begin to read by itself.
    if reads { context.read() }
  }

  func becomeTunnel() { abandon() }
}

extension HTTP2Stream: Watched {
  func check(at now: NIODeadline) { if deadline < now { end() } }
  /// Its connection says that it is about to end, and its streams come to their own ends.
  func drain() {}
  /// The exchange hears of it at once: over TLS the connection's end takes as long as the client likes.
  func end() {
    leave()
    context?.close(promise: nil)
  }
}
