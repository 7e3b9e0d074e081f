import IngressModel
import NIOCore

/// Answers whoever looks after the proxy: the status page, its data, and the metrics.
final class AdminConnection: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  struct Page: Sendable {
    var contentType: String
    var headers: [(name: String, value: String)] = []
    var body: [UInt8]
  }

  private let page: @Sendable (String) -> Page?
  private var input = ByteBuffer()
  private var reader = HeadReader()
  private var head = MessageHead()

  /// - Parameter page: what there is at a path.
  init(_ page: @escaping @Sendable (String) -> Page?) { self.page = page }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var data = unwrapInboundIn(data)
    input.writeBuffer(&data)
    while input.readableBytes > 0 {
      let outcome = input.withUnsafeReadableBytes { raw in
        raw.withMemoryRebound(to: UInt8.self) { reader.request($0, into: &head) }
      }
      switch outcome {
      case .incomplete: return
      case .refused(let fault): return answer(context, fault.status, nil, closes: true)
      case .complete: break
      }
      let path = input.getString(at: input.readerIndex + head.path.lowerBound, length: head.path.count) ?? ""
      let method = input.getString(at: input.readerIndex + head.method.lowerBound, length: head.method.count) ?? ""
      input.moveReaderIndex(forwardBy: head.length)
      let closes = !head.keepsAlive || head.framing != .none
      guard method == "GET" || method == "HEAD" else { return answer(context, 405, nil, closes: true) }
      let page = self.page(path)
      answer(context, page == nil ? 404 : 200, page, isHead: method == "HEAD", closes: closes)
      if closes { return }
    }
  }

  private func answer(
    _ context: ChannelHandlerContext, _ status: Int, _ page: Page?, isHead: Bool = false, closes: Bool
  ) {
    let body = page?.body ?? Array("\(status) \(Status.phrase(status))\n".utf8)
    var text = "HTTP/1.1 \(status) \(Status.phrase(status))\r\nContent-Length: \(body.count)\r\n"
    text += "Content-Type: \(page?.contentType ?? "text/plain; charset=utf-8")\r\n"
    for header in page?.headers ?? [] { text += "\(header.name): \(header.value)\r\n" }
    if closes { text += "Connection: close\r\n" }
    var out = context.channel.allocator.buffer(capacity: text.utf8.count + body.count + 2)
    out.writeString(text + "\r\n")
    if !isHead { out.writeBytes(body) }
    context.writeAndFlush(wrapOutboundOut(out), promise: nil)
    if closes { context.close(mode: .output, promise: nil) }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
