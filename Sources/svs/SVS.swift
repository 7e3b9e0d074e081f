import ArgumentParser
import HostSystem
import InstrumentCommands

/// The program of the Swift Virtual Server.
@main
struct SVS: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "svs",
    abstract: "The Swift Virtual Server: LVS for today's kernels, on XDP.",
    discussion: """
      Rules are made with 'ipvsadm'; this program looks after what ipvsadm has no words for: where the director is \
      attached, how it stands, and the laboratory to try it in.

      EXAMPLES
        svs attach eth0 eth1              attach to two interfaces
        svs attach --connections 1000000  attach to all that are up, with a larger connection table
        svs status                        what is attached where, and whether all is well
        svs status --drops                why packets were not simply forwarded
        svs proc ip_vs_stats              sums and rates, as /proc/net/ip_vs_stats has them
        svs explain 10.1.0.1:40000 192.0.2.10:80   what this client's next packet would meet
        svs bench latency http://192.0.2.10/   how long requests take, as curl times them
        svs simulate rules scenario       which server each connection would get, and why
        svs detach                        stop, and free everything
      """,
    version: Version.text,
    subcommands: [
      Attach.self, Detach.self, Status.self, ProcCommand.self, ExplainCommand.self, SimulateCommand.self,
      SysctlCommand.self, LabCommand.self, DemoCommand.self,
      RealServerCommand.self, BenchCommand.self, WebAppCommand.self,
    ])
}

/// The version of this product.
enum Version {
  static let text = "\(Product.name) \(Product.version)"
}
