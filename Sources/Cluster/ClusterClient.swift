import ClusterModel
import CSystem
import Glibc
import HostSystem
import Lab

/// Clusters that other programs hold: what the commands of `svs cluster` do.
public enum ClusterClient {
  /// Builds a cluster that stays, held by a program in the background; its status once it serves.
  ///
  /// - Parameters:
  ///   - holder: the program and its words that become ``ClusterHolder/run()``.
  ///   - interruption: a descriptor that, once readable, has the building given up.
  ///   - progress: told what is being done.
  public static func up(
    files: [ClusterText], name: String?, patience: Double, drainSeconds: Double, holder: [String], interruption: CInt,
    progress: (String) -> Void
  ) throws(ClusterError) -> ClusterStatus {
    guard geteuid() == 0 else { throw .notRoot }
    let order = ClusterHolder.Order(name: name, files: files, patience: patience, drainSeconds: drainSeconds)
    let (pid, channel) = try system { () throws(SystemError) in try start(holder, order) }
    while let line = channel.next(unless: interruption) {
      guard let reply = ControlLine.message(ControlReply.self, line) else { continue }
      if let text = reply.progress { progress(text) }
      if let error = reply.error { throw .control(error) }
      if let status = reply.status { return status }
    }
    if channel.isInterrupted {
      kill(pid, SIGTERM)
      // One that is stopped would not see it.
      kill(pid, SIGCONT)
    }
    // It ends once nothing of the cluster is left.
    while let line = channel.next() {
      guard let reply = ControlLine.message(ControlReply.self, line) else { continue }
      // It may have been complete just before.
      if reply.status != nil {
        while channel.next() != nil {}
        break
      }
    }
    var status: CInt = 0
    waitpid(pid, &status, 0)
    guard channel.isInterrupted else {
      throw .control("the program that was to hold the cluster ended: \(endOfOutput(status))")
    }
    throw .abandoned
  }

  private static func endOfOutput(_ status: CInt) -> String {
    status & 0x7F == 0 ? "with status \(status >> 8 & 0xFF)" : "by signal \(status & 0x7F)"
  }

