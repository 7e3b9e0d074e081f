import CSystem
import Glibc
import HostSystem
import Netlink
import Synchronization

/// A running network of namespaces, built from a description and taken down with its owner.
///
/// Namespaces are named `LAB-HOST`, so that `ip netns` sees them, and several labs stand side by side. What a lab makes
/// is written to a journal under /run/svs/labs first: if its owner is killed, the next lab, `svs lab list` or
/// `svs lab down` removes the remains.
public struct Lab: ~Copyable, Sendable {
  public enum Lifetime: String, Sendable {
    /// Goes with the value, or with the process that made it.
    case ephemeral
    /// Stays until `svs lab down`.
    case kept
  }

  let running: RunningLab

  public var name: String { running.name }
  /// /run/svs/labs/NAME; a folder for each host is in it, with its files and the logs of its processes.
  public var folder: String { StateFolder.path(running.name) }
  public var topology: Topology { running.topology }
  /// Whether somebody removed its folder: no other program finds what it has made then, and its owner is to take it down.
  public var isLost: Bool { running.state.isLost }

  /// Builds a lab and waits until links, addresses and listening processes are there.
  ///
  /// - Parameters:
  ///   - name: made up if absent.
  ///   - patience: how long the waiting may take.
  ///   - isAbandoned: asked again and again; once it says so, nothing more is built.
  /// - Throws: ``LabError``; whatever was made by then has been taken down.
  public init(
    _ topology: Topology, name: String? = nil, lifetime: Lifetime = .ephemeral, patience: Duration = .seconds(15),
    isAbandoned: @escaping @Sendable () -> Bool = { false }
  ) throws(LabError) {
    try topology.check()
    let name = name ?? Lab.freeName()
    guard isLabName(name) else { throw .invalidName(name) }
    Lab.sweep()
    let deadline = Deadline(in: patience)
    let running = RunningLab(
      topology: topology, lifetime: lifetime, state: try StateFolder.claim(name, lifetime: lifetime, deadline))
    do {
      try running.build(Waiting(deadline: deadline, isAbandoned: isAbandoned))
      try running.state.record(.ready)
    } catch {
      try? running.takeDown()
      throw error
    }
    self.running = running
  }

  deinit {
    if running.lifetime == .ephemeral { try? running.takeDown() }
  }

  /// Takes everything down: processes, namespaces, files. A second call does nothing.
  public func down() throws(LabError) { try running.takeDown() }

  /// Takes everything down, for whoever cannot hold the lab itself: a signal's handler on another thread.
  public var ending: @Sendable () throws(LabError) -> Void {
    { [running] () throws(LabError) in try running.takeDown() }
  }

  private static let made = Atomic<Int>(0)

  private static func freeName() -> String {
    "t\(getpid())-\(made.add(1, ordering: .relaxed).newValue)"
  }
}

/// Builds a lab, hands it out and takes it down, whether the closure returns or throws.
public func withLab<R>(
  _ topology: Topology, name: String? = nil, _ body: (borrowing Lab) throws -> R
) throws -> R {
  let lab = try Lab(topology, name: name)
  let result = Result { try body(lab) }
  try lab.down()
  return try result.get()
}

/// What a ``Lab`` owns; a class, so that taking down can be asked for and also happen by itself.
final class RunningLab: Sendable {
  /// As it was built, with the hosts that came and without those that went since.
  let present: Mutex<Topology>
  let lifetime: Lab.Lifetime
  let state: StateFolder
  private let isDown = Mutex(false)

  var name: String { state.name }
  var topology: Topology { present.withLock { $0 } }

  init(topology: Topology, lifetime: Lab.Lifetime, state: consuming StateFolder) {
    present = Mutex(topology)
    self.lifetime = lifetime
    self.state = state
  }

  func takeDown() throws(LabError) {
    // The lock is held throughout: whoever asks second must not go on before everything is gone.
    try isDown.withLock { isDown throws(LabError) in
      if isDown { return }
      try TearDown.run(state)
      isDown = true
    }
  }

  func host(_ name: String) throws(LabError) -> Topology.Host {
    guard let host = topology.hosts.first(where: { $0.name == name }) else {
      throw .noSuchHost(name, lab: self.name)
    }
    return host
  }

  func folder(of host: String) -> String { Lab.folder(lab: name, host: host) }

  func namespace(of host: String) throws(LabError) -> NetworkNamespace {
    do {
      return try NetworkNamespace.named(Lab.namespaceName(lab: name, host: host))
    } catch {
      throw .network(error, host: host)
    }
  }

  /// Runs a closure inside a host's namespace.
  func inside<R: ~Copyable>(_ host: String, _ body: () throws(LabError) -> R) throws(LabError) -> R {
    let namespace = try namespace(of: host)
    let result: Result<R, LabError>
    do {
      result = try namespace.perform { () throws(NetlinkError) in
        do throws(LabError) { return .success(try body()) } catch { return .failure(error) }
      }
    } catch {
      throw .network(error, host: host)
    }
    return try result.get()
  }

  /// Changes kernel settings inside a host's namespace.
  func adjust(_ host: String, _ body: () throws(SystemError) -> Void) throws(LabError) {
    try inside(host) { () throws(LabError) in try attempt(body) }
  }

  /// Runs netlink requests inside a host's namespace, with errors that name the host.
  func configure<R>(
    _ host: String, _ body: (borrowing NetlinkSocket) throws(NetlinkError) -> R
  ) throws(LabError) -> R {
    let namespace = try namespace(of: host)
    do {
      return try namespace.perform { () throws(NetlinkError) in try body(try NetlinkSocket()) }
    } catch {
      throw .network(error, host: host)
    }
  }
}

extension Lab {
  /// The namespace of a host, as `ip netns` lists it.
  public static func namespaceName(lab: String, host: String) -> String { "\(lab)-\(host)" }

  /// Where the folders of all labs are.
  public static var root: String { StateFolder.root }

  /// The folder of a lab, with those of its hosts.
  public static func folder(lab: String) -> String { StateFolder.path(lab) }

  /// The folder of a host's files and logs.
  public static func folder(lab: String, host: String) -> String { "\(StateFolder.path(lab))/\(host)" }

  /// Where ip-netns(8) looks for files that stand in /etc for a host; nothing where it has none.
  public static func etcFolder(lab: String, host: String) -> String? {
    let path = "/etc/netns/\(namespaceName(lab: lab, host: host))"
    return access(path, F_OK) == 0 ? path : nil
  }
}
