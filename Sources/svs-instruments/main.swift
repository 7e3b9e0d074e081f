import ArgumentParser
import CSystem
import Glibc
import HostSystem
import InstrumentCommands

/// The words of `svs` that this program does; `svs` becomes it with its own arguments.
struct Instruments: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "svs", abstract: "The instruments of the Swift Virtual Server; 'svs' starts this program.",
    version: "svs \(Release.version)", subcommands: [BenchCommand.self, WebAppCommand.self])
}

// A peer that hangs up is an error of its connection, not the end of the program.
signal(SIGPIPE, SIG_IGN)
// For every way out: standard output that could not be written is told.
svs_guard_output("svs")
do {
  var command = try Instruments.parseAsRoot()
  switch command {
  case let command as LatencyCommand: try command.measure()
  case let command as CompareCommand: try command.compare()
  case let command as ThroughputCommand: try command.measureThroughput()
  case let command as LoadCommand: try await command.load()
  case let command as WebAppCommand: try await serve(command.setting)
  default: try command.run()
  }
} catch let error as ValidationError {
  // Words that only the command itself could judge; by default the usage of all of svs would follow.
  complain(error.message)
  Instruments.exit(withError: ExitCode.validationFailure)
} catch {
  Instruments.exit(withError: error)
}
