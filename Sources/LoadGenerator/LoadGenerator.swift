import Glibc

/// Makes load: users on the threads' event loops, and what they measured.
///
/// Nothing is sent before `setUsers`. `stop` ends all of it and may be followed by `setUsers` again.
public actor LoadGenerator {
  public nonisolated let plan: LoadPlan
  private let mailboxes: [Mailbox]
  /// When an open-loop load sends its first request, on the monotonic clock.
  nonisolated let start: UInt64

  /// Looks the target up and starts the threads.
  ///
  /// - Parameter seconds: for how long requests are planned where there is a rate; nil for until the load is stopped.
  public init(_ plan: LoadPlan, seconds: Double? = nil) throws(LoadError) {
    self.plan = plan
    let addresses = try plan.target.addresses(plan.family)
    var setups: [LoopSetup] = []
    for index in 0..<plan.threads { setups.append(try LoopSetup(plan, addresses: addresses, index: index, start: 0)) }
    // After all that takes its time, as reading certificates does. With a rate a moment ahead, so that connections stand
    // when the first request is due.
    let start = monotonicNow() &+ (plan.rate == nil ? 0 : 50_000_000)
    self.start = start
    var mailboxes: [Mailbox] = []
    for var setup in setups {
      setup.start = start
      // The order to stop comes a little after the end; what is due in between was never planned.
      setup.end = seconds.map { start &+ UInt64(min(max(0, $0), 1e9) * 1e9) }
      do throws(LoadError) {
        mailboxes.append(try LoopThread.start(setup))
      } catch {
        for mailbox in mailboxes { mailbox.post(.quit) }
        throw error
      }
    }
    self.mailboxes = mailboxes
  }

  deinit { for mailbox in mailboxes { mailbox.post(.quit) } }

  /// How many users there shall be of each of the plan's classes, from now on.
  public func setUsers(_ counts: [Int]) {
    for (index, mailbox) in mailboxes.enumerated() {
      // Remainders begin at another thread for each class, so that small classes do not all meet on the first one.
      let share = counts.enumerated().map { place, count in
        let turn = (index + mailboxes.count - place % mailboxes.count) % mailboxes.count
        return max(0, count) / mailboxes.count + (turn < max(0, count) % mailboxes.count ? 1 : 0)
      }
      mailbox.post(.users(share))
    }
  }

  /// What was measured since the last call.
  public func collect() async -> LoadSample {
    var sample = LoadSample(plan)
    for mailbox in mailboxes {
      let report = await withCheckedContinuation { mailbox.post(.collect($0)) }
      for (index, record) in report.records.enumerated() where !record.isEmpty { sample.records[index].add(record) }
      for (index, count) in report.users.enumerated() { sample.users[index] += count }
      sample.overdue += report.overdue
      sample.abandoned += report.abandoned
      if !report.unsent.isEmpty { sample.unsent.add(report.unsent) }
    }
    return sample
  }

  /// Starts no more requests and waits for those under way, for so many seconds at most; the rest is cut off.
  ///
  /// - Parameter reckons: whether what is cut off, and what was planned until now and not sent, has failed and is
  ///   measured by how long it has waited; otherwise it was never meant to end, as in a stop that Locust's master orders.
  public func stop(waiting seconds: Double, reckoning reckons: Bool = false) async {
    await withTaskGroup(of: Void.self) { group in
      for mailbox in mailboxes {
        group.addTask {
          await withCheckedContinuation {
            mailbox.post(.drain(nanoseconds: UInt64(max(0, seconds) * 1e9), reckons: reckons, $0))
          }
        }
      }
    }
  }
}

/// What was measured in a while.
public struct LoadSample: Sendable {
  /// By task, all classes' tasks in a row.
  public var records: [TaskRecord]
  /// Users by class.
  public var users: [Int]
  /// Requests that are overdue at the moment: an open-loop load with too few users for its rate.
  public var overdue: UInt64 = 0
  /// Requests that a stop cut off.
  public var abandoned: UInt64 = 0
  /// Requests that were planned and never sent; a stop reckons them up. Their latencies are corrected ones only.
  public var unsent = TaskRecord(corrects: true)

  public init(_ plan: LoadPlan) {
    records = plan.classes.flatMap { $0.tasks.map { _ in TaskRecord() } }
    users = plan.classes.map { _ in 0 }
  }

  /// Adds what was measured after it.
  public mutating func add(_ other: LoadSample) {
    for (index, record) in other.records.enumerated() where !record.isEmpty { records[index].add(record) }
    users = other.users
    overdue = other.overdue
    abandoned += other.abandoned
    if !other.unsent.isEmpty { unsent.add(other.unsent) }
  }

  /// All requests that were sent.
  public var total: TaskRecord {
    var sum = TaskRecord()
    for record in records where !record.isEmpty { sum.add(record) }
    return sum
  }
}
