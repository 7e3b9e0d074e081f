import HostSystem
import Netlink

extension Lab {
  /// A process of the topology's kind, and where it is to run.
  public struct Placement: Hashable, Sendable {
    public var host: String
    public var process: Topology.Process

    public init(_ process: Topology.Process, on host: String) {
      self.host = host
      self.process = process
    }
  }

  /// Starts processes that go on beside the caller, all at once, and waits until every one of them listens.
  ///
  /// - Throws: also where one of them ended instead; those that were started go on then.
  public func start(
    _ placements: [Placement], patience: Duration = .seconds(15),
    isAbandoned: @escaping @Sendable () -> Bool = { false }
  ) throws(LabError) {
    var hosts: [String: Topology.Host] = [:]
    for placement in placements {
      guard isFileName(placement.process.name) else {
        throw .topology("\"\(placement.process.name)\" is no file name")
      }
      _ = try running.start(placement.process, on: placement.host)
      hosts[placement.host, default: .init(placement.host)].processes.append(placement.process)
    }
    try running.waitForListeners(
      hosts.values.sorted { $0.name < $1.name }, Waiting(deadline: Deadline(in: patience), isAbandoned: isAbandoned))
  }

  /// The processes that were started on a host, those that have ended among them.
  public func processes(on host: String) -> [LabProcess] {
    (running.state.journal?.processes ?? []).filter { $0.host == host }.map {
      LabProcess(
        host: host, name: $0.name, pid: $0.pid, log: "\(running.folder(of: host))/\($0.name).log", start: $0.start)
    }
  }

  /// What identifies a host's network namespace as long as the machine runs.
  public func cookie(of host: String) throws(LabError) -> UInt64 {
    let namespace = try running.namespace(of: host)
    do { return try namespace.cookie } catch { throw .network(error, host: host) }
  }
}
