import NIOCore
import NIOHPACK
import NIOHTTP2
import NIOPosix
import NIOSSL

/// A client of HTTP/2 over TLS, which says what it is told to, be it allowed or not.
final class HTTP2Client: Sendable {
  private let channel: any Channel
  private let multiplexer: NIOHTTP2Handler.StreamMultiplexer

  /// What came by one stream.
  struct Answer {
    /// Heads of 1xx.
    var early: [HPACKHeaders] = []
    var head: HPACKHeaders?
    var body: [UInt8] = []
    /// Whether the stream ended as it should.
    var isWhole = false
    var reset: HTTP2ErrorCode?

    var status: String? { head?.first(name: ":status") }
    var text: String { String(decoding: body, as: UTF8.self) }
  }

  /// - Parameter window: bytes of each answer that it takes before it has been asked for more, which it never is.
  init(_ port: UInt16, name: String = "localhost", window: Int? = nil) async throws {
    var tls = TLSConfiguration.makeClientConfiguration()
    tls.applicationProtocols = ["h2"]
    tls.certificateVerification = .none
    let context = try NIOSSLContext(configuration: tls)
    (channel, multiplexer) = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).connect(
      host: "127.0.0.1", port: Int(port)
    ) { channel in
      channel.eventLoop.makeCompletedFuture {
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(NIOSSLClientHandler(context: context, serverHostname: name))
        var connection = NIOHTTP2Handler.ConnectionConfiguration()
        connection.headerBlockValidation = .disabled
        connection.contentLengthValidation = .disabled
        if let window { connection.initialSettings.append(HTTP2Setting(parameter: .initialWindowSize, value: window)) }
        let multiplexer = try pipeline.configureHTTP2Pipeline(
          mode: .client, connectionConfiguration: connection, streamConfiguration: .init()
        ) { $0.eventLoop.makeSucceededVoidFuture() }
        return (channel, multiplexer)
      }
    }
  }

  func close() async { try? await channel.close() }
  /// Reads no more.
  func turnDeaf() async { try? await channel.setOption(.autoRead, value: false).get() }
  /// Returns when the proxy has ended the connection.
  func closed() async { try? await channel.closeFuture.get() }

  /// A stream that is open.
  struct Stream: Sendable {
    let channel: any Channel
    let events: AsyncStream<Event>

    func send(_ fields: [(String, String)], ends: Bool) async {
      let payload = HTTP2Frame.FramePayload.Headers(headers: HPACKHeaders(fields), endStream: ends)
      try? await channel.writeAndFlush(HTTP2Frame.FramePayload.headers(payload))
    }

    func send(_ body: [UInt8], ends: Bool) async {
      let payload = HTTP2Frame.FramePayload.Data(data: .byteBuffer(ByteBuffer(bytes: body)), endStream: ends)
      try? await channel.writeAndFlush(HTTP2Frame.FramePayload.data(payload))
    }

    func reset() async { try? await channel.writeAndFlush(HTTP2Frame.FramePayload.rstStream(.cancel)) }

    /// All that comes.
    func answer() async -> Answer {
      var answer = Answer()
      for await event in events {
        switch event {
        case .head(let head, let ends):
          if head.first(name: ":status")?.hasPrefix("1") == true {
            answer.early.append(head)
          } else if answer.head == nil {
            answer.head = head
          }
          if ends { answer.isWhole = true }
        case .data(let data, let ends):
          answer.body += data
          if ends { answer.isWhole = true }
        case .reset(let code): answer.reset = code
        }
      }
      return answer
    }
  }

  enum Event: Sendable {
    case head(HPACKHeaders, ends: Bool)
    case data([UInt8], ends: Bool)
    case reset(HTTP2ErrorCode)
  }

  /// - Parameter reads: whether it takes what comes.
  func open(reads: Bool = true) async throws -> Stream {
    let (events, continuation) = AsyncStream.makeStream(of: Event.self)
    let promise = channel.eventLoop.makePromise(of: (any Channel).self)
    multiplexer.createStreamChannel(promise: promise) { stream in
      stream.eventLoop.makeCompletedFuture {
        if !reads { try stream.syncOptions?.setOption(.autoRead, value: false) }
        try stream.pipeline.syncOperations.addHandler(Collector(continuation))
      }
    }
    return Stream(channel: try await promise.futureResult.get(), events: events)
  }

  /// The usual fields of a request.
  static func fields(_ method: String = "GET", _ path: String = "/", _ more: [(String, String)] = []) -> [(
    String, String
  )] {
    [(":method", method), (":scheme", "https"), (":authority", "web.test"), (":path", path)] + more
  }

  func ask(_ fields: [(String, String)], body: [UInt8]? = nil, trailers: [(String, String)]? = nil) async throws
    -> Answer
  {
    let stream = try await open()
    await stream.send(fields, ends: body == nil && trailers == nil)
    async let answer = stream.answer()
    if let body { await stream.send(body, ends: trailers == nil) }
    if let trailers { await stream.send(trailers, ends: true) }
    return await answer
  }
}

private final class Collector: ChannelInboundHandler {
  typealias InboundIn = HTTP2Frame.FramePayload
  private let continuation: AsyncStream<HTTP2Client.Event>.Continuation

  init(_ continuation: AsyncStream<HTTP2Client.Event>.Continuation) { self.continuation = continuation }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .headers(let payload): continuation.yield(.head(payload.headers, ends: payload.endStream))
    case .data(let payload):
      if case .byteBuffer(let buffer) = payload.data {
        continuation.yield(.data(Array(buffer.readableBytesView), ends: payload.endStream))
      }
    case .rstStream(let code): continuation.yield(.reset(code))
    default: break
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if let closed = event as? StreamClosedEvent, let code = closed.reason { continuation.yield(.reset(code)) }
    context.fireUserInboundEventTriggered(event)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {}
  func channelInactive(context: ChannelHandlerContext) { continuation.finish() }
  func handlerRemoved(context: ChannelHandlerContext) { continuation.finish() }
}
