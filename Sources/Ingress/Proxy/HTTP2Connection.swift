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

  func check(at now: NIODeadline) { if deadline < now { end() } }

  func drain() {
    isDraining = true
    if streams == 0 { deadline = state.deadline(after: Self.patience) }
    context?.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
  }

  func end() { context?.close(promise: nil) }
}
