import CSystem
import Glibc
import HostSystem
import Netlink

/// A lab as `svs lab list` shows it.
public struct LabSummary: Hashable, Sendable {
  public struct Host: Hashable, Sendable {
    public var name: String
    public var namespace: String
    public var processes: [Process]
  }

  public struct Process: Hashable, Sendable {
    public var name: String
    public var pid: Int32
    public var isRunning: Bool
  }

  public var name: String
  public var lifetime: Lab.Lifetime
  /// Whether it is complete; one that is not is still being built.
  public var isReady: Bool
  public var hosts: [Host]
}

extension Lab {
  /// Every lab of this machine, after those whose owner died have been removed.
  public static func list() -> [LabSummary] {
    sweep()
    return StateFolder.names().compactMap { name in
      StateFolder.journal(name).map { LabSummary(name: name, $0) }
    }
  }

  /// Removes what labs have left whose owner died: ephemeral ones, and those that never were complete.
  public static func sweep() {
    for name in StateFolder.names() {
      // An owner that lives holds the lock; what cannot be removed now is tried again by the next sweep.
      guard let state = try? StateFolder.adopt(name) else { continue }
      let journal = StateFolder.journal(name)
      if let journal, journal.lifetime == .kept, journal.isReady, !journal.isEnding { continue }
      try? TearDown.run(state)
    }
  }

  /// Takes down a lab by name, other than one whose owner lives.
  public static func down(_ name: String) throws(LabError) {
    guard isLabName(name) else { throw .invalidName(name) }
    let deadline = Deadline(in: .seconds(15))
    while true {
      guard StateFolder.names().contains(name) else { throw .noSuchLab(name) }
      if let state = try StateFolder.adopt(name) { return try TearDown.run(state) }
      // Somebody else is taking it down: it is gone when they are done.
      guard StateFolder.journal(name)?.isEnding == true, !deadline.hasPassed else { throw .isOwned(name) }
      poll(nil, 0, 2)
      if !StateFolder.names().contains(name) { return }
    }
  }

  /// Replaces this process by a command inside a host's namespace; returns only by throwing.
  public static func enter(_ name: String, host: String, _ arguments: [String]) throws(LabError) -> Never {
    guard let journal = StateFolder.journal(name) else { throw .noSuchLab(name) }
    guard journal.namespaces.contains(where: { $0.host == host }) else { throw .noSuchHost(host, lab: name) }
    guard let program = arguments.first else { throw .topology("no program to run") }
    let namespace: NetworkNamespace
    do { namespace = try NetworkNamespace.named(namespaceName(lab: name, host: host)) } catch {
      throw .network(error, host: host)
    }
    guard svs_setns(namespace.descriptor, SVS_CLONE_NEWNET) == 0 else {
      throw .system(.last("enter the namespace of \(host)"))
    }
    if let etc = etcFolder(lab: name, host: host) {
      _ = try attempt { () throws(SystemError) in
        try SystemError.check(svs_own_etc(etc), "let the files of \(etc) stand in /etc")
      }
    }
    // What a program ignores, the one that it becomes would ignore too.
    signal(SIGPIPE, SIG_DFL)
    withCStrings(arguments) { list in
      program.withCString { _ = execvp($0, list) }
    }
    throw .cannotRun(program, code: errno)
  }
}

extension LabSummary {
  init(name: String, _ journal: Journal) {
    self.init(
      name: name, lifetime: journal.lifetime, isReady: journal.isReady,
      hosts: journal.namespaces.map { namespace in
        Host(
          name: namespace.host, namespace: Lab.namespaceName(lab: name, host: namespace.host),
          processes: journal.processes.filter { $0.host == namespace.host }.map {
            Process(name: $0.name, pid: $0.pid, isRunning: ProcessTable.start(of: $0.pid) == $0.start)
          })
      })
  }
}
