import IngressModel
import NIOCore

/// What the connections of one event loop share; it is used on its thread only.
final class LoopState {
  let loop: any EventLoop
  let settings: ProxySettings
  var rules: RuleSet
  let log: LogBuffer?
  /// Whether the program is about to end: no connection is kept for another request.
  private(set) var isDraining = false

  private var clients: [ObjectIdentifier: any Watched] = [:]
  private var servers: [ObjectIdentifier: ServerConnection] = [:]
  private var idle: [String: [ServerConnection]] = [:]

  init(loop: any EventLoop, settings: ProxySettings, rules: RuleSet, log: LogBuffer?) {
    self.log = log
    self.loop = loop
    self.settings = settings
    self.rules = rules
  }

  var now: NIODeadline { .now() }

  // MARK: Clients

  func opened(_ client: any Watched) { clients[ObjectIdentifier(client)] = client }
  func closed(_ client: any Watched) { clients[ObjectIdentifier(client)] = nil }
  var openClients: Int { clients.count }

  // MARK: Servers

  func opened(_ server: ServerConnection) { servers[ObjectIdentifier(server)] = server }

  func closed(_ server: ServerConnection) {
    servers[ObjectIdentifier(server)] = nil
    guard let position = idle[server.key]?.firstIndex(where: { $0 === server }) else { return }
    idle[server.key]?.remove(at: position)
  }

  /// An open connection to a server that nobody uses; the one that was used last, which is the least likely to be closing.
  ///
  /// - Parameter notOlderThan: how long it may have been unused.
  func take(_ key: String, notOlderThan age: TimeAmount? = nil) -> ServerConnection? {
    while let last = idle[key]?.last {
      // One that has closed leaves the list a moment later.
      if last.isIdle, let age, last.idleSince + age < now { return nil }
      idle[key]?.removeLast()
      if last.isIdle { return last }
    }
    return nil
  }

  /// Keeps a connection for the next request; false if there are enough.
  func give(_ server: ServerConnection) -> Bool {
    guard !isDraining, idle[server.key, default: []].count < settings.poolSize else { return false }
    idle[server.key, default: []].append(server)
    return true
  }

  // MARK: Time

  /// Ends what waits too long. Called about once a second.
  func sweep() {
    log?.flush()
    let now = self.now
    for client in Array(clients.values) { client.check(at: now) }
    for server in Array(servers.values) { server.check(at: now) }
  }

  /// Lets connections end with what they are at.
  func drain() {
    isDraining = true
    for client in Array(clients.values) { client.drain() }
    for server in Array(servers.values) where server.isIdle { server.close() }
  }
}

/// A connection whose time is limited.
protocol Watched: AnyObject {
  /// Ends it if its time is over.
  func check(at now: NIODeadline)
  /// Ends it now if it is at nothing, else after what it is at.
  func drain()
}
