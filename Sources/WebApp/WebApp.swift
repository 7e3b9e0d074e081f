import Glibc
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import ServiceLifecycle
import UnixSignals

/// The sample web application that benches measure, over HTTP/1.1.
///
/// Runs until it is asked to end. Then it takes no more connections, closes those that are idle, and gives the requests
/// that are under way the time of ``Setting/grace``.
public struct WebApp: Service {
  public struct Setting: Sendable {
    /// All of IPv6 and IPv4 where nil.
    public var address: String?
    /// 0 takes a free one.
    public var port: Int
    public var threads: Int
    public var grace: Duration

    public init(address: String? = nil, port: Int = 8000, threads: Int = 1, grace: Duration = .seconds(10)) {
      self.address = address
      self.port = port
      self.threads = threads
      self.grace = grace
    }
  }

  private let setting: Setting
  private let whenServing: @Sendable (_ address: String, _ port: Int) -> Void
  private let whenFull: @Sendable (_ reason: String) -> Void

  /// - Parameters:
  ///   - whenServing: called with the address, its port filled in, once connections are taken.
  ///   - whenFull: called once, when a connection first could not be taken, as where no more files may be open; such
  ///     connections wait until others are closed.
  public init(
    _ setting: Setting, whenServing: @escaping @Sendable (_ address: String, _ port: Int) -> Void = { _, _ in },
    whenFull: @escaping @Sendable (_ reason: String) -> Void = { _ in }
  ) {
    self.setting = setting
    self.whenServing = whenServing
    self.whenFull = whenFull
  }

  /// Serves until SIGINT or SIGTERM, and then ends in order.
  public func serveUntilSignal() async throws(WebAppError) {
    let group = ServiceGroup(
      configuration: .init(
        services: [.init(service: self)], gracefulShutdownSignals: [.sigint, .sigterm],
        logger: Logger(label: "webapp", factory: { _ in SwiftLogNoOpLogHandler() })))
    do {
      try await group.run()
    } catch let error as WebAppError {
      throw error
    } catch {
      throw WebAppError("the web application ended: \(error)")
    }
  }

  public func run() async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: setting.threads)
    let connections = Connections()
    do {
      let listener = try await listen(group, connections)
      if let place = listener.localAddress { whenServing(place.ipAddress ?? "", place.port ?? 0) }
      try? await gracefulShutdown()
      try? await listener.close()
      await connections.end(within: setting.grace)
    } catch {
      try? await group.shutdownGracefully()
      throw error
    }
    try? await group.shutdownGracefully()
  }

  private func listen(_ group: MultiThreadedEventLoopGroup, _ connections: Connections) async throws(WebAppError)
    -> any Channel
  {
    let bootstrap = ServerBootstrap(group: group)
      .serverChannelInitializer { [whenFull] channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(FullnessHandler(whenFull))
        }
      }
      .serverChannelOption(.backlog, value: 4096)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.configureHTTPServerPipeline(
            withPipeliningAssistance: true, withErrorHandling: true)
          try channel.pipeline.syncOperations.addHandler(RequestHandler())
          connections.add(channel)
        }
      }
    do {
      guard let address = setting.address else {
        do {
          return try await bootstrap.bind(to: SocketAddress(ipAddress: "::", port: setting.port)).get()
        } catch let error as IOError where error.errnoCode == EAFNOSUPPORT || error.errnoCode == EADDRNOTAVAIL {
          // A kernel without IPv6.
          return try await bootstrap.bind(to: SocketAddress(ipAddress: "0.0.0.0", port: setting.port)).get()
        }
      }
      return try await bootstrap.bind(host: address, port: setting.port).get()
    } catch {
      let place = "\(setting.address ?? "all addresses"), port \(setting.port)"
      throw WebAppError("cannot listen on \(place): \(Self.reason(error))")
    }
  }

  private static func reason(_ error: any Error) -> String {
    switch error {
    case let error as IOError: String(cString: strerror(error.errnoCode))
    case let error as SocketAddressError.UnknownHost: error.errorDescription
    default: "\(error)"
    }
  }
}

/// Why the web application does not serve.
public struct WebAppError: Error, CustomStringConvertible {
  public let description: String

  init(_ description: String) { self.description = description }
}
