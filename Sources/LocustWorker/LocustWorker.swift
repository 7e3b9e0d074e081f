import Glibc
import LoadGenerator
import Measurement

/// A worker of a real Locust master (https://locust.io): the master distributes and reports, the load is ours.
public actor LocustWorker {
  /// The version of Locust whose protocol this is; a master of another one warns and goes on.
  public static let version = "2.47.0"
  /// Seconds between reports (Locust's WORKER_REPORT_INTERVAL).
  private static let reportInterval = 3

  private enum Event: Sendable {
    case socket(connection: Int, MasterSocket.News)
    case retry(connection: Int)
    case tick
    case usersStand([String: Int])
    case usersGone
    case interrupted
  }

  private let master: Master
  private let workload: Workload
  private let threads: Int
  private let settings: @Sendable (inout LoadPlan) -> Void
  private let log: @Sendable (String) -> Void
  private let patience: WorkerPatience
  private let events: AsyncStream<Event>
  private let post: AsyncStream<Event>.Continuation

  private var session: WorkerSession
  private var socket: MasterSocket?
  private var connection = 0
  private var wasReady = false
  private var wasAccepted = false
  private var failingSince: Double?
  private var generator: LoadGenerator?
  private var started = wallClock()
  private var unreported: LoadSample?
  private var ticks = 0
  private var processor = (time: wallClock(), used: ProcessUsage.processorSeconds)
  private var mayQuit = false
  private var isAbandoned = false

  /// Nothing is connected before `run`.
  public init(
    _ master: Master, workload: Workload, threads: Int, settings: @escaping @Sendable (inout LoadPlan) -> Void,
    log: @escaping @Sendable (String) -> Void
  ) {
    self.init(
      master, workload: workload, threads: threads, patience: WorkerPatience(), settings: settings, log: log)
  }

  package init(
    _ master: Master, workload: Workload, threads: Int, patience: WorkerPatience,
    settings: @escaping @Sendable (inout LoadPlan) -> Void, log: @escaping @Sendable (String) -> Void
  ) {
    self.patience = patience
    self.master = master
    self.workload = workload
    self.threads = max(1, threads)
    self.settings = settings
    self.log = log
    (events, post) = AsyncStream.makeStream()
    var name = [CChar](repeating: 0, count: 256)
    gethostname(&name, 255)
    let host = String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    var random = SystemRandomNumberGenerator()
    let suffix = (0..<2).map { _ in
      let digits = String(random.next(), radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
    session = WorkerSession(node: "\(host)_\(suffix)", version: LocustWorker.version, patience: patience)
  }

  /// Ends the worker as an operator does: the master is told.
  public nonisolated func interrupt() { post.yield(.interrupted) }

  /// Works until the master quits, the worker is interrupted, or no master is to be found.
  public func run() async throws(WorkerError) {
    log("connecting to the master at \(master)")
    connect()
    let ticker = Task { [post] in
      while !Task.isCancelled {
        try? await Task.sleep(for: .seconds(1))
        post.yield(.tick)
      }
    }
    defer { ticker.cancel() }
    for await event in events {
      let now = wallClock()
      switch event {
      case .socket(let number, let news): if number == connection { try await take(news, at: now) }
      case .retry(let number): if number == connection { connect() }
      case .tick: await tick(at: now)
      case .usersStand(let users): await perform(session.usersStand(users))
      case .usersGone: await perform(session.usersGone())
      case .interrupted:
        // A moment for what is under way: it has been made, so it shall be counted.
        await generator?.stop(waiting: 1)
        guard session.isKnown else { throw .interrupted(master, wasAccepted: wasAccepted) }
        await perform(session.leave())
        return
      }
      if mayQuit { break }
    }
    await generator?.stop(waiting: 0)
    if isAbandoned { throw wasAccepted ? .silent(master) : .unanswered(master, seconds: patience.search) }
  }

  // MARK: - The connection

  private func connect() {
    connection += 1
    let number = connection
    do throws(WorkerError) {
      try MasterSocket.open(master, identity: session.node, patience: patience.answer) { [post] news in
        post.yield(.socket(connection: number, news))
      }
    } catch {
      post.yield(.socket(connection: number, .closed(error)))
    }
  }

  private func take(_ news: MasterSocket.News, at now: Double) async throws(WorkerError) {
    switch news {
    case .ready(let socket):
      self.socket = socket
      wasReady = true
      failingSince = nil
      await perform(session.connected(at: now))
    case .message(let bytes):
      await perform(session.receive(bytes, at: now))
      wasAccepted = wasAccepted || session.wasAccepted
    case .closed(let error):
      socket = nil
      // A stranger at the first try is a mistake in the command; later it is a master that is not there yet.
      if case .notAMaster = error, !wasReady { throw error }
      if case .unknownHost = error, !wasReady { throw error }
      let limit = wasReady ? patience.silence : patience.search
      if failingSince == nil, !wasReady {
        log("\(error); trying again for \(Figures.fixed(limit, places: 0)) s")
      }
      failingSince = failingSince ?? now
      if let since = failingSince, now - since > limit { throw wasReady ? .silent(master) : error }
      await perform(session.disconnected(at: now))
      let number = connection
      Task { [post] in
        try? await Task.sleep(for: .seconds(1))
        post.yield(.retry(connection: number))
      }
    }
  }

  private func tick(at now: Double) async {
    ticks += 1
    let used = ProcessUsage.processorSeconds
    let share = now > processor.time ? (used - processor.used) / (now - processor.time) * 100 / Double(threads) : 0
    processor = (now, used)
    await perform(session.tick(at: now, cpu: share, memory: ProcessUsage.residentBytes))
    if ticks % LocustWorker.reportInterval == 0 { await report() }
  }

  // MARK: - What the session decided

  private func perform(_ actions: [WorkerSession.Action]) async {
    for action in actions {
      switch action {
      case .send(let message): send(message)
      case .setUsers(let users, let host, let fresh): await setUsers(users, host: host, fresh: fresh)
      case .stopUsers(let seconds): stopUsers(seconds)
      case .report: await report()
      case .reconnect:
        socket?.hangUp()
        socket = nil
        connect()
      case .quit(let seconds):
        await generator?.stop(waiting: seconds)
        await report()
        mayQuit = true
      case .giveUp:
        isAbandoned = true
        mayQuit = true
      case .log(let text): log(text)
      }
    }
  }

  private func send(_ message: Message) {
    guard let socket else { return }
    _ = socket.send(ZMTPPeer.encode(message.bytes))
  }

  private func setUsers(_ users: [String: Int], host: String?, fresh: Bool) async {
    do throws(LoadError) {
      let generator = try await generator(for: users.keys.sorted(), host: host)
      if fresh {
        _ = await generator.collect()
        unreported = nil
        started = wallClock()
        log("the test begins: requests go to \(generator.plan.target)")
      }
      try DescriptorLimit.admit(users: users.values.reduce(0, +), threads: threads)
      await generator.setUsers(generator.plan.classes.map { users[$0.name] ?? 0 })
      await perform(session.usersStand(users))
    } catch {
      await perform(session.usersFailed(error.description))
    }
  }

  /// The generator that has these classes and this host; a new one where that changed.
  private func generator(for names: [String], host: String?) async throws(LoadError) -> LoadGenerator {
    let plan = try workload.plan(host: host, classes: names, threads: threads, like: settings)
    if let generator, generator.plan.target == plan.target, generator.plan.classes == plan.classes { return generator }
    if let old = generator {
      await old.stop(waiting: 0)
      await report()
    }
    let made = try LoadGenerator(plan)
    generator = made
    unreported = nil
    return made
  }

  private func stopUsers(_ seconds: Double) {
    let generator = generator
    Task { [post] in
      await generator?.stop(waiting: seconds)
      post.yield(.usersGone)
    }
  }

  /// Sends what was measured; where no master listens it is kept for the next time.
  private func report() async {
    guard let generator else { return }
    var sample = await generator.collect()
    if var kept = unreported {
      kept.add(sample)
      sample = kept
    }
    guard let socket else {
      unreported = sample
      return
    }
    let tasks = generator.plan.classes.flatMap(\.tasks)
    let message = session.report(StatsReport.entries(sample, of: tasks, since: started))
    started = wallClock()
    unreported = socket.send(ZMTPPeer.encode(message.bytes)) ? nil : sample
  }
}
