import CSystem
import Glibc
import HostSystem
import Netlink

/// A process started in a lab.
public struct LabProcess: Hashable, Sendable {
  public var host: String
  public var name: String
  public var pid: pid_t
  /// Where its standard output and errors go.
  public var log: String
  let start: UInt64

  /// Whether this very process still runs.
  public var isRunning: Bool { ProcessTable.start(of: pid) == start }
}

extension RunningLab {
  /// Starts a process that is to go on; its output goes to a log in the host's folder.
  func start(_ process: Topology.Process, on hostName: String) throws(LabError) -> LabProcess {
    let host = try host(hostName)
    let log = "\(folder(of: host.name))/\(process.name).log"
    let command = Command(
      process.arguments.map { expand($0, on: host.name) }, folder: folder(of: host.name),
      etc: Lab.etcFolder(lab: name, host: host.name))
    let pid = try inside(host.name) { () throws(LabError) in
      try attempt { () throws(SystemError) in
        let output = try Descriptor(
          checking: open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644), "write \(log)")
        let input = try Descriptor(checking: open("/dev/null", O_RDONLY | O_CLOEXEC), "open /dev/null")
        return try command.start(input: input.number, output: output.number, errors: output.number)
      }
    }
    // A process that has already ended is still there as a zombie: it is ours to collect.
    let start = ProcessTable.start(of: pid) ?? 0
    try state.record(.process(.init(host: host.name, name: process.name, pid: pid, start: start)))
    return LabProcess(host: host.name, name: process.name, pid: pid, log: log, start: start)
  }

  /// Throws if a process of the topology has ended.
  func checkIsAlive(_ name: String, on host: String) throws(LabError) {
    guard let journal = state.journal,
      let process = journal.processes.last(where: { $0.host == host && $0.name == name }),
      ProcessTable.start(of: process.pid) != process.start
    else { return }
    let log = (try? Files.text("\(folder(of: host))/\(name).log")) ?? ""
    let last = log.split(separator: "\n").suffix(5).joined(separator: "\n  ")
    throw .process(host: host, name: name, last.isEmpty ? "ended and said nothing" : "ended and said:\n  \(last)")
  }
}

extension Lab {
  /// Starts a process that goes on beside the caller; it ends with the lab at the latest.
  ///
  /// - Parameters:
  ///   - listeners: ports to wait for.
  ///   - name: names the log; unique on its host.
  @discardableResult
  public func spawn(
    _ host: String, _ arguments: [String], name: String, listeners: [Topology.Process.Listener] = [],
    patience: Duration = .seconds(30)
  ) throws(LabError) -> LabProcess {
    guard isFileName(name) else { throw .topology("\"\(name)\" is no file name") }
    let process = try running.start(.init(name, arguments, listeners: listeners), on: host)
    let deadline = Deadline(in: patience)
    while !listeners.isEmpty {
      let open = try running.openPorts(on: host)
      if listeners.allSatisfy(open.contains) { break }
      try running.checkIsAlive(name, on: host)
      if deadline.hasPassed { throw .notReady(["\(host): \(name) does not listen"]) }
      poll(nil, 0, min(5, deadline.milliseconds))
    }
    return process
  }

  /// Ends a process of this lab, by force if it does not go within a second.
  public func stop(_ process: LabProcess) {
    guard process.isRunning else { return }
    TearDown.end([process.pid]) { ProcessTable.start(of: $0) == process.start }
  }
}

extension Journal.Process {
  /// Whether this very process still runs.
  var isRunning: Bool { ProcessTable.start(of: pid) == start }
}

/// The machine's processes as /proc shows them.
enum ProcessTable {
  /// When a process began, in clock ticks since boot; nothing if it is gone or a zombie.
  static func start(of pid: pid_t) -> UInt64? {
    guard let text = try? Files.text("/proc/\(pid)/stat"), let end = text.lastIndex(of: ")") else { return nil }
    // The name in parentheses may hold anything; behind it come the state, field 3, and so on.
    let fields = text[text.index(after: end)...].split(separator: " ")
    guard fields.count > 19, fields[0] != "Z", fields[0] != "X" else { return nil }
    return UInt64(fields[19])
  }

  /// The processes inside a network namespace, other than this one.
  static func members(of namespace: borrowing NetworkNamespace) -> [pid_t] {
    members(of: Set([NamespaceIdentity(namespace)].compactMap { $0 }))
  }

  /// The processes inside any of some network namespaces, other than this one.
  static func members(of namespaces: Set<NamespaceIdentity>) -> [pid_t] {
    if namespaces.isEmpty { return [] }
    return Files.list("/proc").compactMap { pid_t($0) }.filter { pid in
      pid != getpid() && NamespaceIdentity(ofProcess: pid).map(namespaces.contains) ?? false
    }
  }
}

/// What tells a network namespace that exists from all others.
struct NamespaceIdentity: Hashable {
  private let device: dev_t
  private let file: ino_t

  init?(_ namespace: borrowing NetworkNamespace) {
    var found = stat()
    guard fstat(namespace.descriptor, &found) == 0 else { return nil }
    (device, file) = (found.st_dev, found.st_ino)
  }

  init?(ofProcess pid: pid_t) {
    var found = stat()
    guard stat("/proc/\(pid)/ns/net", &found) == 0 else { return nil }
    (device, file) = (found.st_dev, found.st_ino)
  }
}
