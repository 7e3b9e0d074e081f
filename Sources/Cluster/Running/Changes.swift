import ClusterModel
import CSystem
import Glibc
import HostSystem
import Lab
import Netlink
import Synchronization

extension RunningCluster {
  /// Changes how pods' packets get from node to node, while everything runs; after an error it is as it was.
  public func switchBackend(to backend: FlannelConfiguration.Backend) throws(ClusterError) {
    try change { () throws(ClusterError) in
      let old = layout
      if old.podNetwork.backend == backend { return }
      var new = old
      new.podNetwork.backend = backend
      // Packets may be too large for a way only for as long as nobody goes it.
      let isSmaller = new.podNetwork.podMTU < old.podNetwork.podMTU
      do throws(ClusterError) {
        if isSmaller { try setMTU(new) }
        try masquerade(new)
        try overlay.change(from: old.podNetwork, to: new.podNetwork) { () throws(ClusterError) in
          try services.lookAgain()
        }
        if !isSmaller { try setMTU(new) }
      } catch {
        try? setMTU(old)
        try? masquerade(old)
        throw error
      }
      present.withLock { $0 = new }
    }
  }

  private func setMTU(_ layout: ClusterLayout) throws(ClusterError) {
    let hosts = ClusterHosts(layout: layout, places: places, podMTU: layout.podNetwork.podMTU)
    for link in layout.pods.map(hosts.link(of:)) {
      for end in [link.first, link.second] {
        try configure(end.host) { socket throws(NetlinkError) in
          let index: UInt32
          do throws(NetlinkError) { index = try socket.interface(named: end.interface).index } catch {
            // A pod whose link somebody deleted is out of reach whatever the MTU.
            if error.code == ENODEV { return }
            throw error
          }
          try socket.setLink(index, mtu: hosts.podMTU)
        }
      }
    }
  }

  private func configure(
    _ host: String, _ body: (borrowing NetlinkSocket) throws(NetlinkError) -> Void
  ) throws(ClusterError) {
    do {
      let namespace = try NetworkNamespace.named(Lab.namespaceName(lab: name, host: host))
      try namespace.perform { () throws(NetlinkError) in try body(try NetlinkSocket()) }
    } catch { throw .part("\(host): \(error)") }
  }

  /// Brings pods and services to another layout of the same nodes and networks.
  ///
  /// Pods that are new serve before the first connection is led to them. Pods that go are first taken out of the
  /// services; they end when their connections have, or after the drain limit. Connections to others stay. After an
  /// error new pods are gone, and the services are as they were.
  public func apply(_ layout: ClusterLayout) throws(ClusterError) {
    try change { () throws(ClusterError) in
      let old = self.layout
      try checkIsSame(layout, as: old)
      let gone = old.pods.filter { pod in !layout.pods.contains { $0.isSame(as: pod) } }
      let replaced = gone.filter { pod in
        layout.pods.contains { $0.name == pod.name || $0.address == pod.address }
      }
      // One whose name or address another pod gets has to make room for it.
      if !replaced.isEmpty { try retire(replaced, services: old.without(replaced)) }
      let come = layout.pods.filter { pod in !old.pods.contains { $0.isSame(as: pod) } }
      try bringUp(come, layout)
      do throws(ClusterError) {
        if Masquerade.ports(of: layout) != Masquerade.ports(of: old) { try masquerade(layout) }
        try services.set(layout)
        try tellPrograms(layout, but: come)
      } catch {
        let now = old.without(replaced)
        for pod in come { remove(pod) }
        try? masquerade(now)
        try? services.set(now)
        try? tellPrograms(now, but: [])
        present.withLock { $0 = now }
        throw error
      }
      present.withLock { $0 = layout }
      try retire(gone.filter { pod in !replaced.contains(pod) }, services: nil)
    }
  }

  private func checkIsSame(_ new: ClusterLayout, as old: ClusterLayout) throws(ClusterError) {
    let parts = [
      // The networks first: nodes' and other addresses are of them.
      ("nodes' network", new.nodeNetwork == old.nodeNetwork),
      ("services' network", new.serviceNetwork == old.serviceNetwork),
      ("pods' network", new.podNetwork == old.podNetwork), ("nodes", new.nodes == old.nodes),
      ("domain", new.domain == old.domain),
      ("DNS server's address", new.resolver == old.resolver), ("host outside", new.outside == old.outside),
    ]
    guard let (part, _) = parts.first(where: { !$0.1 }) else { return }
    throw .layout(
      "the \(part) of a cluster that runs cannot be changed: take \(name) down and up again"
        + (part == "pods' network" ? ", or change its backend alone: svs cluster backend" : ""))
  }

