import IngressModel
import NIOCore

/// Takes the PROXY protocol's header off a connection before anything else reads of it, and tells who the client is.
final class ProxyHeaderReader: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  /// Told to those that come behind.
  struct Told: Sendable {
    var ends: ProxyHeader.Ends
  }

  private let counters: EntryPointCounters
  private var input = ByteBuffer()

  init(_ counters: EntryPointCounters) { self.counters = counters }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var data = unwrapInboundIn(data)
    input.writeBuffer(&data)
    let outcome = input.withUnsafeReadableBytes { raw in
      raw.withMemoryRebound(to: UInt8.self) { ProxyHeader.read($0) }
    }
    switch outcome {
    case .incomplete: return
    case .refused:
      // What came is somebody's who is no proxy; to answer would tell that there is one.
      counters.refused(.proxyHeader)
      context.close(promise: nil)
    case .complete(let header, let length):
      if let ends = header.ends { context.fireUserInboundEventTriggered(Told(ends: ends)) }
      input.moveReaderIndex(forwardBy: length)
      if input.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(input)) }
      context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }
  }
}
