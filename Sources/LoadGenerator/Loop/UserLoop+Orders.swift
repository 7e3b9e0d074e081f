import Measurement

extension UserLoop {
  /// A stop that is under way.
  struct Draining {
    var until: UInt64
    /// Whether what is cut off has failed, and is counted so.
    var reckons: Bool
    var done: CheckedContinuation<Void, Never>
  }

  /// What was planned before the end may still be sent for a moment, and is then measured as it should be.
  struct Owing {
    /// The end of the plan.
    var end: UInt64
    var until: UInt64
    /// Nanoseconds that a generator may lag behind at the end.
    static let grace: UInt64 = 1_000_000_000
  }

  func obey(_ order: Order) {
    switch order {
    case .users(let wanted):
      self.wanted = wanted
      adjust()
    case .collect(let answer):
      var fresh = setup.tasks.map { _ in TaskRecord(corrects: setup.rate != nil) }
      swap(&fresh, &records)
      answer.resume(
        returning: LoopReport(
          records: fresh, users: counts, overdue: pacer?.overdue(at: now &- Pacer.tolerance) ?? 0,
          abandoned: abandoned, unsent: unsent))
      abandoned = 0
      unsent = TaskRecord(corrects: true)
    case .drain(let nanoseconds, let reckons, let done):
      if draining == nil, reckons, pacer != nil { owing = Owing(end: now, until: now &+ Owing.grace) }
      isStopping = owing == nil
      draining?.done.resume()
      // An interrupt may be ahead of the end that it is to shorten.
      draining = Draining(until: min(now &+ nanoseconds, draining?.until ?? .max), reckons: reckons, done: done)
      wanted = wanted.map { _ in 0 }
      checkDrained()
    case .quit:
      draining?.done.resume()
      draining = nil
      owing = nil
      quits = true
    }
  }

  /// Makes as many users of each class as are wanted, or lets the newest go.
  private func adjust() {
    if let draining {
      self.draining = nil
      isStopping = false
      owing = nil
      draining.done.resume()
      wakeAll()
    }
    for userClass in wanted.indices {
      while counts[userClass] < wanted[userClass] { add(userClass) }
      guard counts[userClass] > wanted[userClass] else { continue }
      var excess = counts[userClass] - wanted[userClass]
      for slot in slots.indices.reversed() where excess > 0 {
        guard let user = slots[slot], user.userClass == userClass, !user.isLeaving else { continue }
        excess -= 1
        leave(user)
      }
    }
    if let rate = setup.rate, pacer == nil {
      // A plan with an end has its moments from the beginning, however late this loop comes to it.
      let start = setup.end == nil ? max(setup.start, now) : setup.start
      pacer = Pacer(rate: rate, share: setup.index, of: setup.loops, start: start, end: setup.end)
    }
  }

  /// Users that ended a request during a stop wait for nothing; those whose stop is taken back go on.
  private func wakeAll() {
    idle = []
    ready = []
    for user in slots {
      guard let user, !user.isBusy, !user.isLeaving else { continue }
      turn(user)
      if setup.rate != nil { idle.append(user.slot) } else { ready.append(user.slot) }
    }
    pacer = nil
  }

  /// Notes what was planned until the end and not sent: it has waited until now at least.
  private func reckonUnsent(until end: UInt64) {
    guard let pacer else { return }
    let count = pacer.overdue(at: end)
    guard count > 0 else { return }
    unsent.noteUnsent(count) { (now &- pacer.moment($0)) / 1000 }
  }

  private func add(_ userClass: Int) {
    let slot = freeSlots.popLast() ?? slots.count
    if slot == slots.count { slots.append(nil) }
    let user = User(slot: slot, userClass: userClass, identity: random.identity())
    // A slot's earlier connections must not be taken for this user's.
    user.generation = UInt32(truncatingIfNeeded: random.next())
    slots[slot] = user
    counts[userClass] += 1
    if setup.rate != nil {
      idle.append(slot)
      if setup.keepsAlive { connect(user) }
    } else {
      ready.append(slot)
    }
  }

  /// A user goes when its request has ended; counts show it gone at once.
  private func leave(_ user: User) {
    counts[user.userClass] -= 1
    user.isLeaving = true
    if !user.isBusy { remove(user) }
  }

  func remove(_ user: User) {
    user.disconnect()
    turn(user)
    if slots[user.slot] === user {
      slots[user.slot] = nil
      freeSlots.append(user.slot)
    }
  }

  /// Ends the stop when nothing is under way any more, or its time is over.
  func checkDrained() {
    guard let draining else { return }
    if let owing {
      let owesNothing = pacer?.next.map { $0 > owing.end } ?? true
      guard owesNothing || now >= min(owing.until, draining.until) else {
        nextSweep = min(nextSweep, owing.until)
        return
      }
      reckonUnsent(until: owing.end)
      self.owing = nil
      isStopping = true
    }
    let busy = slots.reduce(0) { $0 + ($1?.isBusy == true ? 1 : 0) }
    guard busy == 0 || now >= draining.until else {
      nextSweep = min(nextSweep, draining.until)
      return
    }
    abandoned &+= UInt64(busy)
    self.draining = nil
    isStopping = false
    for user in slots {
      guard let user else { continue }
      if user.isBusy, draining.reckons {
        user.isLeaving = true
        finish(user, .cutOff, bytes: 0)
      } else {
        user.task = -1
        remove(user)
      }
    }
    slots = []
    freeSlots = []
    idle = []
    ready = []
    alarms.removeAll()
    counts = counts.map { _ in 0 }
    pacer = nil
    draining.done.resume()
  }
}
