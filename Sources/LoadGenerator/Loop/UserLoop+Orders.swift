extension UserLoop {
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
          records: fresh, users: counts, overdue: pacer?.overdue(at: now &- Pacer.tolerance) ?? 0, abandoned: abandoned)
      )
      abandoned = 0
    case .drain(let nanoseconds, let done):
      draining?.done.resume()
      draining = (now &+ nanoseconds, done)
      wanted = wanted.map { _ in 0 }
      checkDrained()
    case .quit:
      draining?.done.resume()
      draining = nil
      quits = true
    }
  }

  /// Makes as many users of each class as are wanted, or lets the newest go.
  private func adjust() {
    if let draining {
      self.draining = nil
      draining.done.resume()
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
      pacer = Pacer(rate: rate, share: setup.index, of: setup.loops, start: setup.start)
    }
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
    user.round &+= 1
    if slots[user.slot] === user {
      slots[user.slot] = nil
      freeSlots.append(user.slot)
    }
  }

  /// Ends the stop when nothing is under way any more, or its time is over.
  func checkDrained() {
    guard let draining else { return }
    let busy = slots.reduce(0) { $0 + ($1?.isBusy == true ? 1 : 0) }
    guard busy == 0 || now >= draining.until else {
      nextSweep = min(nextSweep, draining.until)
      return
    }
    abandoned &+= UInt64(busy)
    self.draining = nil
    for user in slots {
      guard let user else { continue }
      user.task = -1
      remove(user)
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
