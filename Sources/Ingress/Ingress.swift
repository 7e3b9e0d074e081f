import IngressModel
import NIOCore
import NIOPosix
import Synchronization

/// The proxy: entry points, and on each event loop the connections that came by them.
public final class Ingress: Sendable {
  private let group: MultiThreadedEventLoopGroup
  private let entryPoints: [EntryPoint]
  private let settings: ProxySettings
  private let loops: [ObjectIdentifier: NIOLoopBound<LoopState>]
  private let current: Mutex<Current>

  private struct Current {
    var rules: RuleSet
    var telemetry: IngressTelemetry
    var listeners: [any Channel] = []
  }

  /// - Parameter threads: event loops, from 1.
  public init(
    _ configuration: IngressConfiguration, entryPoints: [EntryPoint], settings: ProxySettings = ProxySettings(),
    threads: Int
  ) throws(ServicePoolError) {
    self.entryPoints = entryPoints
    self.settings = settings
    let telemetry = IngressTelemetry(
      entryPoints: entryPoints.map(\.description), routers: configuration.routers)
    let rules = try RuleSet(configuration, entryPoints: entryPoints, telemetry: telemetry, inheriting: nil)
    current = Mutex(Current(rules: rules, telemetry: telemetry))
    group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, threads))
    var loops: [ObjectIdentifier: NIOLoopBound<LoopState>] = [:]
    for loop in group.makeIterator() {
      loops[ObjectIdentifier(loop)] =
        try! loop.submit { NIOLoopBound(LoopState(loop: loop, settings: settings, rules: rules), eventLoop: loop) }
        .wait()
    }
    self.loops = loops
  }

  /// Listens at all entry points.
  public func start() async throws {
    for loop in group.makeIterator() {
      guard let state = loops[ObjectIdentifier(loop)] else { continue }
      loop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in state.value.sweep() }
    }
    for point in entryPoints {
      let channel = try await listen(point)
      current.withLock { $0.listeners.append(channel) }
    }
  }

  /// The port of an entry point; another than its own where that is 0.
  public func port(of name: String) -> UInt16? {
    guard let index = entryPoints.firstIndex(where: { $0.name == name }) else { return nil }
    return current.withLock { $0.listeners.indices.contains(index) ? $0.listeners[index].localAddress?.port : nil }
      .flatMap { UInt16(exactly: $0) }
  }

  private func listen(_ point: EntryPoint) async throws -> any Channel {
    let loops = self.loops
    let counters = current.withLock { $0.telemetry.entryPoint(point.name) } ?? EntryPointCounters()
    let bootstrap = ServerBootstrap(group: group)
      .serverChannelOption(ChannelOptions.backlog, value: 4_096)
      .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(ChannelOptions.socketOption(.tcp_nodelay), value: 1)
      .childChannelOption(ChannelOptions.maxMessagesPerRead, value: 1)
      .childChannelOption(ChannelOptions.allowRemoteHalfClosure, value: false)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          guard let state = loops[ObjectIdentifier(channel.eventLoop)]?.value,
            let origin = Exchange.Origin(channel.remoteAddress, point, counters)
          else { throw ChannelError.inappropriateOperationForState }
          try channel.pipeline.syncOperations.addHandler(ClientConnection(origin, state))
        }
      }
    return try await bootstrap.bind(host: point.host ?? "::", port: Int(point.port)).get()
  }

  /// Puts another configuration in force, for requests that begin from now on.
  public func reload(_ configuration: IngressConfiguration) throws(ServicePoolError) {
    let rules = try current.withLock { current throws(ServicePoolError) in
      let telemetry = IngressTelemetry(
        entryPoints: entryPoints.map(\.description), routers: configuration.routers, inheriting: current.telemetry)
      let rules = try RuleSet(
        configuration, entryPoints: entryPoints, telemetry: telemetry, inheriting: current.rules)
      current.telemetry = telemetry
      current.rules = rules
      return rules
    }
    for loop in group.makeIterator() {
      guard let state = loops[ObjectIdentifier(loop)] else { continue }
      loop.execute { state.value.rules = rules }
    }
  }

  /// Takes no new connections, lets those there are end with what they are at, and ends the rest when the time is over.
  public func stop(within patience: Duration) async {
    for listener in current.withLock({ $0.listeners }) { try? await listener.close() }
    for loop in group.makeIterator() {
      guard let state = loops[ObjectIdentifier(loop)] else { continue }
      loop.execute { state.value.drain() }
    }
    let end = ContinuousClock.now + patience
    while ContinuousClock.now < end, await openClients() > 0 { try? await Task.sleep(for: .milliseconds(20)) }
    try? await group.shutdownGracefully()
  }

  private func openClients() async -> Int {
    var count = 0
    for loop in group.makeIterator() {
      guard let state = loops[ObjectIdentifier(loop)] else { continue }
      count += (try? await loop.submit { state.value.openClients }.get()) ?? 0
    }
    return count
  }
}

extension EntryPoint {
  var description: EntryPointDescription {
    EntryPointDescription(name: name, address: "\(host ?? "*"):\(port)", isTLS: isTLS)
  }
}

extension Exchange.Origin {
  init?(_ address: SocketAddress?, _ point: EntryPoint, _ counters: EntryPointCounters) {
    guard let address else { return nil }
    // As text it may have a zone.
    guard let text = address.ipAddress?.split(separator: "%").first, let client = ClientAddress(parsing: String(text))
    else { return nil }
    self.init(client: client, text: Array(client.text.utf8), entryPoint: point, counters: counters)
  }
}
