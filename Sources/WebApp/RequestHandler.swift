import NIOCore
import NIOHTTP1

/// One connection's requests, one after the other.
final class RequestHandler: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  /// The longest body that is read, in bytes: the forms that belong here have a hundred.
  static let longestBody = 64 << 10

  private var head: HTTPRequestHead?
  private var body = ByteBuffer()

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      self.head = head
      body.clear()
    case .body(var part):
      // What is too long is still read to its end, so that the answer reaches a client that sends all before it listens.
      if body.readableBytes <= Self.longestBody { body.writeBuffer(&part) }
    case .end:
      guard let head else { return }
      self.head = nil
      answer(head, context)
    }
  }

  private func answer(_ request: HTTPRequestHead, _ context: ChannelHandlerContext) {
    let answer =
      body.readableBytes > Self.longestBody
      ? Answer(status: .payloadTooLarge, text: "The body is longer than 64 KiB.\n")
      : Answer(
        to: request.method, request.uri,
        form: request.headers.first(name: "content-type")?.hasPrefix("application/x-www-form-urlencoded") == true
          ? String(buffer: body) : "")
    var response = HTTPResponseHead(version: request.version, status: answer.status)
    response.headers.add(name: "Content-Type", value: "text/html; charset=utf-8")
    response.headers.add(name: "Content-Length", value: String(answer.text.utf8.count))
    if let allowed = answer.allowed { response.headers.add(name: "Allow", value: allowed) }
    if !request.isKeepAlive { response.headers.add(name: "Connection", value: "close") }
    context.write(wrapOutboundOut(.head(response)), promise: nil)
    if request.method != .HEAD {
      context.write(
        wrapOutboundOut(.body(.byteBuffer(context.channel.allocator.buffer(string: answer.text)))), promise: nil)
    }
    let written = context.eventLoop.makePromise(of: Void.self)
    if !request.isKeepAlive {
      let channel = context.channel
      written.futureResult.whenComplete { _ in channel.close(promise: nil) }
    }
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: written)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // Malformed requests have been answered by NIO's own handler; a connection that broke has no one to tell.
    context.close(promise: nil)
  }
}
