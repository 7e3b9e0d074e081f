import ArgumentParser
import CSystem
import Cluster
import ClusterModel
import Glibc
import HostSystem
import IngressModel
import InstrumentCommands
import Lab

func up(_ command: ClusterUpCommand) throws {
  let files = try read(command.files)
  // What is wrong with a description is wrong before anything is built.
  if !files.isEmpty {
    _ = try reporting { () throws(ClusterDescriptionError) in
      try ClusterDescription.described(texts: files.map { .init(name: $0.name, text: $0.text) }).layout()
    }
  }
  let interruption = svs_watch_interrupts()
  let progress = Progress(isQuiet: command.quiet)
  do throws(ClusterError) {
    let status = try ClusterClient.up(
      files: files, name: command.name, patience: command.patience, drainSeconds: command.drain,
      holder: ["/proc/\(getpid())/exe", "cluster", "hold"], interruption: interruption, progress: { progress($0) })
    if !command.quiet { show(StatusText.welcome(status)) }
  } catch {
    complain("\(error)")
    if case .abandoned = error { throw ExitCode(130) }
    throw ExitCode.failure
  }
}

func down(_ command: ClusterDownCommand) throws {
  let names: [String]
  if command.all {
    names = ClusterClient.names(lost: tellLost)
  } else if command.names.isEmpty {
    names = [try reporting { () throws(ClusterError) in try ClusterClient.find(nil, lost: tellLost) }]
  } else {
    names = command.names
  }
  let interruption = svs_watch_interrupts()
  // One that cannot be taken down keeps no other up.
  var hasFailed = false
  for name in names {
    do throws(ClusterError) {
      // One whose holder died is removed by the look for it.
      var isLost = false
      let found = ClusterClient.names { lost in
        tellLost(lost)
        if lost == name { isLost = true }
      }
      if isLost { continue }
      guard found.contains(name) else { throw ClusterClient.missing(name) }
      try ClusterClient.down(name, interruption: interruption)
    } catch {
      complain("\(error)")
      if case .goesOn = error { throw ExitCode(130) }
      hasFailed = true
    }
  }
  if hasFailed { throw ExitCode.failure }
}

func status(_ command: ClusterStatusCommand) throws {
  let names: [String]
  if let name = command.name {
    names = [try reporting { () throws(ClusterError) in try ClusterClient.find(name, lost: tellLost) }]
  } else {
    names = ClusterClient.names(lost: tellLost)
  }
  var all: [ClusterStatus] = []
  var hasFailed = false
  for name in names {
    do throws(ClusterError) { all.append(try ClusterClient.status(name)) } catch {
      // Of all of them, one may end while the others are asked.
      if command.name == nil, !ClusterClient.isUp(name) { continue }
      complain("\(error)")
      hasFailed = true
    }
  }
  if command.name != nil, all.isEmpty { throw ExitCode.failure }
  if command.json {
    show(command.name != nil && all.count == 1 ? StatusText.json(all[0]) : StatusText.json(all))
  } else {
    var parts = all.map(StatusText.text)
    if command.name == nil { parts += ClusterClient.building().map { "\(ClusterError.isBuilding($0))" } }
    if !parts.isEmpty {
      show(parts.joined(separator: "\n\n"))
    } else if !hasFailed {
      show("no cluster is up; 'svs cluster up' builds one")
    }
  }
  if hasFailed || all.contains(where: { !$0.problems.isEmpty }) { throw ExitCode.failure }
}

func enter(_ command: ClusterExecCommand) throws {
  do throws(ClusterError) {
    try ClusterClient.enter(command.cluster, host: command.host, command.words)
  } catch {
    complain("\(error)")
    // As a shell tells them: not there, and not to be run.
    if case .lab(let reason) = error, case .cannotRun(_, let code) = reason {
      throw ExitCode(code == ENOENT ? 127 : 126)
    }
    throw ExitCode.failure
  }
}

func changeBackend(_ command: ClusterBackendCommand) throws {
  let progress = Progress()
  try onCluster(command.cluster) { name, interruption throws(ClusterError) in
    try ClusterClient.changeBackend(name, to: command.backend, interruption: interruption) { progress($0) }
  }
}

func apply(_ command: ClusterApplyCommand) throws {
  let files = try read(command.files)
  let progress = Progress()
  try onCluster(command.cluster) { name, interruption throws(ClusterError) in
    try ClusterClient.apply(name, files, interruption: interruption) { progress($0) }
  }
}

func scale(_ command: ClusterScaleCommand) throws {
  let progress = Progress()
  try onCluster(command.cluster) { name, interruption throws(ClusterError) in
    try ClusterClient.scale(name, command.deployment, to: command.replicas, interruption: interruption) {
      progress($0)
    }
  }
}

/// Has a cluster changed; a signal ends the waiting for it, and not the change.
private func onCluster(_ name: String, _ body: (String, CInt) throws(ClusterError) -> Void) throws {
  let name = try reporting { () throws(ClusterError) in try ClusterClient.find(name, lost: tellLost) }
  let interruption = svs_watch_interrupts()
  do throws(ClusterError) { try body(name, interruption) } catch {
    complain("\(error)")
    if case .goesOn = error { throw ExitCode(130) }
    throw ExitCode.failure
  }
}

private func read(_ files: [String]) throws -> [ClusterText] {
  try files.map { file in
    do throws(ConfigurationFinding) {
      return ClusterText(name: file, text: try IngressConfiguration.contents(of: file))
    } catch {
      complain("\(error)")
      throw ExitCode.failure
    }
  }
}

private func tellLost(_ name: String) {
  complain("the program that held the cluster \(name) had died; what was left of the cluster has been removed")
}
