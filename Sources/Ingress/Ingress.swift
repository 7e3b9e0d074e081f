import Glibc
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
  private let prober: NIOLoopBound<HealthProber>
  private let current: Mutex<Current>

  private struct Current {
    var rules: RuleSet
    var telemetry: IngressTelemetry
    var process: ProcessStatus
    var history = StatusHistory()
    var listeners: [String: any Channel] = [:]
  }

  /// - Parameters:
  ///   - threads: event loops, from 1.
  ///   - log: the access log's form, and the open file that it is written to; none: there is no log.
  ///   - version: of the program, for the status page.
  ///   - tell: is told, in words, what operators want to know at once: servers that go down and come back.
  public init(
    _ configuration: IngressConfiguration, entryPoints: [EntryPoint], settings: ProxySettings = ProxySettings(),
    threads: Int, log: (format: AccessLog.Format, descriptor: CInt)? = nil, version: String,
    tell: @escaping @Sendable (String) -> Void = { _ in }
  ) throws {
    self.entryPoints = entryPoints
    self.settings = settings
    let telemetry = IngressTelemetry(entryPoints: entryPoints.map(\.description), routers: configuration.routers)
    let rules = try RuleSet(configuration, entryPoints: entryPoints, telemetry: telemetry, inheriting: nil)
    let serverTLS = try ServerTLS(authorities: settings.authorities)
    current = Mutex(
      Current(rules: rules, telemetry: telemetry, process: ProcessStatus(version: version, started: .now())))
    group = MultiThreadedEventLoopGroup(numberOfThreads: max(1, threads))
    var loops: [ObjectIdentifier: NIOLoopBound<LoopState>] = [:]
    for loop in group.makeIterator() {
      loops[ObjectIdentifier(loop)] = try loop.submit {
        let buffer = log.map { LogBuffer($0.format, descriptor: $0.descriptor) }
        return NIOLoopBound(
          LoopState(loop: loop, settings: settings, serverTLS: serverTLS, rules: rules, log: buffer), eventLoop: loop)
      }.wait()
    }
    self.loops = loops
    let loop = group.next()
    prober = try loop.submit { NIOLoopBound(HealthProber(loop: loop, tls: serverTLS, tell: tell), eventLoop: loop) }
      .wait()
  }

  /// Listens at all entry points.
  ///
  /// - Parameter status: where the status page and the metrics are; none: nowhere.
  public func start(status: (host: String, port: UInt16)? = nil) async throws {
    for state in loops.values {
      state.eventLoop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in state.value.sweep() }
    }
    let (prober, pools) = (prober, current.withLock(\.rules.pools))
    prober.eventLoop.execute { prober.value.watch(pools) }
    prober.eventLoop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(100)) { _ in prober.value.tick() }
    for point in entryPoints {
      let channel = try await listen(point)
      current.withLock { $0.listeners[point.name] = channel }
    }
    if let status {
      let channel = try await listen(status)
      current.withLock { $0.listeners["status"] = channel }
    }
  }

  /// The port of an entry point, or of `status`: what the kernel chose, where it was given as 0.
  public func port(of name: String) -> UInt16? {
    current.withLock { $0.listeners[name]?.localAddress?.port }.flatMap { UInt16(exactly: $0) }
  }

  private func listen(_ point: EntryPoint) async throws -> any Channel {
    let counters = current.withLock { $0.telemetry.entryPoint(point.name) } ?? EntryPointCounters()
    let pipeline = ClientPipeline(point: point, counters: counters, loops: loops)
    let bootstrap = self.bootstrap.childChannelInitializer { pipeline.install(on: $0) }
    return try await bind(bootstrap, point.host, point.port, for: "the entry point '\(point.name)'")
  }

  private func listen(_ status: (host: String, port: UInt16)) async throws -> any Channel {
    let page: @Sendable (String) -> AdminConnection.Page? = { [weak self] in self?.page(at: $0) }
    let loops = self.loops
    let bootstrap = self.bootstrap.childChannelInitializer { channel in
      channel.eventLoop.makeCompletedFuture {
        guard let state = loops[ObjectIdentifier(channel.eventLoop)]?.value else { return }
        try channel.pipeline.syncOperations.addHandler(AdminConnection(page, state))
      }
    }
    return try await bind(bootstrap, status.host, status.port, for: "the status page")
  }

  /// - Throws: ``ListenFault``.
  private func bind(
    _ bootstrap: ServerBootstrap, _ host: String?, _ port: UInt16, for name: String
  ) async throws -> any Channel {
    do { return try await bind(bootstrap, host, port) } catch {
      let reason = (error as? IOError).map { String(cString: strerror($0.errnoCode)) } ?? "\(error)"
      throw ListenFault(description: "\(name): cannot listen at \(host ?? "*"):\(port): \(reason)")
    }
  }

  private func bind(_ bootstrap: ServerBootstrap, _ host: String?, _ port: UInt16) async throws -> any Channel {
    if let host { return try await bootstrap.bind(host: host, port: Int(port)).get() }
    do { return try await bootstrap.bind(host: "::", port: Int(port)).get() } catch let error as IOError {
      // A host without IPv6.
      guard error.errnoCode == EAFNOSUPPORT || error.errnoCode == EADDRNOTAVAIL else { throw error }
      return try await bootstrap.bind(host: "0.0.0.0", port: Int(port)).get()
    }
  }

  private var bootstrap: ServerBootstrap {
    ServerBootstrap(group: group)
      .serverChannelOption(ChannelOptions.backlog, value: 4_096)
      .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(ChannelOptions.socketOption(.tcp_nodelay), value: 1)
      .childChannelOption(ChannelOptions.maxMessagesPerRead, value: 1)
  }

  private func page(at path: String) -> AdminConnection.Page? {
    switch path {
    case "/", "/status":
      return AdminConnection.Page(
        contentType: StatusPage.contentType, headers: StatusPage.headers, body: Array(StatusPage.html.utf8))
    case "/\(StatusPage.dataPath)":
      let status = self.status()
      return AdminConnection.Page(
        contentType: StatusPage.dataContentType, headers: [("Cache-Control", "no-store")],
        body: current.withLock { $0.history.rated(status) }.json())
    case "/metrics":
      return AdminConnection.Page(contentType: IngressStatus.prometheusContentType, body: status().prometheus())
    case "/healthz": return AdminConnection.Page(contentType: "text/plain; charset=utf-8", body: Array("ok\n".utf8))
    default: return nil
    }
  }

  /// What there is to tell now.
  public func status() -> IngressStatus {
    let (process, rules, telemetry) = current.withLock { ($0.process, $0.rules, $0.telemetry) }
    var status = IngressStatus(
      process: process, routers: rules.configuration.routers, pools: rules.pools, telemetry: telemetry, time: .now(),
      at: .now())
    // With the port that the kernel chose, where it was to.
    for (index, point) in status.entryPoints.enumerated() {
      guard let port = port(of: point.description.name),
        let given = entryPoints.first(where: { $0.port == 0 && $0.name == point.description.name })
      else { continue }
      status.entryPoints[index].description.address = "\(given.host ?? "*"):\(port)"
    }
    return status
  }

  /// Looks at what only a running proxy needs: certificates, services within services.
  ///
  /// - Throws: what is wrong with it.
  public static func check(_ configuration: IngressConfiguration, authorities: String? = nil) throws {
    _ = try ServerTLS(authorities: authorities)
    _ = try CertificateStore(configuration.certificates)
    _ = try ServicePools(configuration.services)
  }

  // MARK: Changes

  /// Puts another configuration in force, for requests that begin from now on; those under way keep theirs.
  ///
  /// Not to be called again before it has returned.
  /// - Throws: what is wrong with it; then the one before stays in force.
  public func reload(_ configuration: IngressConfiguration) async throws {
    let (oldTelemetry, oldRules) = current.withLock { ($0.telemetry, $0.rules) }
    let telemetry = IngressTelemetry(
      entryPoints: entryPoints.map(\.description), routers: configuration.routers, inheriting: oldTelemetry)
    let rules = try RuleSet(configuration, entryPoints: entryPoints, telemetry: telemetry, inheriting: oldRules)
    current.withLock { current in
      current.telemetry = telemetry
      current.rules = rules
      current.process.reloads += 1
      current.process.reloadError = nil
    }
    for state in loops.values { try await state.eventLoop.submit { state.value.rules = rules }.get() }
    let prober = self.prober
    prober.eventLoop.execute { prober.value.watch(rules.pools) }
  }

  /// Remembers that a configuration was not taken, for the status page.
  public func reloadFailed(_ reason: String) {
    current.withLock {
      $0.process.failedReloads += 1
      $0.process.reloadError = reason
    }
  }

  /// Takes no new connections, lets those there are end with what they are at, and ends the rest when the time is over.
  public func stop(within patience: Duration) async {
    let listeners = current.withLock { current in
      current.process.isDraining = true
      return current.listeners.filter { $0.key != "status" }.map(\.value)
    }
    for listener in listeners { try? await listener.close() }
    for state in loops.values { state.eventLoop.execute { state.value.drain() } }
    let end = ContinuousClock.now + patience
    while ContinuousClock.now < end, await openClients() > 0 { try? await Task.sleep(for: .milliseconds(20)) }
    for state in loops.values { try? await state.eventLoop.submit { state.value.end() }.get() }
    // What was cut off is in the log too: it gets there by the events that the ends bring.
    for state in loops.values { try? await state.eventLoop.submit { state.value.log?.flush() }.get() }
    try? await group.shutdownGracefully()
  }

  private func openClients() async -> Int {
    var count = 0
    for state in loops.values { count += (try? await state.eventLoop.submit { state.value.openClients }.get()) ?? 0 }
    return count
  }
}

/// Why an address is not listened at.
public struct ListenFault: Error, Hashable, CustomStringConvertible {
  public var description: String
}

extension EntryPoint {
  var description: EntryPointDescription {
    EntryPointDescription(name: name, address: "\(host ?? "*"):\(port)", isTLS: isTLS)
  }
}
