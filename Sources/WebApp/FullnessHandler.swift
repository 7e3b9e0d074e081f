import Glibc
import NIOCore

/// Tells once that a connection could not be taken; NIO tries again a second later, and says nothing.
final class FullnessHandler: ChannelInboundHandler {
  typealias InboundIn = any Channel

  private var tell: ((String) -> Void)?

  init(_ tell: @escaping (String) -> Void) { self.tell = tell }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // A client that was gone before it was taken has lost nothing.
    if let error = error as? IOError, error.errnoCode != ECONNABORTED {
      tell?(String(cString: strerror(error.errnoCode)))
      tell = nil
    }
    context.fireErrorCaught(error)
  }
}
