import IngressModel
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS

/// A connection to a server, which serves one request after another.
final class ServerConnection: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private enum Place {
    case idle, head
    case body(BodyDecoder)
    case tunnel
    /// Of a tunnel: nobody is there for what comes.
    case parting
    case closed
  }

  /// The server's URL: connections with the same one may stand in for each other.
  let key: String
  private(set) var idleSince = NIODeadline.now()
  private let state: LoopState
  private var context: ChannelHandlerContext?
  private var exchange: Exchange?
  private var place = Place.idle
  private var input = ByteBuffer()
  private var reader: HeadReader
  private var head = MessageHead()
  private var deadline = NIODeadline.distantFuture
  private(set) var hasServed = false
  /// Whether TLS is being agreed on: nothing of a request has gone out before that.
  private var isSecuring = false
  /// When TLS is to be agreed on.
  private var connectedBy = NIODeadline.distantFuture
  /// Whether anything of the present answer has come.
  private var hasHeard = false
  private var isReading = true
  /// Whether more can be written without piling up.
  private(set) var isWritable = true
  private let output = OutputBuffer()
  /// Whether the server has ended the connection.
  private var hasEnded = false

  private init(key: String, _ state: LoopState) {
    self.key = key
    self.state = state
    var limits = state.settings.limits
    limits.line = limits.head
    reader = HeadReader(limits: limits)
  }

  /// Connects for an exchange, which is told of the outcome.
  ///
  /// - Parameter greeting: what the server is told before anything else, be it by TLS or not.
  static func open(
    _ server: Server, key: String, saying greeting: ByteBuffer?, for exchange: Exchange, _ state: LoopState
  ) {
    let connection = ServerConnection(key: key, state)
    let bootstrap = ClientBootstrap(group: state.loop)
      .connectTimeout(state.times.connect)
      .channelOption(ChannelOptions.socketOption(.tcp_nodelay), value: 1)
      .channelOption(ChannelOptions.maxMessagesPerRead, value: 1)
    let connected: EventLoopFuture<any Channel>
    if let address = try? SocketAddress(ipAddress: server.host, port: Int(server.port)) {
      connected = bootstrap.connect(to: address)
    } else {
      connected = bootstrap.connect(host: server.host, port: Int(server.port))
    }
    connected.assumeIsolated().whenComplete { result in
      switch result {
      case .success(let channel):
        do {
          if let greeting { channel.writeAndFlush(greeting, promise: nil) }
          if server.scheme == .https {
            connection.isSecuring = true
            connection.connectedBy = state.deadline(after: state.times.connect)
            try channel.pipeline.syncOperations.addHandler(state.serverTLS.handler(for: server.host))
          }
          try channel.pipeline.syncOperations.addHandler(connection)
          exchange.connected(connection)
        } catch {
          channel.close(promise: nil)
          exchange.connectionFailed(.connect)
        }
      case .failure(let error):
        exchange.connectionFailed(error.isTimeout ? .connectTimeout : .connect)
      }
    }
  }

  // MARK: For the exchange

  var isIdle: Bool { if case .idle = place { exchange == nil } else { false } }
  func begin(_ exchange: Exchange) {
    self.exchange = exchange
    hasHeard = false
    place = .head
    deadline = state.deadline(after: state.times.answer)
  }

  /// Writes what a function makes.
  ///
  /// - Parameter count: of bytes, about.
  func write(about count: Int, _ body: (inout ByteBuffer) -> Void) {
    output.append(about: count, state, body)
    wrote()
  }

  func write(_ data: ByteBuffer) {
    guard let context else { return }
    output.append(data, to: context, state)
    wrote()
  }

  private func wrote() {
    // A request takes as long as it takes to send, also where its answer has begun.
    if isWritable { deadline = state.deadline(after: state.times.answer) }
    if output.isLarge { flush() }
  }

  func flush() { if let context { output.flush(to: context, state) } }

  func requestEnded() { if case .head = place { deadline = state.deadline(after: state.times.answer) } }

  func setReading(_ reads: Bool) {
    guard reads != isReading, let context else { return }
    isReading = reads
    context.channel.setOption(.autoRead, value: reads).whenFailure { _ in }
    if reads {
      process()
      exchange?.flushAnswer()
    }
  }

  /// The client of a tunnel is gone: what it has said goes to its end, and the server may say good-bye.
  func endTunnel() {
    exchange = nil
    guard let context else { return }
    place = .parting
    deadline = state.deadline(after: state.times.answer)
    flush()
    setReading(true)
    context.close(mode: .output, promise: nil)
  }

  func close() {
    exchange = nil
    place = .closed
    context?.close(promise: nil)
  }

  func check(at now: NIODeadline) {
    if isIdle {
      if idleSince + state.times.pool < now { close() }
      return
    }
    if case .tunnel = place { return }
    if case .parting = place { return deadline < now ? close() : () }
    // What the server is asked is not on its way before this.
    if isSecuring, connectedBy < now { return fail(.connectTimeout) }
    // Who is not read from cannot be late.
    guard isReading, deadline < now, let exchange else { return }
    // It is the client who was to say more.
    if !exchange.requestIsComplete, isWritable { exchange.clientIsLate() } else { fail(.responseTimeout) }
  }

  // MARK: Channel

  func handlerAdded(context: ChannelHandlerContext) {
    self.context = context
    state.opened(self)
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    state.closed(self)
    self.context = nil
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var data = unwrapInboundIn(data)
    if input.readableBytes == 0 { input = data } else { input.writeBuffer(&data) }
    process()
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    exchange?.flushAnswer()
    context.fireChannelReadComplete()
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    isWritable = context.channel.isWritable
    if isWritable { exchange?.serverIsWritable() }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    // What came before belongs to the answer, though its client was too slow for it.
    hasEnded = true
    isReading = true
    process()
    if case .parting = place { return close() }
    fail(isSecuring ? .tls : .reset)
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case .some(.handshakeCompleted) = event as? TLSUserEvent { isSecuring = false }
  }

  func channelInactive(context: ChannelHandlerContext) {
    // What came before the end belongs to the answer, though its client was too slow for it.
    hasEnded = true
    isReading = true
    process()
    switch place {
    case .body(let decoder) where decoder.endsWithConnection: finish(keeps: false)
    case .parting: place = .closed
    case .tunnel:
      let exchange = self.exchange
      self.exchange = nil
      place = .closed
      exchange?.answerEnded()
    default: fail(isSecuring ? .tls : .reset)
    }
  }

  // MARK: Reading

  private func process() {
    while isReading || input.readableBytes == 0 {
      switch place {
      case .idle:
        // Nobody asked: what comes now would be taken for the answer to the next request.
        if input.readableBytes > 0 { close() }
        return
      case .parting:
        input = ByteBuffer()
        return
      case .closed: return
      case .head:
        guard input.readableBytes > 0 else { return }
        hasHeard = true
        guard readHead() else { return }
      case .body(var decoder):
        let outcome = decoder.next(&input)
        place = .body(decoder)
        switch outcome {
        case .data(let data):
          deadline = state.deadline(after: state.times.answer)
          exchange?.answered(data: data)
        case .waiting: return
        case .end:
          finish(keeps: head.keepsAlive)
          return
        case .refused: return fail(.malformed)
        }
      case .tunnel:
        guard input.readableBytes > 0, let data = input.readSlice(length: input.readableBytes) else { return }
        exchange?.answered(data: data)
      }
    }
  }

  /// - Returns: whether there is something to go on with.
  private func readHead() -> Bool {
    guard let exchange else { return false }
    let isHead = exchange.isHead
    let bytes = input
    let outcome = bytes.withUnsafeReadableBytes { raw in
      raw.withMemoryRebound(to: UInt8.self) { reader.response($0, toHEAD: isHead, into: &head) }
    }
    switch outcome {
    case .incomplete: return false
    case .refused:
      fail(.malformed)
      return false
    case .complete: break
    }
    // Nobody asked for another protocol.
    if head.status == 101, !exchange.wantsUpgrade {
      fail(.malformed)
      return false
    }
    deadline = state.deadline(after: state.times.answer)
    input.moveReaderIndex(forwardBy: head.length)
    // Before the client hears of it: that may end the connection.
    if head.status == 101 {
      place = .tunnel
      if let context { KeepAlive.turnOn(context.channel) }
    } else if head.status >= 200 {
      place = .body(BodyDecoder(head.framing))
    }
    bytes.withUnsafeReadableBytes { raw in
      raw.withMemoryRebound(to: UInt8.self) { exchange.answered(head, $0) }
    }
    return true
  }

  private func finish(keeps: Bool) {
    guard let exchange else { return }
    self.exchange = nil
    hasServed = true
    place = .idle
    idleSince = .now()
    // Bytes that nobody asked for, or a request that was not taken to its end, leave a connection nobody can use.
    if !keeps || hasEnded || input.readableBytes > 0 || !exchange.requestIsComplete || exchange.usesOwnConnection
      || !state.give(self)
    {
      close()
    } else {
      input = ByteBuffer()
      if !isReading { setReading(true) }
    }
    exchange.answerEnded()
  }

  private func fail(_ failure: RequestFailure) {
    let exchange = self.exchange
    let isReused = hasServed && !hasHeard
    close()
    exchange?.serverFailed(failure, isReused: isReused)
  }
}

extension Error {
  var isTimeout: Bool {
    if let error = self as? ChannelError, case .connectTimeout = error { return true }
    return false
  }
}
