import ArgumentParser
import CSystem
import Cluster
import ClusterModel
import Glibc
import HostSystem
import InstrumentCommands

/// The words of `svs` that this program does; `svs` becomes it with its own arguments.
struct ClusterProgram: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "svs", abstract: "Clusters of the Swift Virtual Server; 'svs' starts this program.",
    version: "svs \(Release.version)", subcommands: [ClusterCommand.self, BenchCommand.self, OverlayCommand.self])
}

// What is opened where a standard descriptor was closed would be taken for it.
for number in CInt(0)...2 where fcntl(number, F_GETFD) < 0 { _ = open("/dev/null", O_RDWR) }
signal(SIGPIPE, SIG_IGN)
svs_guard_output("svs")
do {
  var command = try ClusterProgram.parseAsRoot()
  switch command {
  case let command as ClusterUpCommand: try up(command)
  case is ClusterHoldCommand: exit(ClusterHolder.run())
  case let command as ClusterDownCommand: try down(command)
  case let command as ClusterStatusCommand: try status(command)
  case let command as ClusterExecCommand: try enter(command)
  case let command as ClusterBackendCommand: try changeBackend(command)
  case let command as ClusterApplyCommand: try apply(command)
  case let command as ClusterScaleCommand: try scale(command)
  case is ClusterExampleCommand: show(ClusterDescription.standardText, terminator: "")
  case let command as ReportCommand: try command.report()
  case let command as OverlayCommand: try runOverlay(command)
  default: try command.run()
  }
} catch let error as ValidationError {
  complain(error.message)
  ClusterProgram.exit(withError: ExitCode.validationFailure)
} catch {
  ClusterProgram.exit(withError: error)
}
