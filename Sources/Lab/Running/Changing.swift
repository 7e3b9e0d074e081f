import Glibc
import HostSystem
import Netlink
import RealServerSetup
import Synchronization

extension Lab {
  /// Adds hosts to a lab that is up, with their cables, and waits until they are ready.
  ///
  /// - Parameters:
  ///   - links: each from one of the hosts to one that is there, or to another of them.
  ///   - ports: the far ends of these cables that become ports of a bridge which is there, with the bridge's name.
  /// - Throws: ``LabError``; the hosts are gone again then.
  public func add(
    _ hosts: [Topology.Host], links: [Topology.Link] = [], ports: [Topology.Link.End: String] = [:],
    patience: Duration = .seconds(15)
  ) throws(LabError) {
    let before = running.topology
    var after = before
    after.hosts += hosts
    after.links += links
    for (end, bridge) in ports { after.addPort(end, to: bridge) }
    try after.check()
    running.present.withLock { $0 = after }
    do {
      try running.add(hosts, links, Waiting(deadline: Deadline(in: patience)))
    } catch {
      for host in hosts { try? running.remove(host.name) }
      running.present.withLock { $0 = before }
      throw error
    }
  }

  /// Ends what runs on a host and takes it out of the lab, with its cables and files.
  public func remove(_ host: String) throws(LabError) {
    _ = try running.host(host)
    try running.remove(host)
    running.present.withLock { $0.remove(host) }
  }

  /// Has a file or folder outside of the lab's own go with it, also if its owner dies; told before it is made.
  public func own(_ path: String) throws(LabError) {
    guard path.hasPrefix("/"), !path.contains(where: { $0.isWhitespace }) else {
      throw .topology("\"\(path)\" is no path that a lab can own")
    }
    try running.state.record(.path(path))
  }
}

extension RunningLab {
  fileprivate func remove(_ host: String) throws(LabError) {
    guard let journal = state.journal else { throw .noSuchLab(name) }
    guard let namespace = journal.namespaces.first(where: { $0.host == host }) else { return }
    TearDown.end(journal.processes.filter { $0.host == host }, of: [namespace], lab: name)
    do { try TearDown.remove(namespace, lab: name) } catch { throw .network(error, host: host) }
    if let cookie = namespace.cookie { RealServer.forget(cookie: cookie) }
    for process in journal.processes where process.host == host { TearDown.collect(process.pid) }
    // The kernel takes a namespace apart when it finds the time; the cables' other ends are to go now.
    for link in topology.links where [link.first.host, link.second.host].contains(host) {
      let end = link.first.host == host ? link.second : link.first
      guard end.host != host else { continue }
      do {
        try configure(end.host) { socket throws(NetlinkError) in
          try socket.deleteLink(try socket.interface(named: end.interface).index)
        }
      } catch {
        // The link went with the namespace, or the other end's namespace has no name any more.
        guard case .network(let reason, _) = error, [ENODEV, ENOENT].contains(reason.code) else { throw error }
      }
    }
    let etc = Lab.etcFolder(lab: name, host: host)
    let folder = folder(of: host)
    try attempt { () throws(SystemError) in
      if let etc { try Files.remove(etc) }
      try Files.remove(folder)
    }
    try state.record(.dropped(host: host))
  }
}

extension Topology {
  fileprivate mutating func addPort(_ end: Link.End, to bridge: String) {
    guard let host = hosts.firstIndex(where: { $0.name == end.host }),
      let device = hosts[host].devices.firstIndex(where: { $0.name == bridge }),
      case .bridge(let ports) = hosts[host].devices[device].kind
    else { return }
    hosts[host].devices[device].kind = .bridge(ports: ports + [end.interface])
  }

  fileprivate mutating func remove(_ name: String) {
    for link in links where [link.first.host, link.second.host].contains(name) {
      let end = link.first.host == name ? link.second : link.first
      guard let host = hosts.firstIndex(where: { $0.name == end.host }) else { continue }
      for device in hosts[host].devices.indices {
        guard case .bridge(let ports) = hosts[host].devices[device].kind else { continue }
        hosts[host].devices[device].kind = .bridge(ports: ports.filter { $0 != end.interface })
      }
    }
    links.removeAll { [$0.first.host, $0.second.host].contains(name) }
    hosts.removeAll { $0.name == name }
  }
}
