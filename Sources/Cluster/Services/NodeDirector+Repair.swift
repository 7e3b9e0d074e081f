import ClusterModel
import KernelDirector
import Netlink
import Synchronization

/// What others take away of a node's director, and its return.
extension NodeDirector {
  /// What is gone of all that was set, in words; nothing where all of it stands.
  public func faults() throws(NodeDirectorError) -> [String] {
    try state.withLock { state throws(NodeDirectorError) in
      try inNamespace { director throws(NodeDirectorError) in try faults(director, &state) }
    }
  }

  /// Puts back what is gone of all that was set.
  ///
  /// - Returns: what that was, in words.
  public func mend() throws(NodeDirectorError) -> [String] {
    try state.withLock { state throws(NodeDirectorError) in
      guard let wanted = state.wanted else { return [] }
      return try inNamespace { director throws(NodeDirectorError) in
        let faults = try faults(director, &state)
        if faults.isEmpty {
          try told { () throws(DirectorError) in try director.divertAtNewPorts() }
          return []
        }
        state.isUncertain = true
        state.diverted = nil
        try settle(wanted, director, &state)
        return faults
      }
    }
  }

  /// Has the director take notice of devices that came and went.
  func lookAgain() throws(NodeDirectorError) {
    try state.withLock { state throws(NodeDirectorError) in
      guard let traffic = state.diverted else { return }
      try inNamespace { director throws(NodeDirectorError) in
        if director.exists { try divert(traffic, director, &state) }
      }
    }
  }

  private func faults(_ director: Director, _ state: inout State) throws(NodeDirectorError) -> [String] {
    guard let wanted = state.wanted, let traffic = state.diverted else { return [] }
    guard director.exists else { return ["the director of services is gone ('svs detach', or its device was deleted)"] }
    var faults: [String] = []
    if try !told({ () throws(DirectorError) in try director.diverts(traffic) }) {
      faults.append(
        "a program, a device, the route or the address is gone by which packets come to services, or an interface is "
          + "new ('bpftool net', 'tc filter', 'ip link', 'ip route', 'ip address')")
    }
    let generation = try told { () throws(DirectorError) in try director.generation() }
    if state.isUncertain || generation != state.generation {
      var seen = state
      try learn(director, &seen)
      if try isMissing(wanted, seen.standing, director) {
        faults.append("services, or pods of theirs, are gone from the director ('ipvsadm')")
      } else if !state.isUncertain {
        seen.generation = generation
        state = seen
      }
    }
    return faults
  }

  /// Whether something that is wanted does not stand.
  private func isMissing(
    _ wanted: ServiceRules, _ standing: ServiceRules, _ director: Director
  ) throws(NodeDirectorError) -> Bool {
    for (identity, rule) in wanted.rules {
      guard let present = standing[identity], present.settings == rule.settings,
        Set(present.servers).isSuperset(of: rule.servers)
      else { return true }
    }
    let local = LocalAddresses(IPPrefix(localAddress))
    let pools = try told { () throws(DirectorError) in try director.localAddresses() }
    return !pools.contains { $0.addresses == local && $0.service == nil && !$0.isLeaving }
  }
}