  private func bringUp(_ pods: [ClusterLayout.Pod], _ layout: ClusterLayout) throws(ClusterError) {
    if pods.isEmpty { return }
    let hosts = ClusterHosts(layout: layout, places: places, podMTU: layout.podNetwork.podMTU)
    try ProgramPlaces.check(pods.flatMap { hosts.programs(of: $0).map(\.needed) })
    for pod in pods { options.progress("pod \(pod.name) on \(pod.node), \(pod.address)") }
    let links = pods.map(hosts.link(of:))
    let ports = Dictionary(links.map { ($0.second, ClusterHosts.podBridge) }) { first, _ in first }
    try onLab { () throws(LabError) in try lab.add(pods.map(hosts.host(of:)), links: links, ports: ports) }
    do throws(ClusterError) {
      for pod in pods { try services.place(pod.name, in: lab) }
      try onLab { () throws(LabError) in
        try lab.start(
          hosts.placements(of: pods), patience: options.patience,
          isAbandoned: { [weak self] in self?.isEnding.load(ordering: .acquiring) ?? true })
      }
    } catch {
      for pod in pods { remove(pod) }
      throw error
    }
  }

  /// Gives programs that read names or rules the new ones.
  private func tellPrograms(_ layout: ClusterLayout, but come: [ClusterLayout.Pod]) throws(ClusterError) {
    let hosts = ClusterHosts(layout: layout, places: places, podMTU: layout.podNetwork.podMTU)
    try tellOutside(layout)
    for pod in layout.pods where !come.contains(where: { $0.name == pod.name }) {
      let folder = Lab.folder(lab: name, host: pod.name)
      for (program, made) in zip(pod.programs, hosts.programs(of: pod)) where program.readsFilesAgain {
        var isChanged = false
        for file in made.files where (try? Files.text("\(folder)/\(file.name)")) != file.text {
          do { try Files.replace("\(folder)/\(file.name)", with: file.text) } catch { throw .part("\(error)") }
          isChanged = true
        }
        guard isChanged, let process = lab.processes(on: pod.name).last(where: { $0.name == program.name }) else {
          continue
        }
        if process.isRunning { kill(process.pid, SIGHUP) }
      }
    }
  }

  /// Gives the host outside the names of the ingress; programs that are started from now on see them.
  private func tellOutside(_ layout: ClusterLayout) throws(ClusterError) {
    let file = NameFiles.hosts(layout, isOutside: true)
    let path = "/etc/netns/\(Lab.namespaceName(lab: name, host: layout.outside.name))/\(file.name)"
    do {
      if try Files.text(path) != file.text { try Files.replace(path, with: file.text) }
    } catch { throw .part("\(layout.outside.name): \(error)") }
  }

  /// Takes pods out of the services, waits for their connections, and ends them.
  ///
  /// - Parameter services: what is to be served without them; nothing where that has been said.
  private func retire(_ pods: [ClusterLayout.Pod], services layout: ClusterLayout?) throws(ClusterError) {
    if pods.isEmpty { return }
    if let layout {
      try services.set(layout)
      try tellPrograms(layout, but: [])
      present.withLock { $0 = layout }
    }
    let deadline = Deadline(in: options.drainLimit)
    var pause: CInt = 5
    while !deadline.hasPassed, !isEnding.load(ordering: .acquiring) {
      let busy = pods.filter { openConnections(of: $0) > 0 }
      if busy.isEmpty { break }
      poll(nil, 0, min(pause, deadline.milliseconds))
      pause = min(pause * 2, 100)
    }
    for pod in pods {
      options.progress("pod \(pod.name) ends")
      remove(pod)
    }
    services.release()
  }

  private func remove(_ pod: ClusterLayout.Pod) {
    if let cookie = try? lab.cookie(of: pod.name) { services.withdraw(cookie: cookie) }
    do throws(LabError) { try lab.remove(pod.name) } catch { options.report("\(pod.name): \(error)") }
  }

  /// The connections that a pod's programs have with clients.
  func openConnections(of pod: ClusterLayout.Pod) -> Int {
    let ports = Set(pod.programs.flatMap(\.ports).filter { $0.transport == .tcp }.map(\.port))
    if ports.isEmpty { return 0 }
    let counts = try? lab.inside(pod.name) { try PodConnections().counts }
    return (counts ?? [:]).reduce(0) { ports.contains($1.key) ? $0 + $1.value : $0 }
  }
}

extension ClusterLayout.Pod {
  /// Whether it is the same pod, whose programs may read other names or rules by now.
  fileprivate func isSame(as other: ClusterLayout.Pod) -> Bool {
    var (a, b) = (self, other)
    a.programs = programs.map(\.withoutRules)
    b.programs = other.programs.map(\.withoutRules)
    // Labels choose pods for services; what came of it is in the services.
    a.labels = [:]
    b.labels = [:]
    return a == b
  }
}

extension ClusterLayout.Program {
  fileprivate var withoutRules: ClusterLayout.Program {
    guard case .ingress(_, let entryPort, let statusPort) = kind else { return self }
    return ClusterLayout.Program(
      name: name, kind: .ingress(rules: "", entryPort: entryPort, statusPort: statusPort), ports: ports)
  }
}

extension ClusterLayout {
  /// The same without some pods, and without them in the services.
  fileprivate func without(_ gone: [Pod]) -> ClusterLayout {
    var layout = self
    layout.pods.removeAll { gone.contains($0) }
    let addresses = Set(gone.map(\.address))
    for service in layout.services.indices {
      layout.services[service].endpoints.removeAll { addresses.contains($0.address) }
    }
    return layout
  }
}
