import IngressModel
import NIOCore

/// Counts a connection of HTTP/2 among the others, and ends it when it is at nothing for long, or the program is about to.
///
/// SwiftNIO's manager says GOAWAY before that, and closes when the client has confirmed it: who does not is closed here.
final class HTTP2Connection: ChannelInboundHandler, Watched {
  typealias InboundIn = NIOAny
  private let state: LoopState
  private let origin: Origin
  private var context: ChannelHandlerContext?
  private var streams = 0
  private var deadline: NIODeadline
  private var isDraining = false
  /// Sees what goes out.
  let farewells = FarewellWatcher()

  init(_ origin: Origin, _ state: LoopState) {
    self.origin = origin
    self.state = state
    deadline = state.deadline(after: state.times.idle + Self.patience)
  }

  /// For what was said in parting to be confirmed.
  private static let patience = TimeAmount.seconds(5)

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    state.opened(self)
    origin.counters.connectionOpened()
    if state.isDraining { drain() }
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    state.closed(self)
    origin.counters.connectionClosed()
    self.context = nil
  }

  func streamOpened() {
    streams += 1
    deadline = .distantFuture
  }

  func streamClosed() {
    streams -= 1
    if streams == 0 { deadline = state.deadline(after: (isDraining ? .zero : state.times.idle) + Self.patience) }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // Of a stream, which has been reset, or of a client that is gone.
    guard farewells.isLast else { return }
    // SwiftNIO would go on to take in what comes, and keep it.
    context.channel.setOption(.autoRead, value: false).whenFailure { _ in }
    context.close(promise: nil)
  }

  func check(at now: NIODeadline) { if deadline < now { end() } }

  func drain() {
    isDraining = true
    if streams == 0 { deadline = state.deadline(after: Self.patience) }
    context?.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
  }

  func end() { context?.close(promise: nil) }
}

/// Notices GOAWAY with an error among the frames that go out (RFC 9113, section 6.8): SwiftNIO says it where the
/// connection cannot go on, and tells of the error like of any other.
final class FarewellWatcher: ChannelOutboundHandler {
  typealias OutboundIn = IOData
  typealias OutboundOut = IOData

  /// Eight bytes, of type 7, without flags, of the connection itself.
  private static let start: [UInt8] = [0, 0, 8, 7, 0, 0, 0, 0, 0]

  /// Whether it was the last that was written.
  private(set) var isLast = false

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    if case .byteBuffer(let buffer) = unwrapOutboundIn(data), buffer.readableBytes >= 17 {
      let end = buffer.writerIndex
      isLast =
        buffer.viewBytes(at: end - 17, length: 9)?.elementsEqual(Self.start) == true
        && buffer.getInteger(at: end - 4, as: UInt32.self) != 0
    } else {
      isLast = false
    }
    context.write(data, promise: promise)
  }
}
