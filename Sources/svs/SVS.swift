import ArgumentParser
import CSystem
import HostSystem
import InstrumentCommands
import VirtualServer

@main
enum Program {
  static func main() {
    // For every way out, help and errors in words among them.
    svs_guard_output("svs")
    do {
      var command = try SVS.parseAsRoot()
      do { try command.run() } catch let error as ValidationError {
        // Words that only the command itself could judge; by default the usage of all of svs would follow.
        complain(error.message)
        throw ExitCode.validationFailure
      }
    } catch {
      SVS.exit(withError: error)
    }
  }
}

/// The program of the Swift Virtual Server.
struct SVS: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "svs",
    abstract: "The Swift Virtual Server: LVS for today's kernels, on XDP.",
    discussion: """
      Rules are made with 'ipvsadm'; this program looks after what ipvsadm has no words for: where the director is \
      attached, how it stands, and the laboratory to try it in.

      EXAMPLES
        svs attach eth0 eth1              attach to two interfaces
        svs attach --connections 1000000  to all that are up; a larger table
        svs status                        what is attached, and whether all is well
        svs status --drops                why packets were not simply forwarded
        svs connections                   the connection table, with FULLNAT's local ends
        svs proc ip_vs_stats              sums and rates, as in /proc/net
        svs explain 10.1.0.2:40000 192.0.2.10:80
                                          what this flow's next packet would meet
        svs bench latency http://192.0.2.10/
                                          how long requests take, as curl does it
        svs cluster up                    nodes, pods and services on this machine
        svs simulate rules scenario       which servers connections would get
        svs detach                        stop, and free everything
      """,
    version: "svs \(Release.version)",
    subcommands: [
      Attach.self, Detach.self, Status.self, ConnectionsCommand.self, ProcCommand.self, ExplainCommand.self,
      SimulateCommand.self,
      SysctlCommand.self, LocalAddressCommand.self, ClientAddressCommand.self, LabCommand.self, DemoCommand.self,
      RealServerCommand.self, BenchCommand.self, WebAppCommand.self, IngressCommand.self,
      ClusterCommand.self, OverlayCommand.self,
    ])
}
