import CEvents
import Glibc
import HTTPWire
import Measurement

/// Users on one thread: an event loop that connects, sends, reads and measures.
///
/// A response costs one `recv` and one `send`; the wait is shared with whoever else is ready. See docs/decisions/0014.
/// All of it belongs to one thread, so that accesses need no check at run time; see `User`.
final class UserLoop {
  let setup: LoopSetup
  let poller: Poller
  let mailbox: Mailbox
  private let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 64)

  @exclusivity(unchecked) var slots: [User?] = []
  @exclusivity(unchecked) var freeSlots: [Int] = []
  @exclusivity(unchecked) var counts: [Int]
  @exclusivity(unchecked) var wanted: [Int]
  /// Users that an open-loop load may take.
  @exclusivity(unchecked) var idle: [Int] = []
  /// Users whose next request waits until the round's events are handled.
  @exclusivity(unchecked) var ready: [Int] = []
  @exclusivity(unchecked) var alarms = Alarms()
  @exclusivity(unchecked) var pacer: Pacer?
  @exclusivity(unchecked) var records: [TaskRecord]
  @exclusivity(unchecked) var random: SeededGenerator
  @exclusivity(unchecked) var abandoned: UInt64 = 0
  @exclusivity(unchecked) var unsent: TaskRecord
  @exclusivity(unchecked) private var rounds: UInt64 = 0
  @exclusivity(unchecked) var now: UInt64
  @exclusivity(unchecked) var nextSweep: UInt64 = 0
  @exclusivity(unchecked) var draining: Draining?
  /// Whether no more requests are to be begun: a stop is under way that owes none.
  @exclusivity(unchecked) var isStopping = false
  /// What the plan of an open-loop load still owes at its end.
  @exclusivity(unchecked) var owing: Owing?
  @exclusivity(unchecked) var quits = false
  let epoch: UInt64

  init(_ setup: LoopSetup) throws(LoadError) {
    self.setup = setup
    mailbox = try Mailbox()
    poller = try Poller(waker: mailbox.wakeDescriptor)
    counts = Array(repeating: 0, count: setup.classes.count)
    wanted = counts
    records = setup.tasks.map { _ in TaskRecord(corrects: setup.rate != nil) }
    unsent = TaskRecord(corrects: true)
    now = monotonicNow()
    epoch = epochOffset()
    random = SeededGenerator(seed: now &+ UInt64(setup.index) &* 0x1234_5678_9ABC_DEF1)
  }

  deinit { room.deallocate() }

  func run() {
    while !quits {
      let count = poller.wait(nanoseconds: nanosecondsToWait())
      now = monotonicNow()
      for index in 0..<count {
        let (key, kinds) = poller.event(index)
        if key == Poller.wakeKey {
          mailbox.quieten()
          for order in mailbox.take() { obey(order) }
        } else {
          handle(key: key, kinds: kinds)
        }
      }
      while let alarm = alarms.due(at: now) {
        guard let user = slots[alarm.slot], user.round == alarm.round, !user.isBusy else { continue }
        goOn(user)
      }
      while let slot = ready.popLast() {
        if let user = slots[slot], !user.isBusy { begin(user, planned: now) }
      }
      if pacer != nil { dispatch() }
      if now >= nextSweep { sweep() }
      if isStopping || owing != nil { checkDrained() }
    }
    for user in slots { user?.disconnect() }
  }

  private func nanosecondsToWait() -> Int64 {
    if !ready.isEmpty { return 0 }
    var until = nextSweep
    if let alarm = alarms.earliest { until = min(until, alarm) }
    if let next = pacer?.next, !isStopping, !idle.isEmpty { until = min(until, next &+ Pacer.grain) }
    let now = monotonicNow()
    return until > now ? Int64(until - now) : 0
  }

  /// Starts what an open-loop load owes by now.
  private func dispatch() {
    guard !isStopping else { return }
    let limit = owing.map { min(now, $0.end) } ?? now
    while let next = pacer?.next, next <= limit {
      guard let slot = idle.popLast() else { return }
      guard let user = slots[slot], !user.isBusy, !user.isLeaving else { continue }
      guard let planned = pacer?.take() else { return }
      begin(user, planned: planned)
    }
  }

  /// Fails what has waited for too long.
  private func sweep() {
    nextSweep = now &+ setup.sweepInterval
    let timeout = setup.timeout
    for user in slots {
      guard let user, user.isBusy, now > user.began, now &- user.began > timeout else { continue }
      finish(user, .timedOut, bytes: 0)
    }
  }

  // MARK: - Requests

  func begin(_ user: User, planned: UInt64) {
    guard !isStopping, !user.isLeaving else {
      if user.isLeaving { remove(user) }
      return
    }
    user.task = setup.classes[user.userClass].pick(random.next())
    user.planned = planned
    user.began = now
    user.retried = false
    user.counter &+= 1
    if user.link == .open { send(user) } else { connect(user) }
  }

  func send(_ user: User) {
    let task = setup.tasks[user.task]
    user.requestsOnConnection &+= 1
    if let session = user.http2 {
      submit(task, on: session, of: user)
      return
    }
    user.parser.begin(isHead: task.isHead)
    if let fixed = task.fixed {
      let done = fixed.withUnsafeBytes { write(user, $0) }
      if done < 0 { return }
      if done < fixed.count { user.output.append(contentsOf: fixed[done...]) }
    } else {
      task.write(to: &user.output, values(user), random: &random)
      flush(user)
    }
  }

  private func submit(_ task: PreparedTask, on session: HTTP2Session, of user: User) {
    var path: [UInt8] = []
    task.path.append(to: &path, values(user), random: &random)
    var body: [UInt8]?
    if let template = task.body {
      var text: [UInt8] = []
      template.append(to: &text, values(user), random: &random)
      body = text
    }
    var fields: [(name: [UInt8], value: [UInt8])] = [
      (Array(":method".utf8), Array(task.method.utf8)),
      (Array(":scheme".utf8), Array((setup.target.isSecure ? "https" : "http").utf8)),
      (Array(":authority".utf8), Array(task.authority.utf8)), (Array(":path".utf8), path),
    ]
    for header in task.headers { fields.append((Array(header.name.utf8), Array(header.value.utf8))) }
    if let body { fields.append((Array("content-length".utf8), Array(String(body.count).utf8))) }
    guard session.submit(fields, body: body) else {
      lose(user, .malformed("the HTTP/2 connection takes no more requests"))
      return
    }
    session.drain(to: &user.output)
    flush(user)
  }

  private func values(_ user: User) -> Template.Values {
    Template.Values(user: user.identity, counter: user.counter, microseconds: (now &+ epoch) / 1000)
  }

  /// Sends what the socket takes; -1 where the connection broke, and the user's request with it.
  private func write(_ user: User, _ bytes: UnsafeRawBufferPointer) -> Int {
    if let tls = user.tls {
      switch tls.write(bytes) {
      case .bytes(let count): return count
      case .wouldBlock: return 0
      case .closed: lose(user, .closed)
      case .broken(let code): lose(user, .connection(code))
      case .failed(let failure): lose(user, .tls(failure.description))
      }
      return -1
    }
    let count = Glibc.send(user.socket, bytes.baseAddress, bytes.count, CInt(MSG_NOSIGNAL))
    if count >= 0 { return count }
    if errno == EAGAIN || errno == EINTR { return 0 }
    lose(user, .connection(errno))
    return -1
  }

  private func flush(_ user: User) {
    while user.written < user.output.count {
      let count = user.output.withUnsafeBytes {
        write(user, UnsafeRawBufferPointer(rebasing: $0[user.written...]))
      }
      if count <= 0 { return }
      user.written += count
    }
    if !user.output.isEmpty { user.output.removeAll(keepingCapacity: true) }
    user.written = 0
  }

  // MARK: - Events

  private func handle(key: UInt64, kinds: UInt32) {
    let slot = Int(key & 0xFFFF_FFFF)
    guard slot < slots.count, let user = slots[slot], user.generation == UInt32(key >> 32) else { return }
    switch user.link {
    case .none: return
    case .connecting:
      if kinds & (EPOLLOUT.rawValue | EPOLLERR.rawValue | EPOLLHUP.rawValue) != 0 { connected(user) }
    case .securing: handshake(user)
    case .open:
      if !user.output.isEmpty, kinds & EPOLLOUT.rawValue != 0 {
        flush(user)
        guard user.link == .open else { return }
      }
      if kinds & (EPOLLIN.rawValue | EPOLLRDHUP.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0 {
        receive(user, mayEnd: kinds & (EPOLLRDHUP.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0)
      }
    }
  }

  /// Reads until nothing is left, as edge-triggered events demand; a short read of a plain socket says so too.
  func receive(_ user: User, mayEnd: Bool) {
    let generation = user.generation
    while user.generation == generation, user.link == .open {
      let count: Int
      if let tls = user.tls {
        switch tls.read(into: room) {
        case .bytes(let some): count = some
        case .wouldBlock: return
        case .closed:
          ended(user)
          return
        case .broken(let code):
          lose(user, .connection(code))
          return
        case .failed(let failure):
          lose(user, .tls(failure.description))
          return
        }
      } else {
        count = recv(user.socket, room.baseAddress, room.count, 0)
        if count < 0 {
          if errno == EINTR { continue }
          if errno != EAGAIN { lose(user, .connection(errno)) }
          return
        }
        if count == 0 {
          ended(user)
          return
        }
      }
      take(user, UnsafeRawBufferPointer(rebasing: room[..<count]))
      if user.tls == nil, count < room.count, !mayEnd { return }
    }
  }

  private func take(_ user: User, _ bytes: UnsafeRawBufferPointer) {
    if let session = user.http2 {
      takeFrames(user, session, bytes)
      return
    }
    guard user.isBusy else {
      // Nothing was asked: what comes now cannot be told from an answer to the next request.
      user.disconnect()
      return
    }
    let used: Int
    do throws(ResponseParser.Malformed) {
      used = try user.parser.consume(bytes)
    } catch {
      lose(user, .malformed(error.rawValue))
      return
    }
    guard user.parser.isComplete else { return }
    let mayStay = user.parser.keepsAlive && setup.keepsAlive && used == bytes.count && user.output.isEmpty
    now = monotonicNow()
    if !mayStay { user.disconnect() }
    finish(user, answered: user.parser.status, bytes: user.parser.contentLength)
  }

  private func takeFrames(_ user: User, _ session: HTTP2Session, _ bytes: UnsafeRawBufferPointer) {
    if let problem = session.receive(bytes) {
      lose(user, .malformed("HTTP/2: \(problem)"))
      return
    }
    session.drain(to: &user.output)
    let generation = user.generation
    flush(user)
    guard user.generation == generation, user.isBusy, let ending = session.ending else {
      guard user.generation == generation, session.isGoingAway || session.isOver else { return }
      // A session that is over answers nothing more, whatever the connection under it does.
      if !user.isBusy { user.disconnect() } else if session.isOver { lose(user, .closed) }
      return
    }
    now = monotonicNow()
    if !setup.keepsAlive || session.isGoingAway || session.isOver { user.disconnect() }
    if ending == 0 {
      finish(user, answered: session.status, bytes: session.contentLength)
    } else {
      finish(
        user, .malformed("HTTP/2: the stream was reset with error \(ending)"), bytes: session.contentLength)
    }
  }

  /// The server has closed its side.
  private func ended(_ user: User) {
    guard user.isBusy else {
      user.disconnect()
      return
    }
    if user.http2 == nil, user.parser.close() {
      now = monotonicNow()
      user.disconnect()
      finish(user, answered: user.parser.status, bytes: user.parser.contentLength)
    } else {
      lose(user, .closed)
    }
  }

  /// The connection is gone, and with it the request under way, unless that may be made again (RFC 9110, 9.2.2).
  func lose(_ user: User, _ failure: Failure) {
    let wasUsed = user.requestsOnConnection > 1 && user.http2 == nil && !user.parser.hasBegun
    user.disconnect()
    guard user.isBusy else { return }
    if wasUsed, !user.retried, PreparedTask.isIdempotent(setup.tasks[user.task].method) {
      switch failure {
      case .closed, .connection:
        user.retried = true
        connect(user)
        return
      default: break
      }
    }
    finish(user, failure, bytes: 0)
  }

  /// Makes the alarms void that were set for a user so far.
  func turn(_ user: User) {
    rounds &+= 1
    user.round = rounds
  }
}
