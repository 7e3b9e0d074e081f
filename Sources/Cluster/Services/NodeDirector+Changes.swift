import ClusterModel
import KernelDirector
import Netlink

/// From the services that stand to those that are wanted.
extension NodeDirector {
  /// Asks the kernel what stands: after a change that failed, or where another process was before.
  func learn(_ director: Director, _ state: inout State) throws(NodeDirectorError) {
    let snapshots = try told { () throws(DirectorError) in try director.services() }
    let known = state.standing
    state.standing = ServiceRules()
    let before = state.draining
    state.draining = [:]
    for snapshot in snapshots {
      let leaving = snapshot.servers.filter { $0.settings.weight == 0 }.map(\.endpoint)
      state.standing.adopt(snapshot, without: Set(leaving), named: known[snapshot.identity]?.name, at: nodeAddress)
      for endpoint in leaving {
        state.draining[snapshot.identity, default: [:]][endpoint] = before[snapshot.identity]?[endpoint] ?? .now
      }
    }
  }

  /// Makes all changes as one sitting: packets see each of them at once, and what a change of many asks for is done once.
  ///
  /// What one service is refused keeps no other from its change.
  func change(to wanted: ServiceRules, _ director: Director, _ state: inout State) throws(NodeDirectorError) {
    var refused: NodeDirectorError?
    func attempt(_ name: ServicePort.Name?, _ body: () throws(DirectorError) -> Void) {
      do throws(DirectorError) {
        try body()
      } catch {
        let told = name.map { NodeDirectorError.service($0, error, node: node) }
        if refused == nil { refused = told ?? .director(error, node: node) }
      }
    }
    try told { () throws(DirectorError) in
      try director.inOneSitting {
        for (identity, rule) in state.standing.rules where wanted[identity] == nil {
          attempt(rule.name) { () throws(DirectorError) in
            try director.deleteService(identity)
            state.draining[identity] = nil
          }
        }
        for (identity, rule) in wanted.rules where state.standing[identity] != rule {
          attempt(rule.name) { () throws(DirectorError) in try change(identity, to: rule, director, &state) }
        }
      }
    }
    if let refused { throw refused }
    state.standing = wanted
  }

  private func change(
    _ identity: ServiceIdentity, to rule: ServiceRules.Rule, _ director: Director, _ state: inout State
  ) throws(DirectorError) {
    let old = state.standing[identity]
    if old == nil {
      try director.addService(identity, rule.settings)
    } else if old?.settings != rule.settings {
      try director.editService(identity, rule.settings)
    }
    let before = Set(old?.servers ?? [])
    for server in rule.servers where !before.contains(server) {
      if state.draining[identity]?.removeValue(forKey: server) != nil {
        try director.editServer(server, settings(server, weight: 1), of: identity)
      } else {
        try director.addServer(server, settings(server, weight: 1), to: identity)
      }
    }
    let after = Set(rule.servers)
    for server in old?.servers ?? [] where !after.contains(server) {
      if identity.isUDP {
        try director.deleteServer(server, of: identity)
      } else {
        try director.editServer(server, settings(server, weight: 0), of: identity)
        state.draining[identity, default: [:]][server] = .now
      }
    }
  }

  /// FULLNAT; but the node's own sockets could not tell its address from their own, and are asked in the client's name.
  private func settings(_ server: Endpoint, weight: UInt32) -> ServerSettings {
    ServerSettings(method: server.address == nodeAddress ? .nat : .fullNAT, weight: weight)
  }

  /// Removes what has drained, or is over its time.
  func removeDrained(_ director: Director, _ state: inout State) throws(NodeDirectorError) {
    for (identity, endpoints) in state.draining {
      try told { () throws(DirectorError) in
        // Somebody else may have removed it.
        guard let service = try director.standing(identity) else {
          state.draining[identity] = nil
          return
        }
        for server in service.servers {
          guard let since = endpoints[server.endpoint] else { continue }
          let isIdle = server.activeConnections == 0 && server.inactiveConnections == 0
          guard isIdle || since.duration(to: .now) >= drainLimit else { continue }
          try director.deleteServer(server.endpoint, of: identity)
          state.draining[identity]?[server.endpoint] = nil
        }
      }
      if state.draining[identity]?.isEmpty == true { state.draining[identity] = nil }
    }
  }
}

extension Director {
  /// A service; nil where there is none.
  fileprivate func standing(_ identity: ServiceIdentity) throws(DirectorError) -> ServiceSnapshot? {
    do throws(DirectorError) {
      return try service(identity)
    } catch {
      if error == .noSuchService { return nil }
      throw error
    }
  }
}

extension ServiceIdentity {
  var isUDP: Bool {
    if case .address(.udp, _) = self { return true }
    return false
  }
}
