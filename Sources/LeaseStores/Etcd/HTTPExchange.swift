import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL

/// One request to a server and its response, on a connection of its own.
///
/// Requests are rare: a few when a lease is acquired, one a day to renew it. A connection that is kept would have to be
/// looked after.
struct HTTPExchange: Sendable {
  var endpoint: EtcdEndpoint
  var path: String
  var headers: [(String, String)] = []
  var body: String
  var tls: NIOSSLContext?

  /// What comes back, in pieces.
  enum Part: Sendable {
    case status(UInt)
    case body([UInt8])
  }

  typealias Parts = AsyncThrowingStream<Part, any Error>

  /// What can go wrong below HTTP.
  enum Fault: Error {
    case unreachable(String)
    /// For so long nothing came.
    case slow(Duration)
  }

  /// Sends the request. The response ends with the connection, or when nobody reads it any more.
  ///
  /// - Parameter limit: for connecting, and once more for the response's head.
  func begin(limit: Duration) async throws -> Parts {
    let (parts, feed) = Parts.makeStream()
    do {
      let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        .connectTimeout(TimeAmount(limit))
        .channelOption(ChannelOptions.socketOption(.tcp_nodelay), value: 1)
        .channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            if let tls { try pipeline.addHandler(tls.handler(for: endpoint.host)) }
            try pipeline.addHTTPClientHandlers()
            try pipeline.addHandler(ResponseReader(self, feed, limit: limit))
          }
        }
        .connect(host: endpoint.host, port: Int(endpoint.port)).get()
      feed.onTermination = { _ in channel.close(promise: nil) }
      return parts
    } catch { throw Self.fault(error, limit) }
  }

  /// Sends the request and takes the whole response.
  ///
  /// - Parameter limit: for connecting, and once more for all of the response.
  func response(limit: Duration) async throws -> (status: UInt, body: [UInt8]) {
    let parts = try await begin(limit: limit)
    return try await withThrowingTaskGroup(of: (status: UInt, body: [UInt8])?.self) { group in
      group.addTask {
        var (status, body): (UInt, [UInt8]) = (0, [])
        for try await part in parts {
          switch part {
          case .status(let number): status = number
          case .body(let bytes): body += bytes
          }
          guard body.count <= Self.largest else { throw Fault.unreachable("its answer has no end") }
        }
        try Task.checkCancellation()
        return (status, body)
      }
      group.addTask {
        try await Task.sleep(for: limit)
        return nil
      }
      defer { group.cancelAll() }
      guard let first = try await group.next(), let response = first else { throw Fault.slow(limit) }
      return response
    }
  }

  /// In bytes: more than all leases of a cluster can have.
  static let largest = 64 << 20

  private static func fault(_ error: any Error, _ limit: Duration) -> any Error {
    switch error {
    case is Fault, is CancellationError: error
    case ChannelError.connectTimeout: Fault.slow(limit)
    case let error as NIOConnectionError:
      if error.dnsAError != nil && error.dnsAAAAError != nil {
        Fault.unreachable("the name \(error.host) has no address")
      } else if case .connectTimeout? = error.connectionErrors.first?.error as? ChannelError {
        Fault.slow(limit)
      } else {
        Fault.unreachable(words(error.connectionErrors.first?.error ?? error))
      }
    default: Fault.unreachable(words(error))
    }
  }

  fileprivate static func words(_ error: any Error) -> String {
    switch error {
    case let error as IOError: String(cString: strerror(error.errnoCode))
    case is NIOSSLError, is BoringSSLError: "TLS: \(error)"
    default: "\(error)"
    }
  }
}

extension NIOSSLContext {
  fileprivate func handler(for host: String) throws -> NIOSSLClientHandler {
    let isAddress = host.utf8.allSatisfy { $0 == 46 || $0 &- 48 < 10 } || host.utf8.contains(58)
    return try NIOSSLClientHandler(context: self, serverHostname: isAddress ? nil : host)
  }
}

/// Sends a request as soon as there is a connection, and hands on what comes back.
private final class ResponseReader: ChannelInboundHandler {
  typealias InboundIn = HTTPClientResponsePart
  typealias OutboundOut = HTTPClientRequestPart

  private let exchange: HTTPExchange
  private let feed: HTTPExchange.Parts.Continuation
  private let limit: Duration
  private var alarm: Scheduled<Void>?

  init(_ exchange: HTTPExchange, _ feed: HTTPExchange.Parts.Continuation, limit: Duration) {
    self.exchange = exchange
    self.feed = feed
    self.limit = limit
  }

  func channelActive(context: ChannelHandlerContext) {
    var head = HTTPRequestHead(version: .http1_1, method: .POST, uri: exchange.path)
    head.headers.add(name: "Host", value: exchange.endpoint.authority)
    head.headers.add(name: "Content-Type", value: "application/json")
    head.headers.add(name: "Content-Length", value: "\(exchange.body.utf8.count)")
    for (name, value) in exchange.headers { head.headers.add(name: name, value: value) }
    context.write(wrapOutboundOut(.head(head)), promise: nil)
    context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: exchange.body)))), promise: nil)
    context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    let (feed, limit) = (feed, limit)
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    alarm = context.eventLoop.scheduleTask(in: TimeAmount(limit)) {
      feed.finish(throwing: HTTPExchange.Fault.slow(limit))
      bound.value.close(promise: nil)
    }
    context.fireChannelActive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      alarm?.cancel()
      feed.yield(.status(head.status.code))
    case .body(let buffer): feed.yield(.body(Array(buffer.readableBytesView)))
    case .end:
      feed.finish()
      context.close(promise: nil)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    finish(HTTPExchange.words(error))
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) {
    finish("it closed the connection")
    context.fireChannelInactive()
  }

  private func finish(_ reason: String) {
    alarm?.cancel()
    feed.finish(throwing: HTTPExchange.Fault.unreachable(reason))
  }
}
