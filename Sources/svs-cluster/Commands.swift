import ArgumentParser
import CSystem
import Cluster
import ClusterModel
import Glibc
import HostSystem
import IngressModel
import InstrumentCommands

func up(_ command: ClusterUpCommand) throws {
  let files = try read(command.files)
  // What is wrong with a description is wrong before anything is built.
  if !files.isEmpty {
    _ = try reporting { () throws(ClusterDescriptionError) in
      try ClusterDescription.read(texts: files.map { .init(name: $0.name, text: $0.text) }).layout()
    }
  }
  let interruption = svs_watch_interrupts()
  let progress = Progress(isQuiet: command.quiet)
  do throws(ClusterError) {
    let status = try ClusterClient.up(
      files: files, name: command.name, patience: command.patience, drainSeconds: command.drain,
      holder: ["/proc/\(getpid())/exe", "cluster", "hold"], interruption: interruption, progress: { progress($0) })
    if !command.quiet { print(StatusText.welcome(status)) }
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
      guard found.contains(name) else { throw .noSuchCluster(name) }
      try ClusterClient.down(name)
    } catch {
      complain("\(error)")
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
  let all = try names.map { name in try reporting { () throws(ClusterError) in try ClusterClient.status(name) } }
  if command.json {
    print(command.name != nil && all.count == 1 ? StatusText.json(all[0]) : StatusText.json(all))
  } else if all.isEmpty {
    print("no cluster is up; 'svs cluster up' builds one")
  } else {
    print(all.map(StatusText.text).joined(separator: "\n\n"))
  }
  if all.contains(where: { !$0.problems.isEmpty }) { throw ExitCode.failure }
}

func enter(_ command: ClusterExecCommand) throws {
  try reporting { () throws(ClusterError) in
    try ClusterClient.enter(command.cluster, host: command.host, command.words)
  }
}

func changeBackend(_ command: ClusterBackendCommand) throws {
  let progress = Progress()
  try onCluster(command.cluster) { name throws(ClusterError) in
    try ClusterClient.changeBackend(name, to: command.backend) { progress($0) }
  }
}

func apply(_ command: ClusterApplyCommand) throws {
  let files = try read(command.files)
  let progress = Progress()
  try onCluster(command.cluster) { name throws(ClusterError) in
    try ClusterClient.apply(name, files) { progress($0) }
  }
}

func scale(_ command: ClusterScaleCommand) throws {
  let progress = Progress()
  try onCluster(command.cluster) { name throws(ClusterError) in
    try ClusterClient.scale(name, command.deployment, to: command.replicas) { progress($0) }
  }
}

private func onCluster(_ name: String, _ body: (String) throws(ClusterError) -> Void) throws {
  try reporting { () throws(ClusterError) in try body(try ClusterClient.find(name, lost: tellLost)) }
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
