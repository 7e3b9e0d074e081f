import Measurement

/// How requests end, and what their users do next.
extension UserLoop {
  func finish(_ user: User, answered status: Int, bytes: UInt64) {
    let failure: Failure? = setup.tasks[user.task].accepts(status) ? nil : .status(status)
    finish(user, failure, status: status, bytes: bytes)
  }

  func finish(_ user: User, _ failure: Failure?, status: Int = 0, bytes: UInt64) {
    if case .timedOut? = failure { user.disconnect() }
    // A planned time lies in the future of `now` only by rounding.
    let latency = (now &- user.began) / 1000
    let corrected = now > user.planned ? (now &- user.planned) / 1000 : 0
    records[user.task].note(
      failure, status: status, latency: latency, sincePlanned: corrected, bytes: bytes,
      second: (now &+ epoch) / 1_000_000_000)
    user.task = -1
    turn(user)
    if user.isLeaving {
      remove(user)
    } else if !isStopping {
      rest(user, after: failure)
    }
  }

  /// What a user does next: another request, or waiting.
  func rest(_ user: User, after failure: Failure?) {
    if pacer != nil {
      idle.append(user.slot)
      if user.link == .none, user.failedConnections == 0, setup.keepsAlive { connect(user) }
      return
    }
    if let pause = pause(user, after: failure) {
      alarms.set(.init(time: now &+ pause, slot: user.slot, round: user.round))
    } else if user.link == .open {
      begin(user, planned: now)
    } else {
      ready.append(user.slot)
    }
  }

  /// Nanoseconds to wait: the class's own, and longer each time where no connection comes about.
  private func pause(_ user: User, after failure: Failure?) -> UInt64? {
    var pause = setup.classes[user.userClass].pause(random.next())
    if user.failedConnections > 0 {
      pause = max(pause, min(1_000_000_000, 10_000_000 << UInt64(min(user.failedConnections - 1, 7))))
    }
    return pause > 0 ? pause : nil
  }

  func goOn(_ user: User) {
    if user.isLeaving { remove(user) } else { begin(user, planned: now) }
  }
}
