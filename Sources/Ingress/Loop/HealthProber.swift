import Glibc
import IngressModel
import NIOCore
import NIOPosix

/// Asks the servers of services with a health check, each as often as the check says, on one event loop.
final class HealthProber {
  private let loop: any EventLoop
  private var running: [String: Asked] = [:]

  /// What is known of a server's next probe.
  private final class Asked {
    let server: ServerState
    let check: HealthCheck
    var next: Moment
    var isUnderWay = false

    init(_ server: ServerState, _ check: HealthCheck, next: Moment) {
      self.server = server
      self.check = check
      self.next = next
    }
  }

  private let tls: ServerTLS
  private let tell: @Sendable (String) -> Void

  /// - Parameter tell: is told in words when a server goes down, or comes back.
  init(loop: any EventLoop, tls: ServerTLS, tell: @escaping @Sendable (String) -> Void) {
    self.loop = loop
    self.tls = tls
    self.tell = tell
  }

  /// Asks the servers of these services from now on, and no others; the first time at once.
  func watch(_ pools: ServicePools) {
    var wanted: [String: Asked] = [:]
    let now = Moment.now()
    for pool in pools.all {
      guard let check = pool.service.healthCheck else { continue }
      for server in pool.servers {
        let key = "\(pool.service.name) \(server.url)"
        let known = running[key]
        let asked = Asked(server, check, next: known.flatMap { $0.check == check ? $0.next : nil } ?? now)
        wanted[key] = asked
      }
    }
    running = wanted
  }

  /// Begins what is due. Called several times a second.
  func tick() {
    let now = Moment.now()
    for asked in running.values where !asked.isUnderWay && asked.next <= now { ask(asked) }
  }

  private func ask(_ asked: Asked) {
    asked.isUnderWay = true
    let begun = Moment.now()
    let timeout = TimeAmount.nanoseconds(asked.check.timeout.wholeNanosecondsForNIO)
    probe(asked.server.server, asked.check, timeout: timeout).assumeIsolated().whenComplete { result in
      let now = Moment.now()
      let outcome: ProbeResult =
        switch result {
        case .success(let status): .status(status)
        case .failure(let error): error.isTimeout || error is ProbeTimeout ? .timeout : .failed(error.inWords)
        }
      if let change = asked.server.record(outcome, at: now) { self.tell(asked.server, change) }
      asked.isUnderWay = false
      asked.next = asked.check.nextProbe(afterOneBegunAt: begun, endedAt: now, now: now)
    }
  }

  private func tell(_ server: ServerState, _ change: HealthChange) {
    switch change {
    case .cameUp: tell("\(server.service): \(server.url) is up")
    case .wentDown(let reason): tell("\(server.service): \(server.url) is down: \(reason)")
    }
  }

  struct ProbeTimeout: Error {}

  private func probe(_ server: Server, _ check: HealthCheck, timeout: TimeAmount) -> EventLoopFuture<Int> {
    var target = server
    if let port = check.port { target.port = port }
    if let scheme = check.scheme { target.scheme = scheme }
    let answer = loop.makePromise(of: Int.self)
    let host = check.hostname ?? target.authority
    var text = "\(check.method) \(check.path) HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\nUser-Agent: svs\r\n"
    for (name, value) in check.headers.sorted(by: { $0.key < $1.key }) { text += "\(name): \(value)\r\n" }
    text += "\r\n"
    let request = text
    let (scheme, name, tls) = (target.scheme, target.host, self.tls)
    let limit = loop.scheduleTask(in: timeout) { answer.fail(ProbeTimeout()) }
    ClientBootstrap(group: loop).connectTimeout(timeout)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          if scheme == .https { try channel.pipeline.syncOperations.addHandler(tls.handler(for: name)) }
          try channel.pipeline.syncOperations.addHandler(ProbeHandler(request, answer))
        }
      }
      .connect(host: target.host, port: Int(target.port))
      .whenComplete { result in
        switch result {
        case .success(let channel): answer.futureResult.whenComplete { _ in channel.close(promise: nil) }
        case .failure(let error): answer.fail(error)
        }
      }
    answer.futureResult.whenComplete { _ in limit.cancel() }
    return answer.futureResult
  }
}

/// Sends one request and reads the head of its answer.
private final class ProbeHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  struct Broken: Error, CustomStringConvertible { var description: String }

  private let request: String
  private let answer: EventLoopPromise<Int>
  private var input = ByteBuffer()
  private var reader = HeadReader()
  private var head = MessageHead()

  init(_ request: String, _ answer: EventLoopPromise<Int>) {
    self.request = request
    self.answer = answer
  }

  func channelActive(context: ChannelHandlerContext) {
    context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: request)), promise: nil)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var data = unwrapInboundIn(data)
    input.writeBuffer(&data)
    while input.readableBytes > 0 {
      let outcome = input.withUnsafeReadableBytes { raw in
        raw.withMemoryRebound(to: UInt8.self) { reader.response($0, toHEAD: true, into: &head) }
      }
      switch outcome {
      case .incomplete: return
      case .refused(let fault): return answer.fail(Broken(description: "the answer is no HTTP (\(fault.rawValue))"))
      case .complete:
        input.moveReaderIndex(forwardBy: head.length)
        if head.status >= 200 { return answer.succeed(head.status) }
      }
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    answer.fail(Broken(description: "the server closed the connection without an answer"))
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { answer.fail(error) }
}

extension Error {
  /// For people: what NIO says of a system call, without the call.
  fileprivate var inWords: String {
    if let error = self as? NIOConnectionError, let first = error.connectionErrors.first {
      return first.error.inWords
    }
    if let error = self as? IOError { return String(cString: strerror(error.errnoCode)) }
    return "\(self)"
  }
}

extension Duration {
  fileprivate var wholeNanosecondsForNIO: Int64 {
    let (seconds, rest) = components
    return seconds >= 1_000_000 ? 1_000_000_000_000_000 : seconds * 1_000_000_000 + rest / 1_000_000_000
  }
}
