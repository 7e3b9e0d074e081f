import IngressModel
import NIOCore
import NIOHPACK
import NIOHTTP2
import NIOPosix
import NIOSSL
import NIOTLS

/// What stands on a client's connection: the PROXY protocol's header, TLS, and HTTP of the version that was agreed on.
struct ClientPipeline: Sendable {
  let point: EntryPoint
  let counters: EntryPointCounters
  let loops: [ObjectIdentifier: NIOLoopBound<LoopState>]

  func install(on channel: any Channel) -> EventLoopFuture<Void> {
    channel.eventLoop.makeCompletedFuture {
      guard let state = loops[ObjectIdentifier(channel.eventLoop)]?.value,
        let origin = Origin(channel, point, counters)
      else { throw ChannelError.inappropriateOperationForState }
      let pipeline = channel.pipeline.syncOperations
      if point.takesProxyProtocol { try pipeline.addHandler(ProxyHeaderReader(counters)) }
      guard point.isTLS else { return try pipeline.addHandler(ClientConnection(origin, state)) }
      try pipeline.addHandler(OriginKeeper(origin, state))
      try pipeline.addHandler(
        ByteToMessageHandler(
          SNIHandler { result in
            channel.eventLoop.makeCompletedFuture {
              var name: String?
              if case .hostname(let asked) = result { name = asked }
              // The newest certificates: a reload is in force with the next connection.
              guard let context = state.rules.certificates.context(for: name) else {
                channel.close(promise: nil)
                throw ChannelError.inappropriateOperationForState
              }
              try pipeline.addHandler(NIOSSLServerHandler(context: context))
              try pipeline.addHandler(FaultCounter(counters))
              try pipeline.addHandler(
                ApplicationProtocolNegotiationHandler { result, channel in
                  channel.eventLoop.makeCompletedFuture { try agreed(on: result, channel, state) }
                })
            }
          }))
    }
  }

  private func agreed(on result: ALPNResult, _ channel: any Channel, _ state: LoopState) throws {
    let pipeline = channel.pipeline.syncOperations
    let keeper = try pipeline.handler(type: OriginKeeper.self)
    keeper.handshakeEnded()
    let origin = keeper.origin
    guard case .negotiated("h2") = result else {
      return try pipeline.addHandler(ClientConnection(origin, state))
    }
    var limits = NIOHTTP2Handler.ConnectionConfiguration()
    limits.initialSettings = [
      HTTP2Setting(parameter: .maxConcurrentStreams, value: 100),
      // What SwiftNIO's decoder takes before the client has confirmed these settings, and so always.
      HTTP2Setting(parameter: .maxHeaderListSize, value: HPACKDecoder.defaultMaxHeaderListSize),
    ]
    let bound = NIOLoopBound(state, eventLoop: channel.eventLoop)
    limits.contentLengthValidation = .enabled
    var streams = NIOHTTP2Handler.StreamConfiguration()
    streams.outboundBufferSizeHighWatermark = 65_536
    streams.outboundBufferSizeLowWatermark = 32_768
    // Says GOAWAY where the connection has nothing to do for long, or the program is about to end; and asks those that
    // are silent for long whether they are there.
    let manager = NIOHTTP2ServerConnectionManagementHandler(
      eventLoop: channel.eventLoop,
      configuration: .init(
        maxIdleTime: state.times.idle, maxAge: nil, maxGraceTime: nil,
        keepalive: .init(pingInterval: state.times.idle, ackTimeout: state.times.answer)))
    let watcher = HTTP2Connection(origin, state)
    let connection = NIOLoopBound(watcher, eventLoop: channel.eventLoop)
    try pipeline.addHandler(watcher.farewells)
    _ = try pipeline.configureHTTP2Pipeline(
      mode: .server, connectionConfiguration: limits, streamConfiguration: streams,
      streamDelegate: manager.http2StreamDelegate
    ) { stream in
      stream.eventLoop.makeCompletedFuture {
        try stream.pipeline.syncOperations.addHandler(HTTP2Stream(origin, bound.value, of: connection.value))
      }
    }
    try pipeline.addHandler(manager)
    try pipeline.addHandler(watcher)
  }
}

/// Keeps whom a connection is for, until it is known which version of HTTP asks; that must not take for ever.
private final class OriginKeeper: ChannelInboundHandler, Watched {
  typealias InboundIn = NIOAny
  private(set) var origin: Origin
  private let state: LoopState
  private var context: ChannelHandlerContext?
  private let deadline: NIODeadline

  init(_ origin: Origin, _ state: LoopState) {
    self.origin = origin
    self.state = state
    deadline = state.deadline(after: state.times.head)
  }

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    state.opened(self)
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    state.closed(self)
    self.context = nil
  }

  /// Others look after the connection from now on.
  func handshakeEnded() { state.closed(self) }

  func check(at now: NIODeadline) {
    guard deadline < now else { return }
    origin.counters.refused(.timeout)
    context?.close(promise: nil)
  }

  func drain() { end() }
  func end() { context?.close(promise: nil) }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if let told = event as? ProxyHeaderReader.Told { origin = origin.speaking(for: told.ends) }
    context.fireUserInboundEventTriggered(event)
  }
}

/// Counts handshakes that failed, and closes their connections.
private final class FaultCounter: ChannelInboundHandler {
  typealias InboundIn = NIOAny
  private let counters: EntryPointCounters
  private var isOver = false

  init(_ counters: EntryPointCounters) { self.counters = counters }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // Later ones are for whoever speaks HTTP here.
    if isOver { return context.fireErrorCaught(error) }
    isOver = true
    counters.refused(.tlsHandshake)
    context.close(promise: nil)
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case .some(.handshakeCompleted) = event as? TLSUserEvent { isOver = true }
    context.fireUserInboundEventTriggered(event)
  }
}
