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
  private let state: LoopState
  private var context: ChannelHandlerContext?
  private var deadline: NIODeadline
  private var isClosing = false
  private var input = ByteBuffer()
  private var reader = HeadReader()
  private var head = MessageHead()

  /// - Parameter page: what there is at a path.
  init(_ page: @escaping @Sendable (String) -> Page?, _ state: LoopState) {
    self.page = page
    self.state = state
    deadline = state.deadline(after: state.times.head)
  }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    state.watch(self)
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    state.unwatch(self)
    self.context = nil
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    if isClosing { return }
    var data = unwrapInboundIn(data)
    input.writeBuffer(&data)
    answer(context)
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) { answer(context) }

  private func answer(_ context: ChannelHandlerContext) {
    // Who does not take the answers gets no more of them, and is not read on.
    while input.readableBytes > 0, !isClosing {
      guard context.channel.isWritable else {
        if input.readableBytes > 16_384 { context.close(promise: nil) }
        return
      }
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
    deadline = state.deadline(after: closes ? state.times.head : state.times.idle)
    if closes {
      isClosing = true
      input = ByteBuffer()
      context.close(mode: .output, promise: nil)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}

extension AdminConnection: Watched {
  func check(at now: NIODeadline) { if deadline < now { end() } }
  /// Whoever looks may see to the end.
  func drain() {}
  func end() { context?.close(promise: nil) }
}
