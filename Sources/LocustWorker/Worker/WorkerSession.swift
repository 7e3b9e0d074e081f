/// What a worker of a Locust master knows and decides; sockets, clocks and users are elsewhere.
package struct WorkerSession: Sendable {
  /// Locust's words for a worker's state.
  package enum State: String, Sendable { case ready, spawning, running, stopped }

  package enum Action: Hashable, Sendable {
    case send(Message)
    /// Make it so many users of each class, then say `usersStand`.
    case setUsers([String: Int], host: String?, fresh: Bool)
    /// End all users, letting requests finish for so many seconds, then say `usersGone`.
    case stopUsers(seconds: Double)
    /// Report what was measured.
    case report
    /// Connect anew.
    case reconnect
    /// End, letting requests finish for so many seconds, with a last report.
    case quit(seconds: Double)
    /// End, for there is no master.
    case giveUp
    /// For the people.
    case log(String)
  }

  package let node: String
  private let version: MessagePack
  package private(set) var state = State.ready
  /// What the master asked for last.
  package private(set) var users: [String: Int] = [:]
  package private(set) var index: Int?
  private var isConnected = false
  /// Whether a master knows this worker now.
  package private(set) var isKnown = false
  private var wasKnown = false
  /// Whether a master has ever accepted this worker.
  package private(set) var wasAccepted = false
  private var lastSpawn = 0.0
  private var stopTimeout = 0.0
  private var heard: Double?
  private var asked: Double?
  /// Times that a master did not answer in, one after another.
  private var failures = 0
  private let patience: WorkerPatience

  /// A name that no other worker has, and the version of Locust that is spoken.
  package init(node: String, version: String, patience: WorkerPatience = WorkerPatience()) {
    self.node = node
    self.patience = patience
    self.version = .string(version)
  }

  private func message(_ type: String, _ data: MessagePack = .none) -> Action {
    .send(Message(type, data, from: node))
  }

  /// The handshake with the master is over.
  package mutating func connected(at now: Double) -> [Action] {
    isConnected = true
    asked = now
    guard wasKnown else { return [message("client_ready", version)] }
    // The same master goes on where it was and answers a heartbeat; a new one knows nothing of us and does not.
    isKnown = false
    return [heartbeat(cpu: 0, memory: 0)]
  }

  package mutating func disconnected(at now: Double) -> [Action] {
    guard isConnected else { return [] }
    isConnected = false
    isKnown = false
    heard = heard ?? now
    return [.log("the connection to the master is lost; connecting again")]
  }

  /// Once a second.
  package mutating func tick(at now: Double, cpu: Double, memory: UInt64) -> [Action] {
    if let heard, now - heard > patience.silence {
      return [.giveUp]
    }
    guard isConnected else { return [] }
    if isKnown { return [heartbeat(cpu: cpu, memory: memory)] }
    guard let asked else { return [] }
    if wasKnown {
      guard now - asked > patience.recognition else { return [heartbeat(cpu: cpu, memory: memory)] }
      // Another master: what the old one asked for is void.
      wasKnown = false
      lastSpawn = 0
      self.asked = now
      let hadUsers = state == .running || state == .spawning
      state = .ready
      users = [:]
      return [.log("the master does not know this worker; it has been started anew")]
        + (hadUsers ? [.stopUsers(seconds: 0)] : []) + [message("client_ready", version)]
    }
    guard now - asked > patience.answer else { return [] }
    failures += 1
    guard failures <= patience.tries else { return [.giveUp] }
    // A ROUTER ignores a second connection of a name as long as it believes in the first.
    self.asked = now
    isConnected = false
    return [.log("the master does not answer; asking again (\(failures) of \(patience.tries))"), .reconnect]
  }

  private func heartbeat(cpu: Double, memory: UInt64) -> Action {
    message(
      "heartbeat",
      .object([
        "state": .string(state.rawValue), "current_cpu_usage": .double(cpu), "current_memory_usage": .count(memory),
      ]))
  }

  package mutating func receive(_ bytes: [UInt8], at now: Double) -> [Action] {
    guard let message = Message(bytes) else {
      return [.log("the master sent something that is no message of Locust's")]
    }
    switch message.type {
    case "ack":
      let first = !isKnown
      known(at: now)
      index = message.data["index"]?.integer
      return first ? [.log("the master has accepted this worker\(index.map { ", number \($0)" } ?? "")")] : []
    case "heartbeat":
      known(at: now)
      return []
    case "spawn": return spawn(message.data)
    case "stop": return stop()
    case "quit":
      state = .stopped
      return [.log("the master has quit"), .quit(seconds: stopTimeout)]
    case "reconnect":
      isConnected = false
      return [.reconnect]
    case "spawning_complete": return []
    case "update_user_class":
      return [.log("the master's changes of user classes are not taken: tasks come from this worker's own file")]
    default: return [.log("the master sent '\(message.type)', which a worker of svs has no use for")]
    }
  }

  private mutating func known(at now: Double) {
    isKnown = true
    wasKnown = true
    wasAccepted = true
    heard = now
    asked = nil
    failures = 0
  }

  private mutating func spawn(_ job: MessagePack) -> [Action] {
    var actions = [message("spawning")]
    guard let timestamp = job["timestamp"]?.number, case .map(let entries)? = job["user_classes_count"] else {
      return actions + [.log("the master asked for users in a way that is not Locust's")]
    }
    guard timestamp > lastSpawn else { return actions }
    var wanted: [String: Int] = [:]
    for entry in entries {
      guard let name = entry.key.string, let count = entry.value.integer, count >= 0, count <= 10_000_000 else {
        return actions + [.log("the master asked for a number of users that cannot be")]
      }
      wanted[name] = count
    }
    lastSpawn = timestamp
    stopTimeout = min(3600, max(0, job["stop_timeout"]?.number ?? 0))
    let isFresh = state != .running && state != .spawning
    state = .spawning
    users = wanted
    actions.append(.setUsers(wanted, host: job["host"]?.string, fresh: isFresh))
    return actions
  }

  /// The users that were asked for are there.
  package mutating func usersStand(_ users: [String: Int]) -> [Action] {
    guard state == .spawning || state == .running else { return [] }
    state = .running
    self.users = users
    return [
      message(
        "spawning_complete",
        .object(["user_classes_count": userCounts, "user_count": .int(Int64(users.values.reduce(0, +)))]))
    ]
  }

  /// The users that were asked for cannot be made.
  package mutating func usersFailed(_ why: String) -> [Action] {
    users = users.mapValues { _ in 0 }
    state = .running
    return [
      .log(why), message("exception", .object(["msg": .string(why), "traceback": .string("svs bench load\n")])),
      message("spawning_complete", .object(["user_classes_count": userCounts, "user_count": .int(0)])),
    ]
  }

  private mutating func stop() -> [Action] {
    state = .stopped
    return [.stopUsers(seconds: stopTimeout)]
  }

  /// The users have ended; what they measured last goes first, then the worker is there for the next test.
  package mutating func usersGone() -> [Action] {
    guard state == .stopped else { return [] }
    users = users.mapValues { _ in 0 }
    state = .ready
    return [.report, message("client_stopped"), message("client_ready", version)]
  }

  /// The master's operator shall know that the worker went of its own will.
  package func leave() -> [Action] { isKnown ? [.report, message("quit")] : [] }

  package var userCounts: MessagePack {
    .map(users.sorted { $0.key < $1.key }.map { .init(.string($0.key), .int(Int64($0.value))) })
  }

  /// The report of what was measured.
  package func report(_ data: [MessagePack.Entry]) -> Message {
    let users: [MessagePack.Entry] = [
      .init(.string("user_classes_count"), userCounts),
      .init(.string("user_count"), .int(Int64(self.users.values.reduce(0, +)))),
    ]
    return Message("stats", .map(data + users), from: node)
  }
}
