import IngressModel
import NIOCore

/// What the connections of one event loop share; it is used on its thread only.
final class LoopState {
  let loop: any EventLoop
  let settings: ProxySettings
  let times: ProxyTimes
  let serverTLS: ServerTLS
  private let allocator = ByteBufferAllocator()
  /// One that was written, to be used again.
  private var spare = ByteBuffer()
  /// About now: limits of time are looked at no more often than it is renewed.
  private(set) var tick = NIODeadline.now()
  var rules: RuleSet
  let log: LogBuffer?
  /// Whether the program is about to end: no connection is kept for another request.
  private(set) var isDraining = false

  private var clients: [ObjectIdentifier: any Watched] = [:]
  /// Whose time is limited, and that nobody waits for when the program ends.
  private var visitors: [ObjectIdentifier: any Watched] = [:]
  private var servers: [ObjectIdentifier: ServerConnection] = [:]
  private var idle: [String: IdleConnections] = [:]

  init(loop: any EventLoop, settings: ProxySettings, serverTLS: ServerTLS, rules: RuleSet, log: LogBuffer?) {
    self.log = log
    self.serverTLS = serverTLS
    self.loop = loop
    self.settings = settings
    times = ProxyTimes(settings)
    self.rules = rules
  }

  /// When something is to end that may take so long from now on.
  func deadline(after time: TimeAmount) -> NIODeadline { tick + time + .seconds(1) }

  // MARK: Memory

  func buffer(about count: Int) -> ByteBuffer {
    guard spare.storageCapacity >= count else { return allocator.buffer(capacity: count) }
    var buffer = ByteBuffer()
    swap(&buffer, &spare)
    buffer.clear()
    return buffer
  }

  /// Keeps a buffer that was written for whoever needs one next.
  func giveBack(_ buffer: inout ByteBuffer) {
    var empty = ByteBuffer()
    swap(&buffer, &empty)
    if empty.storageCapacity <= 131_072, empty.storageCapacity >= spare.storageCapacity { spare = empty }
  }

  // MARK: Clients

  func opened(_ client: any Watched) { clients[ObjectIdentifier(client)] = client }
  func closed(_ client: any Watched) { clients[ObjectIdentifier(client)] = nil }
  var openClients: Int { clients.count }
  func watch(_ visitor: any Watched) { visitors[ObjectIdentifier(visitor)] = visitor }
  func unwatch(_ visitor: any Watched) { visitors[ObjectIdentifier(visitor)] = nil }

  // MARK: Servers

  func opened(_ server: ServerConnection) { servers[ObjectIdentifier(server)] = server }

  func closed(_ server: ServerConnection) {
    servers[ObjectIdentifier(server)] = nil
    guard let idle = idle[server.key], let position = idle.connections.firstIndex(where: { $0 === server }) else {
      return
    }
    idle.connections.remove(at: position)
    if idle.connections.isEmpty { self.idle[server.key] = nil }
  }

  /// An open connection to a server that nobody uses; the one that was used last, which is the least likely to be closing.
  ///
  /// - Parameter notOlderThan: how long it may have been unused.
  func take(_ key: String, notOlderThan age: TimeAmount? = nil) -> ServerConnection? {
    guard let idle = idle[key] else { return nil }
    while let last = idle.connections.last {
      // One that has closed leaves the list a moment later.
      if let age, last.isIdle, last.idleSince + age < .now() { return nil }
      idle.connections.removeLast()
      if last.isIdle { return last }
    }
    return nil
  }

  /// Keeps a connection for the next request; false if there are enough.
  func give(_ server: ServerConnection) -> Bool {
    if isDraining || settings.poolSize < 1 { return false }
    guard let idle = idle[server.key] else {
      idle[server.key] = IdleConnections(server)
      return true
    }
    guard idle.connections.count < settings.poolSize else { return false }
    idle.connections.append(server)
    return true
  }

  // MARK: Time

  /// Ends what waits too long. Called about once a second.
  func sweep() {
    log?.flush()
    let now = NIODeadline.now()
    tick = now
    for client in Array(clients.values) { client.check(at: now) }
    for visitor in Array(visitors.values) { visitor.check(at: now) }
    for server in Array(servers.values) { server.check(at: now) }
  }

  /// Lets connections end with what they are at.
  func drain() {
    isDraining = true
    for client in Array(clients.values) { client.drain() }
    for server in Array(servers.values) where server.isIdle { server.close() }
  }

  /// Ends all that is left.
  func end() {
    // Streams before the connections that they are of.
    for visitor in Array(visitors.values) { visitor.end() }
    for client in Array(clients.values) { client.end() }
  }
}

/// Connections to one server that nobody uses at present.
private final class IdleConnections {
  var connections: [ServerConnection]

  init(_ first: ServerConnection) { connections = [first] }
}

/// A connection whose time is limited.
protocol Watched: AnyObject {
  /// Ends it if its time is over.
  func check(at now: NIODeadline)
  /// Ends it now if it is at nothing, else after what it is at.
  func drain()
  /// Ends it now, whatever it is at.
  func end()
}