  private static func start(
    _ holder: [String], _ order: ClusterHolder.Order
  ) throws(SystemError) -> (pid_t, LineChannel) {
    var ends: [CInt] = [-1, -1]
    guard pipe(&ends) == 0 else { throw .last("make a pipe") }
    let readEnd = Descriptor(ends[0])
    let writeEnd = Descriptor(ends[1])
    _ = fcntl(readEnd.number, F_SETFD, FD_CLOEXEC)
    let input = Descriptor(try SystemError.check(svs_memory_file("order"), "make a file in memory"))
    try Files.append(ControlLine.text(order), to: input, "the cluster's description")
    lseek(input.number, 0, SEEK_SET)
    let errors = try Descriptor(checking: fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3), "copy standard error")
    let pid = try Command(holder, folder: "/").start(
      input: input.number, output: writeEnd.number, errors: errors.number)
    return (pid, LineChannel(readEnd))
  }

  // MARK: Clusters that are up

  /// The names of the clusters that programs hold, after the remains of those without one have been removed.
  ///
  /// - Parameter lost: told the names of these.
  public static func names(lost: (String) -> Void = { _ in }) -> [String] {
    let marked = Files.list(Lab.root).filter { access(ControlSocket.path($0), F_OK) == 0 }
    let dead = marked.filter { name in
      do throws(SystemError) { _ = try ControlSocket.connect(ControlSocket.path(name), milliseconds: 200) } catch {
        return error.code == ECONNREFUSED
      }
      return false
    }
    Lab.sweep()
    return marked.filter { name in
      if access(ControlSocket.path(name), F_OK) == 0 { return true }
      if dead.contains(name) { lost(name) }
      return false
    }
  }

  /// The cluster of a name, or the only one that is up.
  public static func find(_ name: String?, lost: (String) -> Void = { _ in }) throws(ClusterError) -> String {
    let names = names(lost: lost)
    if let name {
      guard names.contains(name) else { throw missing(name) }
      return name
    }
    guard let only = names.first else {
      if let first = building().first { throw .isBuilding(first) }
      throw .control("no cluster is up; 'svs cluster up' builds one")
    }
    guard names.count == 1 else { throw .whichCluster(names) }
    return only
  }

  /// Why a cluster is not among those that are up.
  public static func missing(_ name: String) -> ClusterError {
    building().contains(name) ? .isBuilding(name) : .noSuchCluster(name)
  }

  /// The clusters that cannot be asked: they are being built, or their program has them for itself.
  public static func building() -> [String] {
    Lab.list().filter { lab in
      lab.lifetime == .ephemeral && lab.hosts.contains { $0.name == ClusterHosts.underlay } && !isUp(lab.name)
    }.map(\.name)
  }

  /// Whether there is a socket by which a cluster can be asked.
  public static func isUp(_ name: String) -> Bool { access(ControlSocket.path(name), F_OK) == 0 }

  public static func status(_ name: String) throws(ClusterError) -> ClusterStatus {
    guard let status = try ask(name, ControlRequest(verb: .status)).status else {
      throw .control("the program that holds \(name) did not tell how it stands")
    }
    return status
  }

  // Of what follows, `interruption` is a descriptor that, once readable, has the waiting end with
  // ``ClusterError/goesOn(_:)``: what was asked for is done all the same.

  /// Takes a cluster down; returns once nothing of it is left.
  public static func down(_ name: String, interruption: CInt = -1) throws(ClusterError) {
    _ = try ask(name, ControlRequest(verb: .down), interruption)
  }

  public static func changeBackend(
    _ name: String, to backend: String, interruption: CInt = -1, progress: (String) -> Void
  ) throws(ClusterError) {
    _ = try ask(name, ControlRequest(verb: .backend, backend: backend), interruption, progress: progress)
  }

  public static func apply(
    _ name: String, _ files: [ClusterText], interruption: CInt = -1, progress: (String) -> Void
  ) throws(ClusterError) {
    _ = try ask(name, ControlRequest(verb: .apply, files: files), interruption, progress: progress)
  }

  public static func scale(
    _ name: String, _ deployment: String, to replicas: Int, interruption: CInt = -1, progress: (String) -> Void
  ) throws(ClusterError) {
    let request = ControlRequest(verb: .scale, deployment: deployment, replicas: replicas)
    _ = try ask(name, request, interruption, progress: progress)
  }

  /// Replaces this process by a command in a node, a pod or the host outside; returns only by throwing.
  public static func enter(_ name: String, host: String, _ command: [String]) throws(ClusterError) -> Never {
    guard geteuid() == 0 else { throw .notRoot }
    guard let lab = Lab.list().first(where: { $0.name == name }) else { throw .noSuchCluster(name) }
    let host = try HostNames.find(host, in: lab.hosts.map(\.name), cluster: name)
    do { try Lab.enter(name, host: host, command) } catch { throw ClusterError(error) }
  }

  /// How long a holder may say nothing: while it works it says every two seconds that it does.
  private static let patience = Duration.seconds(10)

  private static func ask(
    _ name: String, _ request: ControlRequest, _ interruption: CInt = -1, progress: (String) -> Void = { _ in }
  ) throws(ClusterError) -> ControlReply {
    guard geteuid() == 0 else { throw .notRoot }
    let channel: LineChannel
    do throws(SystemError) { channel = LineChannel(try ControlSocket.connect(ControlSocket.path(name))) } catch {
      if error.code == EAGAIN { throw .noAnswer(name, holder: nil) }
      throw .control("\(error)")
    }
    let holder = ControlSocket.listener(channel.number)
    channel.send(ControlLine.text(request))
    while let line = channel.next(unless: interruption, patience: patience) {
      guard let reply = ControlLine.message(ControlReply.self, line) else { continue }
      if let text = reply.progress { progress(text) }
      if let error = reply.error { throw .control(error) }
      if reply.isLast { return reply }
    }
    if channel.isInterrupted { throw .goesOn(name) }
    if channel.isLate { throw .noAnswer(name, holder: holder) }
    // A signal may have ended it meanwhile, and then there is nobody left to answer.
    if request.verb == .down, access(Lab.folder(lab: name), F_OK) != 0 { return ControlReply(isLast: true) }
    throw .control("the program that holds \(name) ended without an answer; 'svs cluster status' tells what is left")
  }

  private static func system<R: ~Copyable>(_ body: () throws(SystemError) -> R) throws(ClusterError) -> R {
    do { return try body() } catch { throw .control("\(error)") }
  }
}
