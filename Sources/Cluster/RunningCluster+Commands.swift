import ClusterModel
import Lab

extension RunningCluster {
  /// Runs a command in a node, a pod or the host outside, to its end, and collects what it wrote.
  ///
  /// - Parameter host: a name as ``find(_:)`` takes it.
  /// - Throws: ``ClusterError``; a command that fails does not throw.
  public func run(
    _ host: String, _ arguments: [String], input: [UInt8] = [], timeout: Duration = .seconds(30)
  ) throws(ClusterError) -> ExecutionResult {
    let host = try find(host)
    return try onLab { () throws(LabError) in
      try lab.exec(host, arguments, input: input, timeout: timeout)
    }
  }

  /// Starts a program in a node, a pod or the host outside; it ends with the cluster at the latest.
  ///
  /// - Parameters:
  ///   - name: names the log; unique on its host.
  ///   - listeners: ports to wait for.
  @discardableResult
  public func spawn(
    _ host: String, _ arguments: [String], name: String, listeners: [Topology.Process.Listener] = [],
    patience: Duration = .seconds(30)
  ) throws(ClusterError) -> LabProcess {
    let host = try find(host)
    return try onLab { () throws(LabError) in
      try lab.spawn(host, arguments, name: name, listeners: listeners, patience: patience)
    }
  }

  /// Ends a program that ``spawn(_:_:name:listeners:patience:)`` started, by force if it does not go within a second.
  public func stop(_ process: LabProcess) { lab.stop(process) }

  /// Runs a closure on the calling thread, inside the network namespace of a node, a pod or the host outside.
  public func inside<R>(_ host: String, _ body: () throws -> R) throws -> R { try lab.inside(try find(host), body) }

  /// The folder of a node, a pod or the host outside, with its files and logs.
  public func folder(of host: String) throws(ClusterError) -> String {
    Lab.folder(lab: name, host: try find(host))
  }

  /// The host that a name stands for: a node, a pod, the host outside, or the only pod whose name ends that way.
  public func find(_ host: String) throws(ClusterError) -> String {
    try HostNames.find(host, in: lab.topology.hosts.map(\.name), cluster: name)
  }
}

/// The hosts of a cluster, as people call them.
public enum HostNames {
  /// Finds a host by its name, by its namespace's, or by the end or beginning of it that only one has.
  public static func find(_ name: String, in hosts: [String], cluster: String) throws(ClusterError) -> String {
    let hosts = hosts.filter { $0 != ClusterHosts.underlay }
    if hosts.contains(name) { return name }
    // As `ip netns` lists it.
    if name.hasPrefix("\(cluster)-") {
      let own = String(name.dropFirst(cluster.count + 1))
      if hosts.contains(own) { return own }
    }
    for matches in [hosts.filter { $0.hasSuffix("-\(name)") }, hosts.filter { $0.hasPrefix("\(name)-") }] {
      if matches.count == 1 { return matches[0] }
    }
    throw .noSuchHost(name, cluster: cluster, hosts: hosts)
  }
}
