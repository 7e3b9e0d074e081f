import NIOCore

/// Collects what is written to a connection, so that small pieces go in one.
///
/// A class, since what a channel is given may bring others back here before it returns.
final class OutputBuffer {
  /// To copy less than this is cheaper than to write in pieces.
  private static let copied = 16_384

  private var pending = ByteBuffer()
  /// Whether the channel has something that is not flushed.
  private var hasWritten = false

  /// Whether it is time to flush.
  var isLarge: Bool { pending.readableBytes > 65_536 }

  func append(about count: Int, _ state: LoopState, _ body: (inout ByteBuffer) -> Void) {
    reserve(count, state)
    body(&pending)
  }

  func append(_ data: ByteBuffer, to context: ChannelHandlerContext, _ state: LoopState) {
    if data.readableBytes <= Self.copied {
      reserve(data.readableBytes, state)
      pending.writeImmutableBuffer(data)
      return
    }
    if pending.readableBytes > 0 {
      context.write(NIOAny(pending), promise: nil)
      state.giveBack(&pending)
    }
    hasWritten = true
    context.write(NIOAny(data), promise: nil)
  }

  func flush(to context: ChannelHandlerContext, _ state: LoopState) {
    if pending.readableBytes > 0 {
      // Before anything is called that could come back here.
      var data = ByteBuffer()
      swap(&data, &pending)
      hasWritten = false
      context.writeAndFlush(NIOAny(data), promise: nil)
      state.giveBack(&data)
    } else if hasWritten {
      hasWritten = false
      context.flush()
    }
  }

  private func reserve(_ count: Int, _ state: LoopState) {
    if pending.readableBytes == 0, pending.storageCapacity < count { pending = state.buffer(about: count) }
  }
}
