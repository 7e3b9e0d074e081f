/// A server for a request, and what the client must be told to come back to it.
public struct Choice: Sendable {
  public let server: ServerState
  /// The server's own service, which a weighted service may have chosen: its options are for the request.
  public let pool: ServicePool
  /// Values of Set-Cookie fields for the response; mostly none.
  public fileprivate(set) var setCookies: [String] = []
}

extension ServicePool {
  /// Whether ``choose(cookies:client:excluding:at:)`` looks at cookies: if not, they need not be handed over.
  public var usesCookies: Bool {
    if service.sticky != nil { return true }
    guard case .pools(let pools) = members else { return false }
    return pools.contains(where: \.usesCookies)
  }

  /// Chooses a server; nil if none can take the request: all are down, have an open breaker, or are excluded.
  ///
  /// Takes at most one short lock for each level of services. O(servers).
  /// - Parameters:
  ///   - excluding: servers that have failed this request.
  ///   - now: the time at which the request begins.
  public func choose(
    cookies: Cookies = .none, client: ClientAddress? = nil, excluding: [ServerState] = [], at now: Moment
  ) -> Choice? {
    let choice = pick(cookies: cookies, client: client, excluding: excluding, at: now)
    if choice == nil, excluding.isEmpty { counters.recordUnavailable() }
    return choice
  }

  private func pick(
    cookies: Cookies, client: ClientAddress?, excluding: [ServerState], at now: Moment
  ) -> Choice? {
    func take(_ index: Int) -> Choice? {
      switch members {
      case .servers(let states):
        let server = states[index]
        guard !excluding.contains(where: { $0.record === server.record }), server.admit(at: now) else { return nil }
        return Choice(server: server, pool: self)
      case .pools(let pools):
        return pools[index].pick(cookies: cookies, client: client, excluding: excluding, at: now)
      }
    }

    if let sticky = service.sticky {
      var kept: Choice?
      cookies.firstValue(of: sticky.name) { value in
        // A client may send an old cookie beside the newer one: the first that leads somewhere counts.
        if let id = StickyCookie.id(of: value), let index = ids.firstIndex(of: id) { kept = take(index) }
        return kept != nil
      }
      if let kept { return kept }
    }

    // A member that looked usable may have been taken by another event loop: the one trial of a half-open breaker.
    var refused: [Int] = []
    while let index = next(client: client, isUsable: { isUsable($0, excluding, now) && !refused.contains($0) }) {
      if var choice = take(index) {
        if service.sticky != nil { choice.setCookies.append(setCookies[index]) }
        return choice
      }
      refused.append(index)
    }
    return nil
  }

  private func next(client: ClientAddress?, isUsable: (Int) -> Bool) -> Int? {
    switch service.strategy {
    case .sourceHash:
      if let client { return SourceHash.pick(client, weights: weights, ids: ids, isUsable: isUsable) }
    case .leastConnections:
      guard let best = LeastConnections.candidates(weights: weights, open: openRequests, isUsable: isUsable) else {
        return nil
      }
      if best.more.isEmpty { return best.first }
      // Between equals in turn, or an idle service's first server would get all there is.
      return nextInTurn { $0 == best.first || best.more.contains($0) } ?? best.first
    case .weightedRoundRobin: break
    }
    return nextInTurn(isUsable: isUsable)
  }

  private func isUsable(_ index: Int, _ excluding: [ServerState], _ now: Moment) -> Bool {
    switch members {
    case .servers(let states):
      let server = states[index]
      return server.isAvailable(at: now) && !excluding.contains { $0.record === server.record }
    case .pools(let pools): return pools[index].hasUsable(excluding, now)
    }
  }

  private func hasUsable(_ excluding: [ServerState], _ now: Moment) -> Bool {
    weights.indices.contains { weights[$0] > 0 && isUsable($0, excluding, now) }
  }

  private func openRequests(_ index: Int) -> Int {
    switch members {
    case .servers(let states): states[index].openRequests
    case .pools(let pools): pools[index].openRequests
    }
  }

  /// Of all its servers.
  public var openRequests: Int { weights.indices.reduce(0) { $0 + openRequests($1) } }
}
