import CSystem
import Glibc
import HostSystem
import Netlink
import RealServerSetup

/// Takes down what a journal says a lab made, by its owner or by whoever found it without one.
enum TearDown {
  /// Ends the processes, deletes the namespaces, removes the folder; goes on after an error and throws the first.
  static func run(_ state: borrowing StateFolder) throws(LabError) {
    let journal = state.journal
    try? state.record(.ending)
    var first: LabError?
    // Together, since each may take its time to end.
    end(journal?.processes ?? [], of: journal?.namespaces ?? [], lab: state.name)
    for namespace in journal?.namespaces ?? [] {
      do throws(NetlinkError) {
        try remove(namespace, lab: state.name)
        if let cookie = namespace.cookie { RealServer.forget(cookie: cookie) }
      } catch {
        first = first ?? .network(error, host: namespace.host)
      }
    }
    for process in journal?.processes ?? [] { collect(process.pid) }
    for path in journal?.paths ?? [] {
      do throws(SystemError) { try Files.remove(path) } catch { first = first ?? .system(error) }
    }
    // A folder that still lists what could not be removed lets the next attempt find it.
    if let first { throw first }
    try state.remove()
  }

  /// Ends every process of a lab's namespaces, and those that the journal names wherever they are.
  ///
  /// Somebody may have taken a namespace's name away (`ip netns del`): it is still there with its processes.
  static func end(_ processes: [Journal.Process], of namespaces: [Journal.Namespace], lab: String) {
    let running = processes.filter(\.isRunning)
    end(
      namespaces: namespaces.compactMap { namespace in
        identity(of: namespace, lab: lab)
          ?? identity(of: namespace, by: running.filter { $0.host == namespace.host })
      })
    let starts = Dictionary(processes.filter(\.isRunning).map { ($0.pid, $0.start) }) { _, last in last }
    if starts.isEmpty { return }
    end(Array(starts.keys)) { ProcessTable.start(of: $0) == starts[$0] }
  }

  /// Ends a host's processes and takes its namespace away; one that is gone, or is somebody else's, is left alone.
  static func remove(_ namespace: Journal.Namespace, lab: String) throws(NetlinkError) {
    let name = Lab.namespaceName(lab: lab, host: namespace.host)
    do {
      let opened = try NetworkNamespace.named(name)
      // Somebody deleted ours and made another of that name: that one is theirs.
      if let cookie = namespace.cookie, try opened.cookie != cookie { return }
      end(namespaces: [NamespaceIdentity(opened)].compactMap { $0 })
    } catch {
      switch error.code {
      case ENOENT: return
      // The file is there, but no namespace was ever put on it.
      case EINVAL: break
      default: throw error
      }
    }
    try NetworkNamespace.delete(name)
  }

  /// What a namespace of the journal is known by, if it is there and the lab's.
  private static func identity(of namespace: Journal.Namespace, lab: String) -> NamespaceIdentity? {
    let name = Lab.namespaceName(lab: lab, host: namespace.host)
    do {
      let opened = try NetworkNamespace.named(name)
      if let cookie = namespace.cookie, try opened.cookie != cookie { return nil }
      return NamespaceIdentity(opened)
    } catch {
      return nil
    }
  }

  /// The same of a namespace without a name, by the processes that were started in it.
  ///
  /// Any of them may be in another by now: the cookie says whether it is the one.
  private static func identity(of namespace: Journal.Namespace, by processes: [Journal.Process]) -> NamespaceIdentity? {
    guard let cookie = namespace.cookie else { return nil }
    for process in processes {
      do {
        let opened = try NetworkNamespace.ofProcess(process.pid)
        if try opened.cookie == cookie { return NamespaceIdentity(opened) }
      } catch { continue }
    }
    return nil
  }

  /// Ends every process of some namespaces, also those that others start while they end.
  private static func end(namespaces: [NamespaceIdentity]) {
    let namespaces = Set(namespaces)
    let deadline = Deadline(in: .seconds(10))
    var patience = Duration.seconds(1)
    while !deadline.hasPassed {
      let members = ProcessTable.members(of: namespaces)
      if members.isEmpty { return }
      end(members, patience: patience) { NamespaceIdentity(ofProcess: $0).map(namespaces.contains) ?? false }
      patience = .zero
    }
  }

  /// Asks processes to end, and makes those that do not.
  ///
  /// - Parameters:
  ///   - patience: how long they may take.
  ///   - isMeant: asked again once the process is held by a descriptor, so that a number that has been given to
  ///     another process meanwhile harms nobody.
  static func end(_ pids: [pid_t], patience: Duration = .seconds(1), _ isMeant: (pid_t) -> Bool) {
    var held: [pollfd] = []
    defer { for process in held { close(process.fd) } }
    for pid in pids {
      let handle = svs_pidfd_open(pid)
      guard handle >= 0 else { continue }
      held.append(pollfd(fd: handle, events: Int16(POLLIN), revents: 0))
      guard isMeant(pid) else {
        held.removeLast()
        close(handle)
        continue
      }
      _ = svs_pidfd_signal(handle, SIGTERM)
      // A stopped process would not see the request.
      _ = svs_pidfd_signal(handle, SIGCONT)
    }
    for signal in [SIGKILL, 0] {
      let deadline = Deadline(in: signal == SIGKILL ? patience : .seconds(10))
      while let left = firstRunning(&held), !deadline.hasPassed {
        var watched = held[left]
        poll(&watched, 1, deadline.milliseconds)
      }
      guard firstRunning(&held) != nil, signal != 0 else { break }
      for process in held { _ = svs_pidfd_signal(process.fd, signal) }
    }
    for pid in pids { collect(pid) }
  }

  private static func firstRunning(_ processes: inout [pollfd]) -> Int? {
    poll(&processes, nfds_t(processes.count), 0)
    return processes.firstIndex { $0.revents == 0 }
  }

  /// Collects a child that has ended; others' children are none of ours, and refuse.
  static func collect(_ pid: pid_t) {
    var wasSignalled: CInt = 0
    var code: CInt = 0
    _ = svs_collect(pid, &wasSignalled, &code)
  }
}
